"""Several corpora of one preparation: the file of `--corpora`, and their files, opened.

tatoeba:
  pairs: deu-eng.zip
  filters: basic
crawled:
  source: [crawl.1.en.gz, crawl.2.en.gz]
  target: [crawl.1.de.gz, crawl.2.de.gz]
  weight: 0.5
  domain: web
  filters: web
  thresholds: {length_ratio: 2.5}
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field, JsonValue, field_validator

from nmt.configuration import nearest, validated
from nmt.corpus.pair_reader import COLUMN_OPTIONS, SIDES, PairReader, Sides
from nmt.corpus.readers import LineAligned, list_pairs, open_pairs
from nmt.corpus.stages import UNNAMED, PlannedCorpus
from nmt.errors import UnusableInput
from nmt.settings import FILTER_PRESETS, FilterPreset, FilterSettings
from nmt.settings.base import Group
from nmt.storage.location import Location
from nmt.vocabulary.base import TAG
from nmt.yaml_text import read_yaml

_MOST = 1000  # corpora
_LONGEST_NAME = 100  # characters


class CorpusSettings(Group):
    """A corpus in the file of `--corpora`."""

    pairs: tuple[str, ...] = Field(
        (), description="Files, folders or globs that hold both sides, as for --pairs."
    )
    source: tuple[str, ...] = Field((), description="Source texts, as for --source.")
    target: tuple[str, ...] = Field((), description="Their translations, line by line.")
    source_column: str = Field("source", description="Column of the sources in pairs.")
    target_column: str = Field("target", description="Column of their translations in pairs.")
    split_by: str | None = Field(
        None, description="Column in pairs that decides on the split; null is that of --split-by."
    )
    weight: float = Field(
        1.0,
        gt=0,
        description="How often training sees its pairs, relative to those of the other corpora.",
    )
    tag: str | None = Field(
        None, pattern=TAG, description="Its tag; null is that of data.tag (see there)."
    )
    domain: str | None = Field(None, max_length=100, description="What it is about. Only recorded.")
    filters: FilterPreset | None = Field(
        None, description="Its preset of filters; null is that of data.filters."
    )
    thresholds: FilterSettings = Field(
        FilterSettings(), description="Its thresholds, as in the group filter, over whose they go."
    )

    @field_validator("pairs", "source", "target", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Corpus:
    """A corpus to prepare.

    Attributes:
        name: as the column ``corpus`` has it.
        pairs: files that hold both sides.
        sources, targets: line-aligned texts.
        filters: the preset of its filters.
        thresholds: what follows from it, and from thresholds that were set.
        tag: before each of its sources.
        weight: how often training sees its pairs, relative to others.
        domain: recorded.
        columns: of source and target in `pairs`.
        split_by: the column there that decides on the split; None is the source.
    """

    name: str = UNNAMED
    pairs: tuple[Location, ...] = ()
    sources: tuple[Location, ...] = ()
    targets: tuple[Location, ...] = ()
    filters: FilterPreset = "none"
    thresholds: dict[str, float | bool] = field(default_factory=dict)
    weight: float = 1.0
    tag: str | None = None
    domain: str | None = None
    columns: Sides = SIDES
    split_by: str | None = None

    @property
    def plan(self) -> PlannedCorpus:
        """What the stages must know of it."""
        return PlannedCorpus(self.name, self.thresholds, self.tag)

    def listed(self) -> Corpus:
        """The same with the files that its folders and globs of pairs stand for now."""
        files = (file for location in self.pairs for file in list_pairs(location))
        return replace(self, pairs=tuple(files))

    def open(self, longest: int, languages: tuple[str | None, str | None]) -> list[PairReader]:
        """Readers for its files.

        Args:
            longest: bytes of a side that are read.
            languages: of source and target, if they are known.

        Raises:
            UnusableInput: a file is missing or of another format.
        """
        if self.split_by is not None and self.sources:
            where = f"corpus '{self.name}': " if self.name != UNNAMED else ""
            raise UnusableInput(
                f"{where}--source and --target have no column '{self.split_by}' to split by; give "
                "files of pairs with that column, or name the column only for corpora that have it "
                "(split_by in the file of --corpora)"
            )
        options = COLUMN_OPTIONS
        if self.name != UNNAMED:
            own = (f"{side}_column of corpus '{self.name}'" for side in SIDES)
            options = next(own), next(own)
        readers = [
            open_pairs(location, longest, self.columns, languages, self.split_by, options)
            for location in self.pairs
        ]
        for source, target in zip(self.sources, self.targets, strict=True):
            readers.append(LineAligned(source, target, longest))
        return readers

    def describe(self) -> JsonValue:
        """What of it decides on the dataset, beside the files."""
        thresholds: dict[str, JsonValue] = dict(self.thresholds)
        columns: dict[str, JsonValue] = {}
        if self.columns != SIDES:
            columns["columns"] = [*self.columns]
        if self.split_by is not None:
            columns["split_by"] = self.split_by
        return {
            **columns,
            **{"filters": self.filters, "thresholds": thresholds, "weight": self.weight},
            **{"tag": self.tag, "domain": self.domain, "files": len(self.pairs + self.sources)},
        }


def thresholds_of(preset: str, *settings: FilterSettings) -> dict[str, float | bool]:
    """The thresholds of a preset, with those that were set; of several the last one holds."""
    thresholds = dict(FILTER_PRESETS[preset])
    for group in settings:
        thresholds |= group.model_dump(exclude_none=True)
    return thresholds


def read_corpora(
    file: Location, preset: FilterPreset, common: FilterSettings, split_by: str | None = None
) -> list[Corpus]:
    """The corpora that a YAML file names.

    Args:
        file: the file; relative names in it count from the current folder, as on a command line.
        preset: of those that name none.
        common: thresholds of all of them.
        split_by: the column that decides on the split, of those that name none.

    Raises:
        UnusableInput: an unknown key, a wrong value, or a corpus without files.
    """
    content = read_yaml(file)
    if not isinstance(content, dict) or not content:
        raise UnusableInput(
            f"{file}: expected a mapping from names of corpora to their files, as "
            "'news: {pairs: news.tsv}'"
        )
    if len(content) > _MOST:
        raise UnusableInput(f"{file}: {len(content):,} corpora, more than {_MOST:,}")
    return [_corpus(file, name, value, preset, common, split_by) for name, value in content.items()]


def _corpus(
    file: Location,
    name: Any,
    value: Any,
    preset: FilterPreset,
    common: FilterSettings,
    split_by: str | None,
) -> Corpus:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise UnusableInput(
            f"{file}: {str(name)[:_LONGEST_NAME]!r} cannot name a corpus; write a text of at most "
            f"{_LONGEST_NAME} characters that can be printed"
        )
    where = f"{file}: corpus '{name}'"
    _check_keys(where, value, set(CorpusSettings.model_fields))
    _check_keys(
        f"{where}: thresholds", value.get("thresholds", {}), set(FilterSettings.model_fields)
    )
    settings = validated(CorpusSettings, value, f"{where}: '{{}}'")
    if not settings.pairs and not settings.source:
        raise UnusableInput(f"{where} has no files; give pairs, or source and target")
    if len(settings.source) != len(settings.target):
        raise UnusableInput(
            f"{where} has {len(settings.source)} source but {len(settings.target)} target files; "
            "give one target for each source"
        )
    if settings.domain is not None and not settings.domain.isprintable():
        raise UnusableInput(f"{where}: 'domain': write a text that can be printed")
    chosen = settings.filters or preset
    pairs, sources, targets = (
        tuple(Location(path) for path in files)
        for files in (settings.pairs, settings.source, settings.target)
    )
    return Corpus(
        name,
        pairs,
        sources,
        targets,
        filters=chosen,
        thresholds=thresholds_of(chosen, common, settings.thresholds),
        weight=settings.weight,
        tag=settings.tag,
        domain=settings.domain,
        columns=(settings.source_column, settings.target_column),
        split_by=split_by if settings.split_by is None else settings.split_by,
    )


def _check_keys(where: str, value: Any, known: set[str]) -> None:
    if not isinstance(value, dict):
        raise UnusableInput(f"{where}: expected keys and values, as 'pairs: news.tsv'")
    for key in value:
        if key not in known:
            raise UnusableInput(f"{where}: key '{key}' is unknown; {nearest(str(key), known)}")
