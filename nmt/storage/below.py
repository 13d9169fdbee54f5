"""Local files below a folder that somebody named, reached without following a link.

Each part of the way is opened by itself and must be no link (``openat`` with ``O_NOFOLLOW``). So a
link that somebody plants between a look at a path and its use leads nowhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import UnusableInput

DEEPEST = 100  # folders inside each other
_SHOWN = 200  # characters of a path in a message
_LINKS = 40  # that are followed one after the other, as in Linux
_TIMES = -(2**63), 2**63 - 1  # that pyarrow takes, ns since 1970; a disk keeps later ones, too
_NAME = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC
_FOLDER = _NAME | os.O_DIRECTORY
_OPEN_FILES = "/proc/self/fd"

Fence = Callable[[], AbstractContextManager[object]]


def write(root: str, parts: Sequence[str], data: bytes, fence: Fence = nullcontext) -> None:
    """Store a whole file under a name by chance, then give it its own, in the context `fence`."""
    with _temporary(root, parts, data) as (folder, temporary, name), fence():
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def _temporary(root: str, parts: Sequence[str], data: bytes) -> Iterator[tuple[int, str, str]]:
    """A file under a name by chance: the open folder, that name, and the one it should have."""
    with _folder_of(root, parts, make=True) as (folder, name):
        # Only where nothing lies: a link that somebody planted is not followed.
        temporary = f".{name}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o666, dir_fd=folder), "wb") as file:
                file.write(data)
            yield folder, temporary, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)


def open_file(root: str, parts: Sequence[str]) -> tuple[pa.NativeFile, os.stat_result]:
    """A random-access reader of a plain file, and the state of what was opened."""
    # A pipe does not keep waiting who opens it so. What somebody named may be a link itself.
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if parts else 0)
    with _folder_of(root, parts) as (folder, name):
        handle = os.open(name, flags, dir_fd=folder)
    try:
        state = os.fstat(handle)
        path = os.path.join(root, *parts)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(path)
        if not stat.S_ISREG(state.st_mode):
            raise UnusableInput(f"{path}: neither file nor folder; remove it")
        with contextlib.suppress(OSError):  # not to be read so
            if not state.st_size and os.pread(handle, 1, 0):
                raise UnusableInput(f"{path}: has no size, as files of /proc; copy it to a file")
        if os.path.isdir(_OPEN_FILES):
            return pafs.LocalFileSystem().open_input_file(f"{_OPEN_FILES}/{handle}"), state
        return pa.PythonFile(os.fdopen(os.dup(handle), "rb"), "r"), state
    finally:
        os.close(handle)


def state_of(root: str, parts: Sequence[str]) -> os.stat_result | None:
    """What is known of what lies there; None where nothing does."""
    with contextlib.suppress(FileNotFoundError), _folder_of(root, parts) as (folder, name):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    return None


def remove(root: str, parts: Sequence[str]) -> None:
    """Remove a file; nothing happens where nothing lies.

    Raises:
        IsADirectoryError: a folder lies there.
    """
    with contextlib.suppress(FileNotFoundError), _folder_of(root, parts) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise IsADirectoryError(os.path.join(root, *parts))
        os.unlink(name, dir_fd=folder)


def rename(root: str, parts: Sequence[str], name: str) -> None:
    """Give a file another name in its folder."""
    with _folder_of(root, parts) as (folder, old):
        os.rename(old, name, src_dir_fd=folder, dst_dir_fd=folder)


def remove_empty_folder(root: str, parts: Sequence[str]) -> None:
    """Remove a folder in which nothing is left; nothing happens without one."""
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError),  # another job was first
        _folder_of(root, parts) as (folder, name),
    ):
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def listed(
    root: str, parts: Sequence[str], recursive: bool, refuse: Callable[[str], None]
) -> list[pafs.FileInfo]:
    """The files of a folder and, if `recursive`, of those in it. A link is a file of no size; a
    time out of the range of pyarrow is the next one in it.

    A folder without the right to read it is passed over.

    Args:
        root: the folder that somebody named.
        parts: the way from there.
        recursive: whether folders in it are listed, too.
        refuse: is called with the path of each file whose name is not UTF-8, which is left out.

    Raises:
        UnusableInput: more folders lie inside each other than `DEEPEST`.
    """
    top, infos = os.path.join(root, *parts), []
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError),
        _folder_of(root, parts) as (outer, name),
    ):
        for folder, inner, path in _walk(outer, name or ".", top, recursive, links=not parts):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                state = os.stat(inner, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISDIR(state.st_mode):
                    size, modified = state.st_size, sorted((*_TIMES, state.st_mtime_ns))[1]
                    try:
                        kind = pafs.FileType.File
                        infos.append(pafs.FileInfo(path, kind, size=size, mtime_ns=modified))
                    except UnicodeError:
                        refuse(path)
    return infos


def _walk(
    outer: int, name: str, path: str, recursive: bool = True, links: bool = False, depth: int = 0
) -> Iterator[tuple[int, str, str]]:
    """What lies in a folder: the open folder of each, its name, its path; a folder comes last.

    Folders are opened one in the other, for a path may be longer than the system takes.
    """
    if depth > DEEPEST:
        raise UnusableInput(
            f"{path[:_SHOWN]}…: more than {DEEPEST} folders inside each other; move them elsewhere"
        )
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    try:
        handle = os.open(name, flags, dir_fd=outer)
    except (PermissionError, FileNotFoundError, NotADirectoryError):  # removed meanwhile
        return
    try:
        with os.scandir(handle) as scan:
            entries = list(scan)
        for entry in entries:
            below = os.path.join(path, entry.name)
            if recursive and entry.is_dir(follow_symlinks=False):
                yield from _walk(handle, entry.name, below, depth=depth + 1)
            yield handle, entry.name, below
    finally:
        os.close(handle)


def open_lock(root: str, parts: Sequence[str]) -> int:
    """The lock of a file, opened: a hidden file beside it, made if it is not there."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    with _folder_of(root, parts, make=True) as (folder, name):
        return os.open(f".{name}.lock.tmp", flags, 0o600, dir_fd=folder)


def followed(root: str, parts: Sequence[str]) -> os.stat_result:
    """The state of a file below a folder, to which links may lead.

    A stranger may not have us read to him what he may not read himself: as in Linux
    (``protected_symlinks``) a link that leads out of the folder is followed if it is ours, root's,
    or its goal's owner's. The link that is judged is the one that is followed, for each part of
    the way is opened by itself.

    Raises:
        UnusableInput: such a link is another user's.
    """
    with contextlib.ExitStack() as stack:
        foreign = False
        handle = base = _opened(stack, root, _FOLDER)
        for number, part in enumerate(parts, 1):
            handle, trusted = _follow(stack, handle, part, _LINKS)
            foreign = foreign or not trusted
            if foreign and not _path_of(handle).startswith(f"{_path_of(base).rstrip('/')}/"):
                raise UnusableInput(
                    f"{os.path.join(root, *parts[:number])}: a link of another user that leads "
                    "out of the folder; copy the file there, or name it itself"
                )
        return os.fstat(handle)


def _follow(stack: contextlib.ExitStack, folder: int, name: str, left: int) -> tuple[int, bool]:
    """What a name in an open folder leads to, opened, and whether all links there are trusted."""
    handle = _opened(stack, name, _NAME | os.O_NOFOLLOW, folder)
    state = os.fstat(handle)
    if not stat.S_ISLNK(state.st_mode):
        return handle, True
    if not left:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    target = os.readlink("", dir_fd=handle)
    goal, trusted = _opened(stack, "/" if target.startswith("/") else ".", _FOLDER, folder), True
    for part in filter(None, target.split("/")):
        goal, also = _follow(stack, goal, part, left - 1)
        trusted = trusted and also
    return goal, trusted and state.st_uid in (os.geteuid(), 0, os.fstat(goal).st_uid)


def _opened(stack: contextlib.ExitStack, name: str, flags: int, folder: int | None = None) -> int:
    handle = os.open(name, flags, dir_fd=folder)
    stack.callback(os.close, handle)
    return handle


def _path_of(handle: int) -> str:
    return os.readlink(f"{_OPEN_FILES}/{handle}")


@contextlib.contextmanager
def _folder_of(root: str, parts: Sequence[str], make: bool = False) -> Iterator[tuple[int, str]]:
    """The open folder in which the last part lies, and that part.

    Args:
        root: the folder that somebody named; it may be a link.
        parts: of the way from there on; of none, the root itself is the last part.
        make: make the folders that are missing.
    """
    root, *parts = (root, *parts) if parts else os.path.split(root)
    if make:
        os.makedirs(root, exist_ok=True)
    handle = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=handle)
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle, parts[-1]
    finally:
        os.close(handle)
