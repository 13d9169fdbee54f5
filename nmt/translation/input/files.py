"""The files that a name stands for: a file, a folder, or a glob.

A folder stands for all files below it, as the glob ``folder/**/*`` does. Names that begin with
``.`` or ``_`` are hidden: a part of a pattern that begins so asks for them. Links are followed,
and each real file is taken once, however many links lead to it.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import deque
from collections.abc import Iterator

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.below import DEEPEST
from nmt.storage.local_files import check_file
from nmt.storage.location import Location
from nmt.storage.uri import scheme_of, unquote

_GLOB = re.compile(r"[*?\[]")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_EVERYTHING = ["**", "*"]


def expand(name: str) -> list[Location]:
    """The files of an input in sorted order.

    Args:
        name: a path or URI. In a remote URI ``?`` begins the store's options and is no wildcard,
            and a percent-encoded character always means itself.

    Raises:
        UnusableInput: nothing there, or something that cannot be read: a link to nothing, a
            pipe, a folder without the right to look into it, a name that is not UTF-8.
    """
    location = Location(name)
    if not location.is_local:
        # Before the store is asked for an object of that very name.
        files = _matching(*_remote_pattern(name))
        if files:
            return files
    kind = location.info().type
    if kind == pafs.FileType.Directory:
        files = _matching(location, _EVERYTHING)
        if not files:
            raise UnusableInput(f"{location}: an empty folder; give sentences to translate")
        return files
    if kind == pafs.FileType.NotFound and not os.path.islink(location.uri):
        folder, pattern = _local_pattern(location) if location.is_local else _remote_pattern(name)
        if not pattern:
            raise UnusableInput(f"{location}: no such file or folder; check --input")
        if files := _matching(folder, pattern):
            return files
        raise UnusableInput(f"{location}: no file has such a name; check --input")
    check_file(location)
    return [location]


_Pattern = tuple[Location, list[str]]  # the folder to look in, and patterns for the parts below


def _local_pattern(location: Location) -> _Pattern:
    parts = location.uri.split("/")
    first = next((i for i, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return Location("/".join(parts[:first]) or "/"), parts[first:]


def _remote_pattern(name: str) -> _Pattern:
    base, mark, options = name.partition("?")
    start = len(scheme_of(base)) + 3
    parts = base[start:].rstrip("/").split("/")
    first = next((i for i, part in enumerate(parts) if i and _GLOB.search(part)), len(parts))
    folder = Location(base[:start] + "/".join(parts[:first]) + mark + options)
    return folder, [_ENCODED.sub(_literal, part) for part in parts[first:]]


def _literal(match: re.Match[str]) -> str:
    return glob.escape(unquote(match.group()))


def _matching(folder: Location, pattern: list[str]) -> list[Location]:
    """The files below a folder that fit a pattern, sorted; none where there is no pattern."""
    if not pattern:
        return []
    if folder.is_local:
        try:
            paths = _local_files(folder.uri, pattern)
        except OSError as error:
            with Location(error.filename).explained():
                raise
        files = [Location(path) for path in sorted(paths)]
        for file in files:
            check_file(file)
        return files
    deep = len(pattern) > 1 or pattern[0] == "**"
    return [
        file for file in folder.files(recursive=deep) if _matches(file.parts_below(folder), pattern)
    ]


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path fits a pattern, as in a shell: ``*`` ends at a slash, ``**`` does not."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ["*"]
        visible = next((i for i, part in enumerate(parts) if _hidden(part)), len(parts))
        return any(_matches(parts[i:], rest) for i in range(min(visible + 1, len(parts))))
    return bool(parts) and _fits(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _fits(name: str, pattern: str) -> bool:
    visible = _hidden(pattern) or not _hidden(name)
    return visible and fnmatch.fnmatchcase(name, pattern)


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


# Local folders, in which there may be links. ------------------------------------------------


def _local_files(folder: str, pattern: list[str]) -> list[str]:
    """Paths of what is no folder; of several that lead to one real file, the one without links
    or else the first."""
    base = os.path.realpath(folder)
    chosen: dict[str, str] = {}
    for path in sorted(set(_local_paths(folder, pattern))):
        real = os.path.realpath(path)
        if os.path.join(base, os.path.relpath(path, folder)) == real:
            chosen[real] = path
        else:
            if os.path.commonpath([base, real]) != base:
                _refuse_foreign_link(folder, path)
            chosen.setdefault(real, path)
    return list(chosen.values())


def _refuse_foreign_link(folder: str, path: str) -> None:
    """Check who made the links that lead out of a folder.

    A stranger may not have us read to him what he may not read himself: as in Linux
    (``protected_symlinks``) a link is followed if it is ours, root's, or its goal's owner's.

    Raises:
        UnusableInput: a link is another user's.
    """
    for part in os.path.relpath(path, folder).split("/"):
        folder = os.path.join(folder, part)
        if os.path.islink(folder):
            owner = os.lstat(folder).st_uid
            if owner not in (os.geteuid(), 0, os.stat(folder).st_uid):
                raise UnusableInput(
                    f"{folder}: a link of another user that leads out of the folder; copy the file "
                    "there, or name it itself"
                )


def _local_paths(folder: str, pattern: list[str]) -> Iterator[str]:
    first, *rest = pattern
    if first == "**":
        for below in _folders(folder):
            yield from _local_paths(below, rest or ["*"])
        return
    for name in os.listdir(folder):
        if _fits(name, first):
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                if not rest:
                    yield path
            elif rest:
                yield from _local_paths(path, rest)


def _folders(top: str) -> Iterator[str]:
    """A folder and all visible ones below it, each real one once; links come last, so that a
    folder goes by its own name where that is among them."""
    folders, links, known = deque([top]), deque[str](), set[str]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        real = os.path.realpath(folder)
        if real in known:
            continue
        known.add(real)
        if folder.count("/", len(top)) > DEEPEST:
            raise UnusableInput(
                f"{top}: more than {DEEPEST} folders inside each other; name those you mean"
            )
        yield folder
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            if not _hidden(entry) and os.path.isdir(path):
                (links if os.path.islink(path) else folders).append(path)
