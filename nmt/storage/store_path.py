"""The name of a place: a local path or a URI, its parts, and the names below it."""

from __future__ import annotations

import os
import re
import stat
import urllib.parse
from typing import Self

from nmt.errors import UnusableInput
from nmt.storage.credentials import refuse_secrets
from nmt.storage.uri import (
    is_utf8,
    local_path,
    quote,
    scheme_of,
    split_options,
    unquote,
    without_home,
)

_LONGEST_NAME = 1000  # bytes; S3 takes 1,024
_ODD_NAME = re.compile(r"^/|[\0-\x1f\x7f\\]")


class StorePath:
    """A file or folder named by a local path or a URI.

    Args:
        uri: ``data/x``, ``/abs/x``, ``file:///x``, ``s3://bucket/x?endpoint_override=…``, ….
            A relative path is made absolute at once, for Ray's workers run elsewhere.

    Attributes:
        uri: a local path, or a remote URI, percent-encoded, without its options.

    Raises:
        UnusableInput: the URI holds a secret, names an unknown scheme, or is a relative path
            inside a submitted Ray job, whose current folder is a temporary copy.
    """

    def __init__(self, uri: str | os.PathLike[str]) -> None:
        text = os.fspath(uri)
        if not text:
            raise UnusableInput("an empty path was given; name a file, a folder or a URI")
        refuse_secrets(text)
        self._query = ""
        if scheme_of(text) not in ("", "file"):
            self.uri, self._query = split_options(text)
        else:
            self.uri = local_path(text)
        self._root = self.uri

    def __str__(self) -> str:
        return f"{self.uri}?{self._query}" if self._query else self.uri

    @property
    def shown(self) -> str:
        """Its name in what is made for others to read: the home folder is ``~`` there."""
        return without_home(str(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> Self:
        """A file or folder below this one; `name` is its plain name, not percent-encoded."""
        name = name.strip("/")
        spelled = name if self.is_local else quote(name)
        return self._sibling(f"{self.uri.rstrip('/')}/{spelled}")

    def _sibling(self, uri: str) -> Self:
        other = type(self).__new__(type(self))
        other.uri, other._query, other._root = uri, self._query, self._root
        return other

    def named(self, name: object) -> Self:
        """The file or folder below this one that a stored file names.

        Args:
            name: what stands there; it must be plain: parts that say where it lies below this
                folder, not percent-encoded, as in ``translations/part-00000.parquet``, and no
                longer than stores take.

        Raises:
            UnusableInput: it is no such name, there is a link on the way, or what lies there is
                neither file nor folder.
        """
        plain = isinstance(name, str) and not _ODD_NAME.search(name) and is_utf8(name)
        parts = str(name).split("/")
        plain = plain and len(os.fsencode(str(name))) <= _LONGEST_NAME
        if not plain or any(p in ("", ".", "..") or len(os.fsencode(p)) > 255 for p in parts):
            raise UnusableInput(
                f"{self}: damaged, for it names a file {str(name)[:80]!r}, which is none below it"
            )
        child = self / str(name)
        child.refuse_links()
        return child

    def refuse_links(self) -> None:
        """Check that no link leads from the folder that somebody named to this place.

        Raises:
            UnusableInput: there is one, or a pipe, socket or device lies here.
        """
        if not self.is_local or not self.uri.startswith(self._root.rstrip("/") + "/"):
            return
        place = self._root
        for part in self.parts_below(self._sibling(self._root)):
            place = os.path.join(place, part)
            try:
                mode = os.lstat(place).st_mode
            except OSError:  # nothing there, or no right to look
                return
            if stat.S_ISLNK(mode):
                raise UnusableInput(f"{place}: a link, where none may lie; remove it")
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UnusableInput(f"{place}: neither file nor folder; remove it")

    def __getstate__(self) -> dict[str, str]:
        return {"uri": self.uri, "_query": self._query, "_root": self._root}

    @property
    def name(self) -> str:
        """The last part of the path, decoded."""
        last = self.uri.rsplit("/", 1)[-1]
        return last if self.is_local else unquote(last)

    @property
    def parent(self) -> Self:
        """The folder this lies in; that of a bucket is the bucket itself."""
        start = 0 if self.is_local else self.uri.index("://") + 3
        folder, slash, _ = self.uri[start:].rpartition("/")
        if not slash:
            return self
        return self._sibling(self.uri[:start] + folder or "/")

    def parts_below(self, folder: StorePath) -> list[str]:
        """The decoded parts of this path from `folder` on."""
        rest = self.uri[len(folder.uri) :].strip("/").split("/")
        return rest if self.is_local else [unquote(part) for part in rest]

    @property
    def is_local(self) -> bool:
        """Whether this is a path of this machine's own filesystem."""
        return not scheme_of(self.uri)

    @property
    def options(self) -> dict[str, str]:
        """The filesystem's options that stand in the URI."""
        return dict(urllib.parse.parse_qsl(self._query))
