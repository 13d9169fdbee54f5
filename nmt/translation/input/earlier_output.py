"""An output of `nmt translate` as an input, the files that its manifest names; and the input of a
finished output, recognised without reading it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pyarrow.fs as pafs

from nmt import records
from nmt.errors import UnusableInput
from nmt.evaluation.outputs import is_whole
from nmt.formats.named_files import expand
from nmt.records import TableEntry
from nmt.records.output import InputFile, Manifest
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile, check_recorded
from nmt.storage.s3_client import AT_ONCE
from nmt.tables.parquet import open_parquet

_PART = re.compile(r"translations/part-(?:g\d+-)?\d+\.parquet")
# The columns that a translation makes; an input that is no output may not have any but the first.
OWN_COLUMNS = (
    *("id", "source", "translation", "score", "source_tokens", "target_tokens"),
    *("attention_entropy", "coverage", "flags", "alternatives", "reason"),
)


def output_parts(name: str) -> list[PinnedFile] | None:
    """The parts with the translations, in the order of the rows; None if this is no output.

    Raises:
        UnusableInput: the output is unfinished, or its manifest is damaged.
    """
    if not is_output(name):
        return None
    location = Location(name)
    if not is_whole(location):
        raise UnusableInput(
            f"{location}: an output of nmt translate that is not finished; finish it with the same "
            "command, or name its translations/ folder"
        )
    manifest = records.read(location / "manifest.json", Manifest)
    names = sorted(name for name in manifest.files if name.startswith("translations/"))
    return [_part(location, name, manifest.files[name]) for name in names]


def is_output(name: str) -> bool:
    """Whether a name is that of an output, finished or not."""
    location = Location(name)
    return location.info().type == pafs.FileType.Directory and (location / "_job.json").is_file()


def _part(location: Location, name: str, entry: TableEntry) -> PinnedFile:
    """A part, if it is the one that was written."""
    if not _PART.fullmatch(name):
        raise UnusableInput(
            f"{location / 'manifest.json'}: damaged, for it names {name[:80]!r}; translate again"
        )
    file = PinnedFile(location.named(name))
    remedy = "repair the output with nmt verify --repair, or name its translations/ folder"
    file.read(partial(check_recorded, file, entry=entry, remedy=remedy))
    with file.open() as handle:
        rows = open_parquet(file, handle).metadata.num_rows
    if rows != entry.rows:
        raise UnusableInput(
            f"{file}: has {rows:,} rows, not the {entry.rows:,} that its manifest says"
        )
    return file


@dataclass(frozen=True)
class RecordedInput:
    """What a finished output says of its input; see `nmt.translation.input.corpus.InputCorpus`."""

    inputs: list[InputFile]
    id_column: str | None
    folders: list[str]


def recorded_input(name: str, id_column: str | None, manifest: Manifest) -> RecordedInput | None:
    """The input of a finished output, if each of its files lies there as it was.

    Args:
        name: of the input.
        id_column: the Parquet column that holds the ids; None is ``id`` where there is one.
        manifest: of the output.

    Returns:
        None where only reading tells.

    Raises:
        UnusableInput: nothing lies there, or what cannot be read.
    """
    settings, late = manifest.settings, set(manifest.added_files)
    if settings.id_column not in ((None, "id") if id_column is None else (id_column,)):
        return None
    if is_output(name):  # whose files are compared with what was recorded of them
        return None
    files = [file for file in expand(name, allow_empty=True) if file.shown not in late]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        versions = dict(pool.map(lambda file: (file.shown, file.version), files))
    if versions != manifest.input_versions:
        return None
    return RecordedInput(manifest.input_files, settings.id_column, settings.folders)
