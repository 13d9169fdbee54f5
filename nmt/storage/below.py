"""Local files below a folder that somebody named, reached without following a link.

Each part of the way is opened by itself and must be no link (``openat`` with ``O_NOFOLLOW``). So a
link that somebody plants between a look at a path and its use leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.fs as pafs

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILES = "/proc/self/fd"


def write(root: str, parts: Sequence[str], data: bytes) -> None:
    """Store a whole file under a name by chance, then give it its own."""
    with _folder_of(root, parts, make=True) as (folder, name):
        # Only where nothing lies: a link that somebody planted is not followed.
        temporary = f".{name}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o666, dir_fd=folder), "wb") as file:
                file.write(data)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)


def open_file(root: str, parts: Sequence[str]) -> pa.NativeFile:
    """A random-access reader of a plain file."""
    # A pipe does not keep waiting who opens it so. What somebody named may be a link itself.
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if parts else 0)
    with _folder_of(root, parts) as (folder, name):
        handle = os.open(name, flags, dir_fd=folder)
    try:
        mode = os.fstat(handle).st_mode
        path = os.path.join(root, *parts)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(path)
        if not stat.S_ISREG(mode):
            raise OSError(f"{path}: no plain file")
        open_files = os.path.isdir(_OPEN_FILES)
        return pafs.LocalFileSystem().open_input_file(
            f"{_OPEN_FILES}/{handle}" if open_files else path
        )
    finally:
        os.close(handle)


def remove(root: str, parts: Sequence[str]) -> None:
    """Remove a file; nothing happens where nothing lies.

    Raises:
        IsADirectoryError: a folder lies there.
    """
    with contextlib.suppress(FileNotFoundError), _folder_of(root, parts) as (folder, name):
        if _is_folder(folder, name):
            raise IsADirectoryError(os.path.join(root, *parts))
        os.unlink(name, dir_fd=folder)


def remove_folder(root: str, parts: Sequence[str]) -> None:
    """Remove a folder with all in it; nothing happens where none lies."""
    with contextlib.suppress(FileNotFoundError), _folder_of(root, parts) as (folder, name):
        if _is_folder(folder, name):
            shutil.rmtree(name, dir_fd=folder)


def _is_folder(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def listed(folder: str, recursive: bool) -> Iterator[pafs.FileInfo]:
    """What lies in a folder, its subfolders left out. A link is a file of no size."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            path = os.path.join(place, name)
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                state = os.lstat(path)
                yield pafs.FileInfo(
                    path, pafs.FileType.File, size=state.st_size, mtime_ns=state.st_mtime_ns
                )
        if not recursive:
            return


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
