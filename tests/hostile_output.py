"""A finished output that tests change as whoever can write to its folder can do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from outputs import SEARCH, record_other, translate

from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location
from nmt.translation.request import TranslateRequest

OPTIONS: dict[str, Any] = {"reference_column": "target", "alignments": True, "max_rejected": 1.0}


def sound_output(model: Path, place: Path) -> Path:
    """An input with references, and its translation."""
    texts = ["The dog sleeps.", None, "A cat.", "The old dog sees."]
    references = ["Der Hund schläft.", "", "Eine Katze.", "Der alte Hund sieht."]
    pq.write_table(pa.table({"source": texts, "target": references}), place / "in.parquet")
    translate(model, place / "in.parquet", place / "out", **OPTIONS)
    return place


def recorded(file: Path) -> None:
    """Have the manifest of a finished output name the file as it is now."""
    out = next(folder for folder in file.parents if (folder / "manifest.json").exists())
    record_other(out, str(file.relative_to(out)))


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    """Change a value in place, or put the list in its place that `change` makes."""
    value = json.loads(file.read_text())
    found = change(value)
    file.write_text(json.dumps(found if isinstance(found, list) else value))
    if file.name == "report.json":
        recorded(file)


def asked(folder: Path) -> EvaluateRequest:
    out, target = Location(folder / "out"), Location(folder / "e")
    return EvaluateRequest(out, target, reference_column="target")


def request(sound: Path, model: Path, output: Path, **options: Any) -> TranslateRequest:
    name = str(sound / "in.parquet")
    return TranslateRequest((Location(model),), name, Location(output), search=SEARCH, **options)
