"""Members of .zip archives, read in place: nothing is unpacked to a disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import IO, cast

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.formats.detection import (
    HEAD,
    Accepted,
    FileKind,
    detect,
    format_of_name,
    is_container,
    readable,
)
from nmt.formats.packed import most_unpacked
from nmt.storage.location import Location

_MOST_MEMBERS, _SNIFFED_LINES = 1000, 1000
_MOST_ENTRIES = 10_000  # of the directory, with folders and hidden members
_SHOWN = 80  # characters of a member's name
_ENCRYPTED = 0x1  # see APPNOTE.TXT of zip, 4.4.4 and 4.4.5
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}


class _FewEntries(list[zipfile.ZipInfo]):
    """The entries of a directory while it is parsed; each takes memory, whatever is in it."""

    def __init__(self, location: Location) -> None:
        super().__init__()
        self._location = location

    def append(self, info: zipfile.ZipInfo) -> None:
        if not info.filename:
            raise zipfile.BadZipFile("a member without a name")
        if len(self) >= _MOST_ENTRIES:
            raise UnusableInput(
                f"{self._location}: more than {_MOST_ENTRIES:,} entries, folders and hidden "
                "members too, are not looked into; unpack the archive and name the file"
            )
        super().append(info)


class Archive(zipfile.ZipFile):
    """A zip archive with no more entries than `_MOST_ENTRIES`.

    Args:
        raw: its bytes.
        location: the archive.
        entry: one entry of its directory, if it was parsed before: then it is not parsed again,
            so that reading all members one by one takes no time that grows with their square.

    Raises:
        UnusableInput: it has more entries.
        BadZipFile: it is damaged.
    """

    def __init__(
        self, raw: pa.NativeFile, location: Location, entry: zipfile.ZipInfo | None = None
    ) -> None:
        self._location, self._entry = location, entry
        super().__init__(cast(IO[bytes], raw))

    def _RealGetContents(self) -> None:  # noqa: N802 - parses the directory; see `zipfile`
        if self._entry is None:
            self.filelist: list[zipfile.ZipInfo] = _FewEntries(self._location)
            super()._RealGetContents()  # type: ignore[misc]
        else:
            self.filelist = [self._entry]
            self.NameToInfo = {self._entry.filename: self._entry}


def open_member(archive: Archive, name: str, location: Location) -> IO[bytes]:
    """A member of an archive, if it can be read a piece at a time.

    Only deflate takes a limit to what comes out: `zipfile` unpacks all that a piece of bzip2 or
    LZMA holds at once.
    """
    info = archive.getinfo(name)
    if info.flag_bits & _ENCRYPTED:
        raise UnusableInput(f"{location}: member {_shown(name)} has a password; unpack it")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise UnusableInput(
            f"{location}: member {_shown(name)} is compressed with {method}, which cannot be read "
            "within limits; pack it with deflate (zip -9) or unpack it"
        )
    return archive.open(info)


def sniff_members(location: Location) -> Iterator[tuple[str, list[bytes]]]:
    """The .txt and .tsv members of a zip archive, in the archive's order, and the first lines of
    each.

    Raises:
        UnusableInput: no archive, one of more than 1,000 such members or 10,000 entries, or one of
            a member that `open_member` does not read.
    """
    with (
        readable(location),
        location.open() as raw,
        Archive(raw, location) as archive,
    ):
        names = [
            name
            for name in archive.namelist()
            if name.lower().endswith((".txt", ".tsv")) and not name.startswith("__MACOSX/")
        ]
        _refuse_many(location, len(names), ".txt and .tsv members")
        for name in names:
            with open_member(archive, name, location) as member:
                head = member.read(HEAD)
            yield name, head.splitlines()[:_SNIFFED_LINES]


def members(location: Location, accepted: Accepted) -> list[FileKind]:
    """What the members of a zip archive are, as the files of a folder, sorted by their names.

    Folders are none, and names that begin with ``.`` or ``_`` are hidden, as in a folder. Empty
    members are left out.

    Args:
        location: the archive.
        accepted: what a member may be; none is packed again, and none is Parquet.

    Raises:
        UnusableInput: no archive, a member that cannot be read or is something else, two of one
            name, or too many or too large ones.
    """
    with (
        readable(location),
        location.open() as raw,
        Archive(raw, location) as archive,
    ):
        infos = [info for info in archive.infolist() if not (info.is_dir() or _hidden(info))]
        _refuse_many(location, len(infos), "members")
        # A member gives no more bytes than it says; several may lie in the same place.
        whole, most = sum(info.file_size for info in infos), most_unpacked(raw.size())
        if whole > most:
            raise UnusableInput(
                f"{location}: {raw.size():,} bytes that unpack to {whole:,}, more than {most:,}; "
                "unpack it and give the folder if it is meant to be so"
            )
        for name, count in Counter(info.filename for info in infos).items():
            if count > 1:
                raise UnusableInput(f"{location}: has two members {_shown(name)}; unpack it")
        kinds = []
        for info in sorted(infos, key=lambda info: info.filename):
            problem, form = format_of_name(info.filename, accepted)
            if is_container(info.filename):
                problem = "packed in its turn, or Parquet, which is not read inside an archive"
            if problem:
                raise UnusableInput(
                    f"{location}: member {_shown(info.filename)}: {problem}; unpack the archive "
                    "and name the files that are meant"
                )
            open_member(archive, info.filename, location).close()
            if info.file_size:
                info.extra = info.comment = b""  # up to 128 KiB, with every unit
                kinds.append(FileKind(form, "zip", info.filename, info))
        return kinds


def kinds_in(location: Location, accepted: Accepted) -> list[FileKind]:
    """What a file is; of a zip archive, what each of its `members` is."""
    kind = detect(location, accepted)
    return members(location, accepted) if kind.packing == "zip" else [kind]


def _hidden(info: zipfile.ZipInfo) -> bool:
    return any(part.startswith((".", "_")) for part in info.filename.split("/"))


def _shown(name: str) -> str:
    return repr(name[:_SHOWN])


def _refuse_many(location: Location, count: int, what: str) -> None:
    if count > _MOST_MEMBERS:
        raise UnusableInput(
            f"{location}: {count:,} {what}, more than {_MOST_MEMBERS:,} are not looked into; "
            "unpack the archive and name the file"
        )
