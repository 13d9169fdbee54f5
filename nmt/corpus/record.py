"""The content of dataset.json."""

from __future__ import annotations

import logging
import platform
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import TypeVar

from nmt.corpus.cleaning import RULES
from nmt.corpus.corpora import Corpus
from nmt.corpus.filters import Languages
from nmt.corpus.pair_reader import Inspection, PairReader
from nmt.corpus.request import PrepareRequest
from nmt.corpus.splitting import SPLITS
from nmt.corpus.stages import Plan
from nmt.errors import UnusableInput
from nmt.json_text import hash_json
from nmt.languages import contradiction, language_of
from nmt.records import FileEntry
from nmt.records.dataset import (
    DatasetRecord,
    NumberedInput,
    PairCounts,
    Preparation,
    SplitFiles,
    Tokenizer,
    VocabularyFile,
    lengths_of,
)
from nmt.records.model import Direction
from nmt.records.preparation import Cleaned, Encoded
from nmt.settings import DataSettings
from nmt.shards.dataset import FORMAT_VERSION
from nmt.storage.location import Location
from nmt.version import __version__
from nmt.vocabulary import vocabulary_class

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
_MOST_PARTS = 20  # of a path that names a file
_OCCURRENCES = 5  # of an entry of the vocabulary, on average, from which it can be learnt


def number_inputs(
    inputs: dict[str, list[PairReader]], inspected: dict[str, list[Inspection]]
) -> list[NumberedInput]:
    """For each input its first id, so that an id leads back to a line."""
    readers = [reader for role in SPLITS for reader in inputs[role]]
    length = _telling_length([file for reader in readers for file in reader.locations])
    files, first = [], 0
    for role in SPLITS:
        for reader, inspection in zip(inputs[role], inspected[role], strict=True):
            names = [_end_of_path(location, length) for location in reader.locations]
            rows = inspection.rows
            files.append(NumberedInput(role=role, names=names, rows=rows, first_id=first))
            first += rows
    return files


def _telling_length(files: Sequence[Location]) -> int:
    """How many parts of the ends of their paths tell these files from each other."""
    different = {file.uri: file for file in files}.values()
    for length in range(1, _MOST_PARTS):
        if len({_end_of_path(file, length) for file in different}) == len(different):
            return length
    return _MOST_PARTS


def _end_of_path(file: Location, length: int) -> str:
    parts = [file.name]
    while len(parts) < length and (file := file.parent).name:
        parts.append(file.name)
    return "/".join(reversed(parts))


def record(
    plan: Plan,
    request: PrepareRequest,
    preparation: Preparation,
    corpora: Sequence[Corpus],
    inputs: list[NumberedInput],
    languages: Languages,
    cleaned: list[Cleaned],
    encoded: list[Encoded],
    lexicon: FileEntry,
) -> DatasetRecord:
    """Bring together what the stages wrote and counted."""
    settings = plan.settings
    files = {
        split: [unit.files[split] for unit in encoded if split in unit.files]
        for split in (*SPLITS, "rejected")
    }
    tokenizer = Tokenizer(
        kind=settings.tokenizer,
        joint=settings.joint_vocabulary,
        source=_vocabulary_file(plan, "source"),
        target=_vocabulary_file(plan, "target"),
    )
    lengths: dict[tuple[int, int], int] = total(lengths_of(unit.lengths) for unit in encoded)
    if request.vocabulary_from is None:
        _warn_of_rare_entries(tokenizer, lengths)
    return DatasetRecord(
        format_version=FORMAT_VERSION,
        languages=Direction(**languages._asdict()),
        tokenizer=tokenizer,
        counts=PairCounts(
            input=request.demo or sum(file.rows for file in inputs),
            **{split: sum(entry.rows for entry in files[split]) for split in files},
        ),
        drops=total([unit.drops for unit in cleaned] + [unit.drops for unit in encoded]),
        cleaning=dict.fromkeys(RULES, 0) | total(unit.rules for unit in cleaned),
        split_rule=_split_rule(settings, request, corpora),
        seed=settings.seed,
        alignment=plan.demo,
        lexicon=lexicon,
        inputs=inputs,
        files=SplitFiles(**files),
        lengths={
            f"{source} {target}": lengths[source, target] for source, target in sorted(lengths)
        },
        too_long=total(unit.too_long for unit in encoded),
        versions={
            "nmt": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("pyarrow", "sentencepiece")},
        },
        request=preparation,
        fingerprint=hash_json(preparation.to_json()),
    )


def _vocabulary_file(plan: Plan, side: str) -> VocabularyFile:
    kind = vocabulary_class(plan.settings.tokenizer)
    data = (plan.output / kind.file_name(side)).read_bytes()
    vocabulary = kind(data)  # type: ignore[call-arg]
    return VocabularyFile(
        file=kind.file_name(side),
        bytes=len(data),
        sha256=vocabulary.sha256,
        size=vocabulary.size,
    )


def _warn_of_rare_entries(tokenizer: Tokenizer, lengths: Mapping[tuple[int, int], int]) -> None:
    """Say where most entries of a vocabulary are too rare to be learnt."""
    for place, (side, file) in enumerate(
        (("source", tokenizer.source), ("target", tokenizer.target))
    ):
        sides = (0, 1) if tokenizer.joint else (place,)
        tokens = sum(pair[one] * count for pair, count in lengths.items() for one in sides)
        if tokens < _OCCURRENCES * file.size:
            log.warning(
                f"the {side} vocabulary has {file.size:,} entries for {tokens:,} tokens "
                "of training text, so most are too rare to be learnt; give a smaller --vocab-size, "
                "or more text"
            )


def total(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """The sum of several counts, sorted by key."""
    summed: Counter[K] = Counter()
    for item in counts:
        summed.update(item)
    return {key: summed[key] for key in sorted(summed)}  # type: ignore[type-var]


def listed(counts: dict[str, int]) -> str:
    """Counts as one line for people."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def language(
    settings: DataSettings, side: str, cleaned: list[Cleaned], taken_from: Location | None = None
) -> str:
    """The language that was named, or that the script of the text decides on.

    Args:
        settings: perhaps with its name.
        side: ``source`` or ``target``.
        cleaned: with the scripts of the text.
        taken_from: what the name was taken over from; None if a person has given it.

    Raises:
        UnusableInput: the text is in another script than the language that was taken over.
    """
    scripts = total(item.scripts[side] for item in cleaned)
    named = getattr(settings, f"{side}_language")
    if named is None:
        return language_of(scripts)
    if doubt := contradiction(named, scripts):
        if taken_from is not None:
            raise UnusableInput(
                f"the {side} language of --vocabulary-from {taken_from} is {named}, but in the "
                f"{side} text {doubt}, with --{side}-language"
            )
        log.warning(f"the {side} language is {named}, but in the {side} text {doubt}")
    return named


def _split_rule(settings: DataSettings, request: PrepareRequest, corpora: Sequence[Corpus]) -> str:
    parts = []
    held_out = [split for split in ("valid", "test") if request.split_files(split)]
    if held_out:
        parts.append(
            f"{' and '.join(held_out)} from given files; a training pair whose source stands in "
            "them is rejected as leak"
        )
    if settings.valid_fraction or settings.test_fraction:
        key = "by source sentence as the model sees it: u = BLAKE2b(seed, source) / 2^64; "
        if columns := sorted({c.split_by for c in corpora if c.split_by is not None}):
            key = (
                f"by column {', '.join(columns)}: u = BLAKE2b(seed, value) / 2^64, of a pair "
                "without a value by its source sentence; "
            )
        parts.append(
            f"{key}u < {settings.test_fraction:g} is test, the next "
            f"{settings.valid_fraction:g} valid, else train"
        )
    return "; ".join(parts) or "all pairs are train"
