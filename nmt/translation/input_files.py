"""The files that a name stands for: a file, a folder, or a glob."""

from __future__ import annotations

import fnmatch
import glob
import re

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage import Location
from nmt.uris import scheme_of, unquote

_GLOB = re.compile(r"[*?\[]")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def expand(name: str) -> list[Location]:
    """The files of an input in sorted order; hidden ones of a folder are left out.

    Args:
        name: a path or URI. In a remote URI ``?`` begins the store's options and is no wildcard,
            and a percent-encoded character always means itself.

    Raises:
        UnusableInput: nothing there.
    """
    location = Location(name)
    if not location.is_local:
        # Before the store is asked for an object of that very name.
        found = _matching(_remote_pattern(name))
        if found:
            return found
    kind = location.info().type
    if kind == pafs.FileType.NotFound:
        pattern = _local_pattern(location) if location.is_local else _remote_pattern(name)
        if pattern is None:
            raise UnusableInput(f"{location}: no such file or folder; check --input")
        if found := _matching(pattern):
            return found
        raise UnusableInput(f"{location}: no file has such a name; check --input")
    if kind == pafs.FileType.File:
        return [location]
    files = [file for file in location.files(recursive=True) if not _hidden(file, location)]
    if not files:
        raise UnusableInput(f"{location}: an empty folder; give sentences to translate")
    return files


_Pattern = tuple[Location, list[str]]  # the folder to look in, and patterns for the parts below


def _local_pattern(location: Location) -> _Pattern | None:
    parts = location.uri.split("/")
    first = next((i for i, part in enumerate(parts) if _GLOB.search(part)), None)
    if first is None:
        return None
    return Location("/".join(parts[:first]) or "/"), parts[first:]


def _remote_pattern(name: str) -> _Pattern | None:
    base, mark, options = name.partition("?")
    start = len(scheme_of(base)) + 3
    parts = base[start:].rstrip("/").split("/")
    first = next((i for i, part in enumerate(parts) if i and _GLOB.search(part)), None)
    if first is None:
        return None
    folder = Location(base[:start] + "/".join(parts[:first]) + mark + options)
    return folder, [_ENCODED.sub(_literal, part) for part in parts[first:]]


def _literal(match: re.Match[str]) -> str:
    return glob.escape(unquote(match.group()))


def _matching(pattern: _Pattern | None) -> list[Location]:
    if pattern is None:
        return []
    folder, parts = pattern
    deep = len(parts) > 1 or parts[0] == "**"
    return [
        file for file in folder.files(recursive=deep) if _matches(file.parts_below(folder), parts)
    ]


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path fits a pattern, as in a shell: ``*`` ends at a slash, ``**`` does not, and
    hidden names must be asked for."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[i:], pattern[1:] or ["*"]) for i in range(len(parts)))
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _hidden(file: Location, folder: Location) -> bool:
    return any(part.startswith((".", "_")) for part in file.parts_below(folder))
