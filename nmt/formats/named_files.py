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
from nmt.storage.below import DEEPEST, followed
from nmt.storage.location import Location, check_file
from nmt.storage.recorded import PinnedFile
from nmt.storage.uri import scheme_of, unquote

_GLOB = re.compile(r"[*?\[]")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_EVERYTHING = ["**", "*"]


def expand(
    name: str,
    allow_empty: bool = False,
    option: str = "--input",
    hint: str = "give sentences to translate, or --allow-empty",
) -> list[PinnedFile]:
    """The files of an input in sorted order.

    Args:
        name: a path or URI. In a remote URI ``?`` begins the store's options and is no wildcard,
            and a percent-encoded character always means itself.
        allow_empty: take a folder without files for one.
        option: that gave the name, for messages.
        hint: what to give in the place of an empty folder.

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
        if not files and not allow_empty:
            raise UnusableInput(f"{location}: an empty folder; {hint}")
        return files
    if kind == pafs.FileType.NotFound and not os.path.islink(location.uri):
        folder, pattern = _local_pattern(location) if location.is_local else _remote_pattern(name)
        if not pattern:
            raise UnusableInput(f"{location}: no such file or folder; check {option}")
        if files := _matching(folder, pattern):
            return files
        raise UnusableInput(f"{location}: no file has such a name; check {option}")
    file = PinnedFile(location)
    check_file(file)
    return [file]


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


def _matching(folder: Location, pattern: list[str]) -> list[PinnedFile]:
    """The files below a folder that fit a pattern, sorted; none where there is no pattern."""
    if not pattern:
        return []
    if folder.is_local:
        try:
            paths = _local_files(folder.uri, pattern)
        except OSError as error:
            with Location(error.filename).explained():
                raise
        return [_found(folder.uri, path) for path in sorted(paths)]
    deep = len(pattern) > 1 or pattern[0] == "**"
    files = folder.files(recursive=deep)
    return [PinnedFile(file) for file in files if _matches(file.parts_below(folder), pattern)]


def _found(folder: str, path: str) -> PinnedFile:
    """A file in a local folder, as it is now."""
    location = Location(path)
    check_file(location)
    with location.explained():
        return PinnedFile(location, followed(folder, os.path.relpath(path, folder).split("/")))


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
    for path in sorted(set(_local_paths(folder, folder, pattern))):
        real = os.path.realpath(path)
        if os.path.join(base, os.path.relpath(path, folder)) == real:
            chosen[real] = path
        else:
            chosen.setdefault(real, path)
    return list(chosen.values())


def _local_paths(top: str, folder: str, pattern: list[str]) -> Iterator[str]:
    """Paths below a folder that fit; see `_check_links` for `top`."""
    first, *rest = pattern
    if first == "**":
        for below in _folders(top, folder):
            yield from _local_paths(top, below, rest or ["*"])
        return
    for name in os.listdir(folder):
        if _fits(name, first):
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                if not rest:
                    yield path
            elif rest:
                _check_links(top, path)
                yield from _local_paths(top, path, rest)


def _check_links(top: str, folder: str) -> None:
    """Refuse to look into a folder if it is a link out of `top` that is not to be `followed`."""
    if os.path.islink(folder):
        with Location(folder).explained():
            followed(top, os.path.relpath(folder, top).split("/"))


def _folders(top: str, first: str) -> Iterator[str]:
    """A folder and all visible ones below it, each real one once; links come last, so that a
    folder goes by its own name where that is among them."""
    folders, links, known = deque([first]), deque[str](), set[str]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        real = os.path.realpath(folder)
        if real in known:
            continue
        known.add(real)
        if folder.count("/", len(first)) > DEEPEST:
            raise UnusableInput(
                f"{first}: more than {DEEPEST} folders inside each other; name those you mean"
            )
        if folder != first:
            _check_links(top, folder)
        yield folder
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            if not _hidden(entry) and os.path.isdir(path):
                (links if os.path.islink(path) else folders).append(path)
