"""From files of sentence pairs to a DATASET, in stages that stream over units of pairs.

read (in order, here) → clean, reject and split → filter → learn vocabularies from train → encode →
learn a lexicon from train. All but the first run in this process or as Ray Data jobs, those that
clean, filter and encode unit by unit. dataset.json is written last. After an interruption the same
command goes on with the pieces that are not done, see `nmt.corpus.journal`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nmt.cluster.connection import connect
from nmt.corpus.corpora import Corpus
from nmt.corpus.corpus_records import Counted, with_corpora
from nmt.corpus.dataset_folder import already_done, claim, clear, remove_empty, tidy
from nmt.corpus.encoding import (
    encode_unit,
    learn_lexicon,
    learn_vocabulary,
    take_vocabulary,
)
from nmt.corpus.filtering import Filtering, filter_pairs
from nmt.corpus.filters import Languages
from nmt.corpus.filters.cross_entropy import OpenScorer, PairModels
from nmt.corpus.journal import Journal, UnusablePieces, described, pieces_key
from nmt.corpus.pair_reader import Inspection, PairReader
from nmt.corpus.plausible import (
    cleaned_problem,
    encoded_problem,
    lexicon_problem,
    read_problem,
)
from nmt.corpus.reading import grammar_units, read_units
from nmt.corpus.record import language, listed, number_inputs, record, total
from nmt.corpus.request import (
    PrepareRequest,
    corpora_of,
    describe,
    open_inputs,
    resolve_settings,
)
from nmt.corpus.samples import write_page
from nmt.corpus.splitting import SPLITS, lopsided
from nmt.corpus.stages import Plan, Unit, clean_unit
from nmt.corpus.vocabulary_source import VocabularySource
from nmt.errors import JobFailed, Stopped, UnusableInput
from nmt.records import FileEntry
from nmt.records.dataset import (
    DatasetRecord,
    NumberedInput,
    PairCounts,
    Preparation,
    lengths_of,
)
from nmt.records.preparation import (
    Cleaned,
    Encoded,
    Filtered,
    NothingCounted,
    ReadUnits,
)
from nmt.shards.dataset import INFO_NAME, Dataset

log = logging.getLogger(__name__)

_SMALL_BYTES = 64 << 20  # less text than this is done before Ray would have started
_DEMO_BYTES = 120  # of a pair of the built-in grammar, about


def prepare(request: PrepareRequest, open_scorer: OpenScorer | None = None) -> Dataset:
    """Make a DATASET, or find that it is there already.

    A preparation that was interrupted goes on with what it has not done; see
    `nmt.corpus.journal`.

    Args:
        request: inputs, output and settings.
        open_scorer: loads the models that score pairs: `nmt.inference.pair_scores.open_scorer`;
            None where there are none.

    Returns:
        The dataset, opened.

    Raises:
        UnusableInput: arguments or inputs that cannot be used; nothing is left behind.
    """
    corpora = corpora_of(request)
    models = None
    if request.forward_model is not None or request.backward_model is not None:
        if open_scorer is None:
            raise TypeError(
                "prepare: models need open_scorer=nmt.inference.pair_scores.open_scorer"
            )
        models = PairModels(open_scorer, request.forward_model, request.backward_model)
    given = VocabularySource.open(request.vocabulary_from) if request.vocabulary_from else None
    settings = resolve_settings(request, corpora, given)
    if given is not None:
        given.tell_tags([corpus.tag or settings.tag for corpus in corpora])
    inputs, owners = open_inputs(request, corpora)
    preparation = describe(request, settings, corpora, inputs, given)
    if already_done(request.output, preparation):
        log.info(f"{request.output}: already prepared with these settings, nothing to do")
        return Dataset.open(request.output)
    inspected = {role: [reader.inspect() for reader in readers] for role, readers in inputs.items()}
    distributed = _distributed(request, inspected)
    if distributed:
        connect(request.address)
    plan = Plan(
        request.output,
        settings,
        demo=request.demo is not None,
        corpora=tuple(corpus.plan for corpus in corpora),
        named=request.corpora is not None,
        by_document=any(corpus.split_by is not None for corpus in corpora),
    )
    new = not request.output.exists()
    key = pieces_key(preparation)
    resumed = claim(request.output, preparation, key)

    def attempt(resumed: bool) -> DatasetRecord:
        journal = Journal(plan, key, distributed, resumed)
        if request.demo:
            units = grammar_units(plan, request.demo)
        else:
            units = _read(journal, inputs, owners, inspected)
        numbered = number_inputs(inputs, inspected)
        dataset = _make(journal, request, preparation, given, models, corpora, numbered, units)
        if resumed:  # by others, perhaps: what is recorded of a file, and what lies there
            Dataset.of_record(request.output, dataset).check_files()
        write_page(request.output, dataset)
        return dataset

    try:
        try:
            dataset = attempt(resumed)
        except (JobFailed, Stopped):  # of the machine, or a person's wish
            raise
        except Exception as error:
            if not resumed:
                raise
            problem = described(error)
            log.warning(f"what an earlier run left cannot be used: {problem}; all is done anew")
            clear(request.output)
            claim(request.output, preparation, key)
            dataset = attempt(resumed=False)
    except UnusableInput:
        clear(request.output)
        if new:
            remove_empty(request.output)
        raise
    (request.output / INFO_NAME).write_json(dataset)
    tidy(request.output)
    return Dataset.open(request.output)


def _read(
    journal: Journal,
    inputs: dict[str, list[PairReader]],
    owners: list[int],
    inspected: dict[str, list[Inspection]],
) -> list[Unit]:
    """The units of the input files."""
    pairs = {role: sum(item.rows for item in inspected[role]) for role in SPLITS}
    sample = journal.plan.settings.sample
    taken = pairs if not sample else {**pairs, "train": min(sample, pairs["train"])}
    (read,) = journal.run(
        "read",
        read_units,
        [sum(pairs.values())],
        *(inputs, owners, inspected),
        result=ReadUnits,
        title="read all files",
        distributed=False,  # in order
        problem=partial(read_problem, taken, owners),
    )
    return [Unit(**unit.model_dump()) for unit in read.units]


def _make(
    journal: Journal,
    request: PrepareRequest,
    preparation: Preparation,
    given: VocabularySource | None,
    models: PairModels | None,
    corpora: Sequence[Corpus],
    inputs: list[NumberedInput],
    units: list[Unit],
) -> DatasetRecord:
    """Run the stages; returns the content of dataset.json."""
    plan, run = journal.plan, journal.run
    settings = plan.settings
    held_out = tuple(unit for unit in units if unit.role != "train")
    training = tuple(unit for unit in units if unit.role == "train")
    cleaned: list[Cleaned] = []
    if held_out:
        cleaned += run(
            *("held", clean_unit, held_out, ()),
            result=Cleaned,
            title="clean given splits",
            problem=cleaned_problem,
        )
    cleaned += run(
        *("clean", clean_unit, training, held_out),
        result=Cleaned,
        title="clean and split",
        problem=cleaned_problem,
    )
    if plan.by_document:
        _tell_documents(cleaned)
    languages = Languages(
        *(
            language(settings, side, cleaned, None if named else request.vocabulary_from)
            for side in ("source", "target")
            for named in [getattr(request.settings, f"{side}_language")]
        )
    )
    filtering = Filtering()
    if plan.filtered:
        filtering = filter_pairs(journal, languages, units, models)
    counted: Sequence[Cleaned | Filtered] = filtering.results or cleaned
    counts = total(item.counts for item in counted)
    drops = [*(item.drops for item in cleaned), *(item.drops for item in filtering.results)]
    _require_training(counts, total(drops))
    _make_vocabularies(journal, training, counts["train"], given, request.extend_vocabulary)
    encoded = run(
        *("encode", encode_unit, units, inputs),
        result=Encoded,
        title="encode",
        problem=encoded_problem,
    )
    lengths = total(lengths_of(unit.lengths) for unit in encoded)
    trained = [unit.files["train"].name for unit in encoded if "train" in unit.files]
    (lexicon,) = run(
        *("lexicon", learn_lexicon, [trained], lengths),
        result=FileEntry,
        title="learn the lexicon",
        problem=lexicon_problem,
    )
    dataset = record(
        plan, request, preparation, corpora, inputs, languages, cleaned, encoded, lexicon
    )
    results: list[tuple[Unit, Counted]] = [
        *zip(held_out + training, cleaned, strict=True),
        *zip(filtering.units, filtering.results, strict=True),
        *zip(units, encoded, strict=True),
    ]
    dataset = with_corpora(dataset, corpora, results, filtering)
    _require_training(dataset.counts.to_json(), dataset.drops)
    if sum(dataset.drops.values()) != dataset.counts.rejected:
        raise UnusablePieces("the pieces have other reasons than rejected pairs")
    if plan.by_document:
        _tell_splits(plan, dataset.counts)
    if not dataset.counts.valid:
        log.warning("valid/ is empty, but training needs it; give a larger --valid-fraction")
    return dataset


def _make_vocabularies(
    journal: Journal,
    training: tuple[Unit, ...],
    train_rows: int,
    given: VocabularySource | None,
    extension: int,
) -> None:
    """Learn the vocabularies, or take over given ones."""
    sides = ["joint"] if journal.plan.settings.joint_vocabulary else ["source", "target"]
    noun = "vocabulary" if len(sides) == 1 else "vocabularies"
    verb = "learn" if given is None else "extend" if extension else "copy"
    function: Callable[..., None] = learn_vocabulary
    arguments: tuple[Any, ...] = (training, train_rows)
    if given is not None:
        function, arguments = take_vocabulary, (*arguments, given, extension)
    journal.run(
        *("vocabulary", function, sides, *arguments),
        result=NothingCounted,
        title=f"{verb} the {noun}",
    )


def _tell_documents(cleaned: Sequence[Cleaned]) -> None:
    """Say how many pairs have no document to be split by."""
    pairs = sum(sum(one.counts.values()) for one in cleaned)
    documents = sum(one.documents for one in cleaned)
    log.info(
        f"{documents:,} of {pairs:,} pairs have a document and are split by it, the others by "
        "their sources"
    )


def _tell_splits(plan: Plan, counts: PairCounts) -> None:
    """Say how many pairs the splits have whose shares are of the documents, and warn where
    documents of unlike sizes have given one far more or less than its share."""
    shares = {"valid": plan.settings.valid_fraction, "test": plan.settings.test_fraction}
    own = {"train": counts.train, **{s: getattr(counts, s) for s in shares}}
    pairs = sum(own.values())
    if told := [
        f"{split} has {own[split] / pairs:.1%} of the pairs for {share:.1%} of the values"
        for split, share in shares.items()
        if share
    ]:
        log.info(f"fractions are those of the values of --split-by: {'; '.join(told)}")
    if odd := lopsided(own, shares):
        log.warning(
            f"--split-by: documents of unlike sizes make the splits lopsided: {'; '.join(odd)}; "
            "give another --seed or column, or files for the held-out splits"
        )


def _require_training(counts: dict[str, int], drops: dict[str, int]) -> None:
    if not counts.get("train"):
        held = ", ".join(f"{split} {counts.get(split, 0):,}" for split in ("valid", "test"))
        raise UnusableInput(
            f"no usable pair is left for training ({held}; rejected: {listed(drops)}); "
            "give more or other pairs"
        )


def _distributed(request: PrepareRequest, inspected: dict[str, list[Inspection]]) -> bool:
    if request.distributed is not None:
        return request.distributed
    size = sum(item.text_bytes for items in inspected.values() for item in items)
    # A cluster that was named is joined, whatever the size: the user has asked for it.
    return bool(request.address) or size + (request.demo or 0) * _DEMO_BYTES >= _SMALL_BYTES
