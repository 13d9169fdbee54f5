"""Hashes that a stranger computes anew: the records above a changed file name it as it is now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import json_tampering
import pyarrow.parquet as pq

from nmt.model_folder import INFO_NAME, hash_of


def seal(folder: Path, file: Path, old: bytes) -> bool:
    """Have the records above a changed file name it as it is now; returns whether there were any.

    Args:
        folder: with the records.
        file: that was changed.
        old: its content before.
    """
    data = file.read_bytes()
    before, after = _digest(old), _digest(data)
    entry = {"bytes": len(data), "sha256": after}
    rows = _rows(file)
    if file.name == INFO_NAME:
        _identify(file)
    sealed = before[:32] in file.name
    if sealed:
        file.rename(file.with_name(file.name.replace(before[:32], after[:32])))
    for record in _records(folder):
        if record == file:
            continue
        text = record.read_text("utf-8", "replace")
        if before not in text:
            continue
        try:
            content = json.loads(text)
        except ValueError:
            continue
        if _replace(content, before, entry, rows):
            raw = record.read_bytes()
            record.write_text(json_tampering.format_like(content))
            if record.name == INFO_NAME:
                _identify(record)
            seal(folder, record, raw)
            sealed = True
    return sealed


def is_named(folder: Path, file: Path, old: bytes) -> bool:
    """Whether a record above a file says what its content was."""
    digest = _digest(old)
    if digest[:32] in file.name:
        return True
    others = (record for record in _records(folder) if record != file)
    return any(digest in record.read_text("utf-8", "replace") for record in others)


def _records(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if (
            path.is_file()
            and not path.is_symlink()
            and (path.suffix == ".json" or path.name.startswith("done-"))
        ):
            yield path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _rows(file: Path) -> int | None:
    try:
        return pq.read_metadata(file).num_rows
    except Exception:
        return None


def _replace(value: Any, before: str, entry: dict[str, Any], rows: int | None) -> bool:
    """Change each entry of a file; returns whether there was one."""
    changed = False
    if isinstance(value, dict):
        if value.get("sha256") == before:
            value |= entry
            if "rows" in value and rows is not None:
                value["rows"] = rows
            changed = True
        for inner in value.values():
            changed = _replace(inner, before, entry, rows) or changed
    elif isinstance(value, list):
        for inner in value:
            changed = _replace(inner, before, entry, rows) or changed
    return changed


def _identify(file: Path) -> None:
    """Give a model.json the id of what it holds."""
    try:
        content = json.loads(file.read_text())
    except (ValueError, RecursionError):
        return
    if isinstance(content, dict):
        content["model_id"] = hash_of(content)
        file.write_text(json_tampering.format_like(content))
