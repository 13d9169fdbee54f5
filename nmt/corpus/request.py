"""The request of a preparation, checked before anything is written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, NamedTuple

from pydantic import JsonValue

from nmt.cluster.connection import Address
from nmt.corpus.corpora import Corpus, read_corpora, thresholds_of
from nmt.corpus.pair_models import describe_models, scored_by_models
from nmt.corpus.pair_reader import SIDES, PairReader
from nmt.corpus.readers import LineAligned, list_pairs, open_pairs
from nmt.corpus.symbols import check_symbols
from nmt.corpus.vocabulary_source import VocabularySource
from nmt.errors import UnusableInput
from nmt.languages import language_code
from nmt.options import FromSettings, Option
from nmt.records.dataset import Preparation
from nmt.settings import DataSettings, FilterSettings
from nmt.storage.location import Location
from nmt.text_limits import most_bytes

_LANGUAGE = re.compile(r"\.([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})*)$")
_ENDINGS = re.compile(r"\.(gz|bz2|xz|zst|txt)$", re.IGNORECASE)


OPTIONS = (
    *("valid_fraction", "test_fraction", "tokenizer", "vocab_size", "joint_vocabulary"),
    *("min_frequency", "lowercase", "max_length", "sample", "seed"),
    *("source_language", "target_language", "filters", "tag"),
)


@dataclass(frozen=True)
class PrepareRequest:
    """What a preparation is asked for; ``nmt prepare --help`` shows it.

    In `settings`, fields that were not set explicitly may be filled from the inputs (languages,
    fractions). `distributed` overrides the choice between this process and Ray (tests).
    """

    output: Annotated[Location, Option("Folder or URI to write.", "DATASET")]
    settings: Annotated[
        DataSettings, FromSettings("data", tuple(f"data.{name}" for name in OPTIONS))
    ] = field(default_factory=DataSettings)
    thresholds: Annotated[FilterSettings, FromSettings("filter")] = field(
        default_factory=FilterSettings
    )
    pairs: Annotated[
        Location | None,
        Option(
            "File of source<TAB>target lines (.tsv .txt .zip), of columns (.csv .jsonl .parquet) "
            "or languages (.tmx); text also in .gz .bz2 .xz .zst. Or a folder, or a glob.",
            "FILE",
        ),
    ] = None
    source_column: Annotated[
        str, Option("Column of the source in files of pairs (.csv .jsonl .parquet).", "COLUMN")
    ] = "source"
    target_column: Annotated[str, Option("Column of its translation there.", "COLUMN")] = "target"
    split_by: Annotated[
        str | None,
        Option(
            "Column that decides on the split, such as a document: all pairs with one value fall "
            "into one split. Lines of text have numbers for columns, from 3.",
            "COLUMN",
            default="the source sentence",
        ),
    ] = None
    sources: Annotated[
        tuple[Location, ...],
        Option(
            "Source text, a sentence per line, perhaps compressed. Repeatable.",
            "FILE",
            name="--source",
        ),
    ] = ()
    targets: Annotated[
        tuple[Location, ...],
        Option("Its translation, line by line. Repeatable.", "FILE", name="--target"),
    ] = ()
    corpora: Annotated[
        Location | None,
        Option(
            "Several corpora, each with a name, files, filters and a weight, from a YAML file.",
            "FILE.yaml",
        ),
    ] = None
    demo: Annotated[
        int | None, Option("So many pairs of the built-in English–German grammar.", "N")
    ] = None
    valid_source: Annotated[
        Location | None, Option("Validation set, instead of a fraction.", "FILE")
    ] = None
    valid_target: Annotated[Location | None, Option("Its translation.", "FILE")] = None
    test_source: Annotated[Location | None, Option("Test set, instead of a fraction.", "FILE")] = (
        None
    )
    test_target: Annotated[Location | None, Option("Its translation.", "FILE")] = None
    valid_pairs: Annotated[
        Location | None, Option("Validation set in one file, as --pairs.", "FILE")
    ] = None
    test_pairs: Annotated[Location | None, Option("Test set in one file, as --pairs.", "FILE")] = (
        None
    )
    forward_model: Annotated[
        Location | None,
        Option("Model from source to target that scores pairs: filter.cross_entropy.", "MODEL"),
    ] = None
    backward_model: Annotated[
        Location | None,
        Option("Model from target to source that does; best give both.", "MODEL"),
    ] = None
    vocabulary_from: Annotated[
        Location | None,
        Option(
            "Take over vocabularies and cleaning, to train that model further.", "MODEL|DATASET"
        ),
    ] = None
    extend_vocabulary: Annotated[
        int,
        Option("Add so many entries at most to the vocabularies of --vocabulary-from.", least=0),
    ] = 0
    address: Address = None
    distributed: bool | None = None

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of source and target."""
        return self.source_column, self.target_column

    def split_files(self, split: str) -> Location | tuple[Location, Location] | None:
        """The files of the split ``valid`` or ``test``: both sides in one, or source and target;
        None if it is drawn.

        Raises:
            UnusableInput: one side without the other, or both kinds of files.
        """
        source, target = getattr(self, f"{split}_source"), getattr(self, f"{split}_target")
        pairs = getattr(self, f"{split}_pairs")
        if (source is None) != (target is None):
            raise UnusableInput(f"give --{split}-source and --{split}-target together")
        if pairs is not None and source is not None:
            raise UnusableInput(f"give --{split}-pairs, or --{split}-source and --{split}-target")
        if pairs is not None:
            return pairs
        return None if source is None else (source, target)

    def open_pairs(self, location: Location) -> PairReader:
        """A reader of a file of pairs, with the columns and languages that were asked for."""
        settings = self.settings
        languages = settings.source_language, settings.target_language
        return open_pairs(location, most_bytes(settings.max_characters), self.columns, languages)


class Inputs(NamedTuple):
    """What is read.

    Attributes:
        readers: of the files of each split.
        owners: for each reader of ``train`` the place of its corpus.
    """

    readers: dict[str, list[PairReader]]
    owners: list[int]


def resolve_settings(
    request: PrepareRequest, corpora: Sequence[Corpus], given: VocabularySource | None
) -> DataSettings:
    """Check the arguments, and fill in the settings that follow from them.

    Args:
        request: the preparation.
        given: what `vocabulary_from` names.

    Raises:
        UnusableInput: arguments that contradict each other.
    """
    settings = request.settings if given is None else given.merged(request.settings)
    held_out = {split: request.split_files(split) for split in ("valid", "test")}
    filled: dict[str, Any] = {}
    for split, files in held_out.items():
        name = f"{split}_fraction"
        explicit = name in settings.model_fields_set
        if files and explicit and getattr(settings, name) > 0:
            raise UnusableInput(
                f"--{split}-fraction and given {split} files exclude each other; give one of them"
            )
        if files or (any(held_out.values()) and not explicit):
            filled[name] = 0.0
    for side in ("source", "target"):
        filled[f"{side}_language"] = _language(request, settings, corpora, side)
    settings = settings.model_copy(update=filled)
    if settings.valid_fraction + settings.test_fraction >= 1:
        raise UnusableInput("--valid-fraction and --test-fraction leave nothing for training")
    if settings.joint_vocabulary and settings.tokenizer == "word":
        raise UnusableInput("--joint-vocabulary goes with --tokenizer spm only")
    if settings.sample and request.demo:
        raise UnusableInput("--sample and --demo exclude each other; give a smaller --demo")
    check_symbols(settings)
    return settings


def corpora_of(request: PrepareRequest) -> list[Corpus]:
    """The corpora to prepare: those of `--corpora`, or the only one, which has no name.

    Raises:
        UnusableInput: options that exclude each other, or a file of corpora that is wrong.
    """
    _check_inputs(request)
    preset = request.settings.filters
    if request.corpora is not None:
        corpora = read_corpora(request.corpora, preset, request.thresholds, request.split_by)
    else:
        only = Corpus(
            pairs=() if request.pairs is None else (request.pairs,),
            sources=request.sources,
            targets=request.targets,
            filters=preset,
            thresholds=thresholds_of(preset, request.thresholds),
            columns=request.columns,
            split_by=request.split_by,
        )
        corpora = [only]
    corpora = [corpus.listed() for corpus in corpora]
    return scored_by_models(corpora, request.forward_model, request.backward_model)


def open_inputs(request: PrepareRequest, corpora: Sequence[Corpus]) -> Inputs:
    """Readers for the files of ``train``, ``valid`` and ``test``; none for the grammar.

    Raises:
        UnusableInput: a file is missing or of another format.
    """
    longest = most_bytes(request.settings.max_characters)
    languages = request.settings.source_language, request.settings.target_language
    opened = [corpus.open(longest, languages) for corpus in corpora]
    inputs: dict[str, list[PairReader]] = {"train": [*chain(*opened)], "valid": [], "test": []}
    for split in ("valid", "test"):
        if files := request.split_files(split):
            if isinstance(files, Location):
                inputs[split] += map(request.open_pairs, list_pairs(files))
            else:
                inputs[split].append(LineAligned(*files, longest))
    owners = [place for place, readers in enumerate(opened) for _ in readers]
    return Inputs(inputs, owners)


def describe(
    request: PrepareRequest,
    settings: DataSettings,
    corpora: Sequence[Corpus],
    inputs: dict[str, list[PairReader]],
    given: VocabularySource | None,
) -> Preparation:
    """The request as stored: equal requests on equal files have equal records."""
    files: dict[str, JsonValue] = {
        role: {f"{number}": file for number, file in enumerate(entries)}
        for role, readers in inputs.items()
        if (entries := [entry for reader in readers for entry in reader.identify()])
    }
    others: dict[str, JsonValue] = {"demo": request.demo} if request.demo else {}
    if given is not None:
        others["vocabulary"] = {**given.describe(), "extension": request.extend_vocabulary}
    if request.columns != SIDES:  # only then, so that releases without it know a dataset again
        others["columns"] = dict(zip(SIDES, request.columns, strict=True))
    if request.split_by is not None:
        others["split_by"] = request.split_by
    languages = settings.source_language, settings.target_language
    if models := describe_models(request.forward_model, request.backward_model, languages):
        others["models"] = models
    # The preset of the filters is that of each corpus, below.
    kept = settings.model_dump(mode="json", exclude={"filters"})
    described = Preparation(settings=kept, inputs={**files, **others})
    if request.corpora is None and not any(corpus.thresholds for corpus in corpora):
        return described
    return described.model_copy(
        update={"corpora": {corpus.name: corpus.describe() for corpus in corpora}}
    )


def _check_inputs(request: PrepareRequest) -> None:
    aligned = bool(request.sources or request.targets)
    others = (request.pairs, request.corpora, request.demo)
    if aligned + sum(one is not None for one in others) != 1:
        raise UnusableInput(
            "give exactly one of --pairs, --source with --target, --corpora, --demo"
        )
    in_one = (request.pairs, request.valid_pairs, request.test_pairs)
    if in_one == (None, None, None) and request.columns != SIDES:
        raise UnusableInput(
            "--source-column and --target-column go with --pairs; in the file of --corpora each "
            "corpus has its own source_column and target_column"
            if request.corpora
            else "--source-column and --target-column go with --pairs only"
        )
    if request.split_by is not None and request.demo is not None:
        raise UnusableInput("--split-by and --demo exclude each other: the grammar has no columns")
    if len(request.sources) != len(request.targets):
        raise UnusableInput(
            f"{len(request.sources)} --source but {len(request.targets)} --target files; "
            "give one --target for each --source"
        )
    if request.extend_vocabulary and request.vocabulary_from is None:
        raise UnusableInput(
            "--extend-vocabulary goes with --vocabulary-from; a new vocabulary has --vocab-size"
        )
    if request.demo is not None and request.demo < 1:
        raise UnusableInput(f"--demo {request.demo}: give a number of pairs, at least 1")


def _language(
    request: PrepareRequest, settings: DataSettings, corpora: Sequence[Corpus], side: str
) -> str | None:
    """The code of a side's language, as it was given or as all files' names end in it
    (``train.de.gz``); None leaves it to the script of the text."""
    if (name := getattr(settings, f"{side}_language")) is not None:
        try:
            return language_code(name)
        except ValueError as error:
            raise UnusableInput(f"--{side}-language: {error}") from None
    if request.demo:
        return {"source": "en", "target": "de"}[side]
    codes = {_ending(file.name) for corpus in corpora for file in getattr(corpus, f"{side}s")}
    return codes.pop() if len(codes) == 1 else None


def _ending(name: str) -> str | None:
    while _ENDINGS.search(name):
        name = _ENDINGS.sub("", name)
    if (match := _LANGUAGE.search(name)) is None:
        return None
    with contextlib.suppress(ValueError):
        code = language_code(match.group(1))
        # Others have three letters, and so have many endings that name no language: src, tgt.
        if len(code.partition("-")[0]) == 2:
            return code
    return None
