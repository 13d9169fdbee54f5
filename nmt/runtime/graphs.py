"""The ONNX graphs of a MODEL folder: ``onnx.json``, which names them, and one file for each."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Literal

from nmt import records
from nmt.errors import UnusableInput
from nmt.records import FileEntry, file_entry
from nmt.records.model import GraphsRecord
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.version import __version__

FORMAT_VERSION = 2
NAMES = ("encode", "decode", "predict", "predict_some")
QUANTIZED = ("encode", "decode", "predict")  # that are there in int8, too
_RECORD = "onnx.json"
_FILES = rf"(?:{'|'.join(NAMES)})(?:_int8)?-[0-9a-f]{{8}}\.onnx"
_REMEDY = "export the model again with `nmt export`"


def write(location: Location, model_id: str, graphs: Mapping[str, bytes]) -> None:
    """Write the graphs of a model beside it.

    A file's name has a part of its hash, and ``onnx.json`` comes after the files that it names, so
    that whoever loads the model meanwhile gets the graphs of before, or these.

    Args:
        location: the MODEL folder.
        model_id: of the model.
        graphs: those of `NAMES`, and those of `QUANTIZED` once more with ``_int8``.
    """
    files = {name: file_entry(data) for name, data in graphs.items()}
    for name, entry in files.items():
        (location / _file_name(name, entry)).write_bytes(graphs[name])
    versions = {"nmt": __version__, "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in ("onnx", "tensorflow", "tf2onnx")}
    record = GraphsRecord(
        format_version=FORMAT_VERSION, model_id=model_id, files=files, versions=versions
    )
    (location / _RECORD).write_json(record)
    current = "|".join(re.escape(_file_name(name, entry)) for name, entry in files.items())
    location.delete_own(re.compile(rf"(?!{current}){_FILES}"))


def remove(location: Location) -> None:
    """Make the graphs of a model invalid, if there are any."""
    (location / _RECORD).delete()


def exist(location: Location, model_id: str) -> bool:
    """Whether a MODEL folder has graphs of this model."""
    record = _record(location)
    return record is not None and record.model_id == model_id


def read(
    location: Location, model_id: str, precision: Literal["float32", "int8"] = "float32"
) -> dict[str, bytes]:
    """The graphs of a model in this precision, by `NAMES`.

    Raises:
        UnusableInput: there are none of this model, or a file is missing or changed.
    """
    record = None
    while (newest := _record(location)) != record:
        record = newest
        if record is None or record.model_id != model_id:
            break
        graphs = {}
        for name in NAMES:
            kind = "_int8" if precision == "int8" and name in QUANTIZED else ""
            entry = record.files.get(name + kind)
            if entry is None:
                raise UnusableInput(f"{location / _RECORD}: names no {name + kind}; {_REMEDY}")
            file = location / _file_name(name + kind, entry)
            if not file.is_file():
                break  # perhaps of an export that another one has replaced
            graphs[name] = read_recorded(file, entry, _REMEDY)
        else:
            return graphs
    if record is None or record.model_id != model_id:
        raise UnusableInput(f"{location}: has no ONNX graphs of this model; {_REMEDY}")
    raise UnusableInput(f"{file}: missing; {_REMEDY}")


def _file_name(name: str, entry: FileEntry) -> str:
    return f"{name}-{entry.sha256[:8]}.onnx"


def _record(location: Location) -> GraphsRecord | None:
    file = location / _RECORD
    if not file.is_file():
        return None
    record = records.read(file, GraphsRecord)
    if record.format_version != FORMAT_VERSION:
        raise UnusableInput(
            f"{file}: format version {record.format_version}, this program reads "
            f"{FORMAT_VERSION}; {_REMEDY}"
        )
    return record
