"""What can be read where data lies: local paths and object stores behind one small class.

What lies below a folder that somebody named stays there: that folder may be a link, but no link
below it is followed when something is read, written or removed.

Credentials come from the environment alone. A place is sent to workers as its URI, never as a
pickled filesystem, which would carry the secret.

A store that is away for a moment ends no job that has begun: see `nmt.storage.retry`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, Self, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import JobFailed, UnusableInput
from nmt.json_text import parse_json
from nmt.storage import below, s3
from nmt.storage.credentials import refuse_secret_endpoint
from nmt.storage.errors import explain, is_damage
from nmt.storage.retry import is_waiting, retry
from nmt.storage.s3_filesystem import list_objects, object_info, s3_filesystem
from nmt.storage.store_path import StorePath
from nmt.storage.uri import scheme_of, unquote

T = TypeVar("T")
_TEMPORARY = re.compile(r"(?:^|/)\.[^/]+\.tmp$")
LARGEST_JSON = 256 << 20  # bytes of a stored file: of the manifest of a billion rows


def _refuse(problem: str) -> None:
    raise UnusableInput(problem)


def hash_stream(file: IO[bytes] | pa.NativeFile) -> str:
    """The SHA-256 of what is left in an open binary file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


class Readable(StorePath):
    """A file or folder that can be looked at and read."""

    @property
    def filesystem(self) -> pafs.FileSystem:
        """The pyarrow filesystem; made on first use in each process, credentials from there."""
        return self._resolve()[0]

    @property
    def path(self) -> str:
        """The path within `filesystem`, without scheme and options."""
        return self._resolve()[1]

    @property
    def is_s3(self) -> bool:
        """Whether the store speaks the protocol of S3."""
        return not self.is_local and self.filesystem.type_name == "s3"

    def _resolve(self) -> tuple[pafs.FileSystem, str]:
        if "_resolved" in self.__dict__:
            return self.__dict__["_resolved"]
        if scheme_of(self.uri) == "s3":
            refuse_secret_endpoint()
        try:
            if self.is_local:
                resolved, lasts = (pafs.LocalFileSystem(), self.uri), True
            elif scheme_of(self.uri) == "s3":
                filesystem, lasts = s3_filesystem(self)
                resolved = filesystem, unquote(self.uri.partition("://")[2])
            else:
                resolved, lasts = pafs.FileSystem.from_uri(str(self)), True
        except OSError as error:  # the region of a bucket is asked for at once
            raise self._explanation(error) from None
        except (pa.ArrowException, ValueError) as error:
            raise UnusableInput(f"{self}: not a usable URI: {error}") from None
        if lasts:
            self.__dict__["_resolved"] = resolved
        return resolved

    def info(self) -> pafs.FileInfo:
        """Type, size and time of what lies here (type NotFound where nothing does).

        Raises:
            UnusableInput: the store cannot be reached or refuses the credentials.
            StoreAway: the store failed in another way.
        """
        if self.is_s3:
            return self._ask(lambda: object_info(self))
        return self._ask(lambda: self.filesystem.get_file_info(self.path))

    def exists(self) -> bool:
        """Whether a file or folder lies here."""
        return self.info().type != pafs.FileType.NotFound

    def is_file(self) -> bool:
        """Whether a file lies here."""
        if self.is_s3:  # one request
            return self._ask(lambda: s3.version_if_any(self)) is not None
        return self.info().type == pafs.FileType.File

    def files(self, suffix: str = "", recursive: bool = False) -> list[Self]:
        """The files of this folder whose names end in `suffix`, sorted by path; [] if none.

        What a killed process left half written (see `write_bytes`) is none.

        Raises:
            UnusableInput: a name there is not UTF-8, or a link leads to this folder.
        """
        entries = sorted(self.listed(recursive), key=lambda entry: entry[1].path)
        return [file for file, info in entries if info.path.endswith(suffix)]

    def listed(
        self, recursive: bool = False, refuse: Callable[[str], None] = _refuse
    ) -> list[tuple[Self, pafs.FileInfo]]:
        """The files of this folder with sizes and times, links as such; see `files`.

        Args:
            recursive: whether those of the folders in it are among them.
            refuse: is called with what is wrong with a name that no path can have; its file is
                left out.
        """
        files = self._all_files(recursive, refuse)
        return [entry for entry in files if not _TEMPORARY.search(entry[1].path)]

    def _all_files(
        self, recursive: bool, refuse: Callable[[str], None] = _refuse
    ) -> list[tuple[Self, pafs.FileInfo]]:
        """The same with what is half written."""
        self.refuse_links()
        base = self.path.rstrip("/")
        selector = pafs.FileSelector(self.path, allow_not_found=True, recursive=recursive)

        def not_utf8(path: str) -> None:
            refuse(f"{path}: a name that is not UTF-8; rename the file or move it away")

        try:
            if self.is_local:
                infos = self._ask(lambda: self._below(below.listed, recursive, not_utf8))
            elif self.is_s3:
                infos = self._ask(lambda: list_objects(self, recursive))
            else:
                infos = self._ask(lambda: self.filesystem.get_file_info(selector))
        except UnicodeError:
            raise UnusableInput(f"{self}: a name in it is not UTF-8; rename the file") from None
        files = []
        for info in infos:
            name = info.path.removeprefix(f"{base}/")
            if info.type != pafs.FileType.File:
                continue
            if any(part in ("", ".", "..") for part in name.split("/")):  # a key of S3 may be
                refuse(
                    f"{self}: an object in it is named {name[:80]!r}, which is no path; rename it"
                )
            else:
                files.append((self / name, info))
        return files

    def open(self) -> pa.NativeFile:
        """A random-access reader of the file's bytes.

        Raises:
            UnusableInput: no such file, no right to read it, or a link leads there.
            StoreAway: the store failed in another way.
        """
        if self.is_local:
            return self._ask(lambda: self._below(below.open_file))[0]
        if self.is_s3:
            return s3.open_object(self, self._ask(lambda: s3.version_of(self)))
        return self._ask(lambda: self.filesystem.open_input_file(self.path))

    def read(self, parse: Callable[[pa.NativeFile], T]) -> T:
        """What `parse` makes of the open file; where the store fails amid that, of another one."""

        def read() -> T:
            with self.open() as file:
                return parse(file)

        return self._ask(read)

    def read_bytes(self, most: int | None = None) -> bytes:
        """The whole file.

        Args:
            most: bytes that it may have.

        Raises:
            UnusableInput: it has more.
        """
        if not self.is_s3:
            return self._read_opened(most)
        if (data := self.read_if_any(most)) is None:
            raise UnusableInput(f"{self}: no such file; check the path")
        return data

    def read_if_any(self, most: int | None = None) -> bytes | None:
        """`read_bytes`; None where no file lies. Of S3 one request, and so of one version."""
        if self.is_s3:
            answer = self._ask(lambda: s3.get(self, most))
            return None if answer is None else answer[0]
        return self._read_opened(most) if self.is_file() else None

    def _read_opened(self, most: int | None) -> bytes:
        def read(file: pa.NativeFile) -> bytes:
            if most is not None and (size := file.size()) > most:
                raise UnusableInput(f"{self}: {size:,} bytes, more than the {most:,} it may have")
            return file.read()

        return self.read(read)

    def read_text(self) -> str:
        """The whole file as UTF-8."""
        return self.read_bytes().decode("utf-8")

    def read_json(self, most: int = LARGEST_JSON) -> Any:
        """The whole file as JSON; a record is read by `nmt.records.read`.

        Args:
            most: bytes that it may have.

        Raises:
            UnusableInput: it has more, or is damaged, see `parse_json`.
        """
        try:
            return parse_json(self.read_bytes(most))
        except ValueError as error:
            raise UnusableInput(f"{self}: damaged ({error}); restore it from a copy") from None

    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, as 64 hexadecimal digits."""
        return self.read(hash_stream)

    def _below(self, action: Callable[..., T], *more: Any) -> T:
        """Do something on a local disk, without following a link below the folder named."""
        self.refuse_links()
        inside = self.uri.startswith(self._root.rstrip("/") + "/")
        parts = self.parts_below(self._sibling(self._root)) if inside else []
        try:
            return action(self._root if inside else self.uri, parts, *more)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                self.refuse_links()  # planted meanwhile
            raise

    def _ask(self, action: Callable[[], T]) -> T:
        """Ask the store for something that may be asked for twice; see `explained`."""

        def once() -> T:
            with self.explained():
                return action()

        return retry(once)

    def _explanation(self, error: Exception) -> Exception:
        return explain(self.uri, scheme_of(self.uri), error, answered=is_waiting())

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn a store's refusal into one line that says what to do.

        Raises:
            UnusableInput: the user can mend it: no such file or bucket, no right to it, ….
            StoreAway: a remote store failed in another way, which may pass.
            JobFailed: a disk failed.
        """
        try:
            yield
        except FileNotFoundError:
            raise UnusableInput(f"{self}: no such file; check the path") from None
        except (
            *(OSError, UnicodeDecodeError),
            *(pa.ArrowInvalid, pa.ArrowNotImplementedError),
        ) as error:
            # The system's own errors have numbers.
            if is_damage(error) or (
                self.is_local and type(error) is OSError and error.errno is None
            ):
                reason = " ".join(str(error).split())[:120]
                raise UnusableInput(
                    f"{self}: damaged ({reason}); fetch it again, or restore it from a copy"
                ) from None
            if not self.is_local:
                raise self._explanation(error) from None
            if isinstance(error, PermissionError):
                raise UnusableInput(f"{self}: permission denied; check its rights") from None
            if isinstance(error, NotADirectoryError | FileExistsError):
                problem = "a part of this path is a file; give another path"
                raise UnusableInput(f"{self}: {problem}") from None
            if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                reason = os.strerror(error.errno).lower()
                raise UnusableInput(f"{self}: {reason}; check the path") from None
            if isinstance(error, OSError) and error.errno == errno.EIO:
                raise JobFailed(f"{self}: cannot be read or written; check the disk") from None
            if isinstance(error, OSError) and os.path.isdir(self.uri):
                raise UnusableInput(f"{self}: a folder; name a file") from None
            raise
