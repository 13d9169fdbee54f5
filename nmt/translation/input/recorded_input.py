"""The input of a finished output, recognised without reading it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from nmt.formats.named_files import expand
from nmt.records.output import InputFile, Manifest
from nmt.storage.s3_client import AT_ONCE
from nmt.translation.input.earlier_output import is_output


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
