"""The ONNX graphs of a MODEL folder: ``onnx.json``, which names them, and one file for each."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Literal

from nmt import records
from nmt.errors import UnusableInput
from nmt.records import file_entry
from nmt.records.model import GraphsRecord
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.version import __version__

FORMAT_VERSION = 1
NAMES = ("encode", "decode", "predict", "predict_some")
QUANTIZED = ("decode", "predict")  # that are there in int8, too
_RECORD = "onnx.json"
_REMEDY = "export the model again with `nmt export`"


def write(location: Location, model_id: str, graphs: Mapping[str, bytes]) -> None:
    """Write the graphs of a model beside it; ``onnx.json`` comes last and makes them valid.

    Args:
        location: the MODEL folder.
        model_id: of the model.
        graphs: those of `NAMES`, and those of `QUANTIZED` once more with ``_int8``.
    """
    remove(location)
    files = {f"{name}.onnx": graph for name, graph in graphs.items()}
    for name, data in files.items():
        (location / name).write_bytes(data)
    versions = {"nmt": __version__, "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in ("onnx", "tensorflow", "tf2onnx")}
    record = GraphsRecord(
        format_version=FORMAT_VERSION,
        model_id=model_id,
        files={name: file_entry(data) for name, data in files.items()},
        versions=versions,
    )
    (location / _RECORD).write_json(record)


def remove(location: Location) -> None:
    """Make the graphs of a model invalid, if there are any."""
    (location / _RECORD).delete()


def exist(location: Location, model_id: str) -> bool:
    """Whether a MODEL folder has graphs of this model."""
    record = _record(location)
    return record is not None and record.model_id == model_id


def exist_for_all(locations: Sequence[Location], model_ids: Sequence[str]) -> bool:
    """Whether every one of these MODEL folders has graphs of its model."""
    return all(map(exist, locations, model_ids))


def read(
    location: Location, model_id: str, precision: Literal["float32", "int8"] = "float32"
) -> dict[str, bytes]:
    """The graphs of a model in this precision, by `NAMES`.

    Raises:
        UnusableInput: there are none of this model, or a file is missing or changed.
    """
    record = _record(location)
    if record is None or record.model_id != model_id:
        raise UnusableInput(f"{location}: has no ONNX graphs of this model; {_REMEDY}")
    graphs = {}
    for name in NAMES:
        kind = "_int8" if precision == "int8" and name in QUANTIZED else ""
        file = location / f"{name}{kind}.onnx"
        entry = record.files.get(file.name)
        if entry is None or not file.is_file():
            raise UnusableInput(f"{file}: missing; {_REMEDY}")
        graphs[name] = read_recorded(file, entry, _REMEDY)
    return graphs


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
