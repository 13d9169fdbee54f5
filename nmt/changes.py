"""What differs between two records of a job, in the words in which its settings are given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_MOST = 6  # differences in a message
_FILES = 2  # of one kind in a message
_SHOWN = 60  # characters of a value in a message
_PATH = 200  # of the end of a file's name
_HASH = re.compile(r"[0-9a-f]{64}")


class Change(NamedTuple):
    """A value that differs; ``key`` is its place in nested mappings, with dots."""

    key: str
    before: Any
    after: Any


def changed(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[Change]:
    """The differences of two nested mappings, by key; what is absent is None."""
    differences: list[Change] = []
    for key in sorted({*old, *new}, key=str):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            differences += changed(before, after, f"{prefix}{key}.")
        elif before != after:
            differences.append(Change(f"{prefix}{key}", before, after))
    return differences


def describe_changes(changes: Iterable[Change], names: Mapping[str, str]) -> str:
    """Differences as one line, the most important first, and how many more there are.

    Args:
        changes: see `changed`.
        names: how a key is typed (``--text-column``), the most important first. A key that ends in
            a dot stands for all below it: what follows the dot follows the name, too, with dashes
            after ``--``; after a name with a colon it is a file, of which no contents are shown.
    """
    ranked: dict[str, list[tuple[str, Change]]] = {key: [] for key in [*names, ""]}
    for change in changes:
        fitting = [key for key in names if change.key == key or _is_below(change.key, key)]
        key = max(fitting, key=len, default="")
        rest = change.key.removeprefix(key)
        if names.get(key) == "--":
            rest = rest.replace("_", "-")
        ranked[key].append((rest, change))
    lines: list[str] = []
    for key, entries in ranked.items():
        name = names.get(key, "")
        if ": " in name and entries:
            lines.append(f"{name}{_files(entries)}")
        else:
            lines += [_line(f"{name}{_short(rest)}", change) for rest, change in entries]
    more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
    return "; ".join(lines[:_MOST]) + more


def _is_below(key: str, group: str) -> bool:
    return group.endswith(".") and key.startswith(group)


def _files(entries: list[tuple[str, Change]]) -> str:
    states = [
        f"{file if len(file) <= _PATH else f'…{file[-_PATH:]}'} " + _state(one)
        for file, one in entries
    ]
    more = f" and {len(states) - _FILES} more" if len(states) > _FILES else ""
    return f"{', '.join(states[:_FILES])}{more}"


def _state(file: Change) -> str:
    if file.before is None:
        return "is new"
    return "is no longer an input" if file.after is None else "has changed"


def _line(name: str, change: Change) -> str:
    option = name.startswith("--")
    return f"{name} {_typed(change.before, option)} → {_typed(change.after, option)}"


def _typed(value: Any, option: bool) -> str:
    if value is None or value in ("", [], {}) or (option and value is False):
        return "not set"
    if isinstance(value, bool):
        return "set" if option else str(value).lower()
    if isinstance(value, list | tuple):
        return _short(", ".join(map(str, value)))
    if isinstance(value, Mapping):
        return _short(", ".join(f"{key} {_typed(one, False)}" for key, one in value.items()))
    text = str(value)
    return f"{text[:12]}…" if _HASH.fullmatch(text) else _short(text)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
