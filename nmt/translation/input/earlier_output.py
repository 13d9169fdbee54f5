"""An output of `nmt translate` as an input: the files that its manifest names."""

from __future__ import annotations

import pyarrow.fs as pafs

from nmt import records
from nmt.errors import UnusableInput
from nmt.records.output import Manifest
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile

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
    location = Location(name)
    if location.info().type != pafs.FileType.Directory:
        return None
    if not (location / "_job.json").is_file():
        return None
    if not (location / "_SUCCESS").is_file():
        raise UnusableInput(
            f"{location}: an output of nmt translate that is not finished; finish it with the same "
            "command, or name its translations/ folder"
        )
    manifest = records.read(location / "manifest.json", Manifest)
    names = sorted(name for name in manifest.files if name.startswith("translations/"))
    return [PinnedFile(location.named(name)) for name in names]
