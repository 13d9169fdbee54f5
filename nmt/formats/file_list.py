"""The files that a name stands for, each with what it is, read one after the other.

What comes out of all of them together is held against the bytes that they have together: many
small files stand for no more than one large one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from nmt.errors import UnusableInput
from nmt.formats.archives import kinds_in
from nmt.formats.detection import WORDS, Accepted, FileKind
from nmt.formats.hive import Folders, folders_of
from nmt.formats.kinds import extent
from nmt.formats.named_files import expand
from nmt.formats.packed import most_unpacked
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import Row, lines
from nmt.formats.text_files import open_text
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile

_LOOKERS = 16  # files looked at together


class Part(NamedTuple):
    """A file, or a member of an archive.

    Attributes:
        location: as it was looked at.
        kind: what it is.
        folders: its partition columns, see `nmt.formats.hive`.
    """

    location: PinnedFile
    kind: FileKind
    folders: Folders = ()


class FileList:
    """Files of one format, in the order in which `nmt translate` reads them; see `list_files`.

    Args:
        location: what they were named by, for messages.
        parts: one at least.
    """

    def __init__(self, location: Location, parts: list[Part]) -> None:
        self.location, self.parts = location, parts
        self.format = parts[0].kind.format
        self.locations = [*dict.fromkeys(part.location for part in parts)]
        self.bytes = sum(location.bytes for location in self.locations)
        self.most = most_unpacked(self.bytes)

    def lines(self, longest: int) -> Iterator[tuple[int, bytes]]:
        """The lines of files of text, each with the place of its part.

        Args:
            longest: see `nmt.formats.rows.whole_lines`.

        Raises:
            UnusableInput: a file is damaged, or there are more bytes than such files may have.
        """
        room = self.most
        for place, part in enumerate(self.parts):
            with open_text(part.location, part.kind) as file:
                for line in lines(file, longest):
                    room -= len(line)
                    self._check(room)
                    yield place, line

    def rows(self) -> Iterator[tuple[int, Row]]:
        """The rows of files of one of the `ROW_FORMATS`, each with the place of its part; those of
        folders that are columns among their values.

        Raises:
            UnusableInput: see `lines`, and `nmt.formats.rows.RowFormat.rows`.
        """
        room = self.most
        for place, part in enumerate(self.parts):
            folders = dict(part.folders)
            with open_text(part.location, part.kind) as file:
                for row in ROW_FORMATS[self.format].rows(file, part.location):
                    room -= sum(sum(extent(v)) for v in row.values.values() if v is not None)
                    self._check(room)
                    if folders:
                        row = row._replace(values={**folders, **row.values})
                    yield place, row

    def _check(self, room: int) -> None:
        """Refuse to go on where no room is left of the bytes that all files may unpack to."""
        if room < 0:
            raise UnusableInput(
                f"{self.location}: {self.bytes:,} bytes that unpack to more than {self.most:,}, "
                "out of all proportion; unpack them and give the texts themselves if it is meant "
                "to be so"
            )


def list_files(name: str, accepted: Accepted, option: str = "the path") -> FileList:
    """The files that a name stands for: a file, a folder, a glob, or the members of a .zip.

    Args:
        name: see `nmt.formats.named_files.expand`.
        accepted: what each may be. Empty ones among several are left out.
        option: that gave the name, for messages.

    Raises:
        UnusableInput: nothing there, something else, or files of several formats.
    """
    locations, location = expand(name, option=option, hint=accepted.hint), Location(name)
    with ThreadPoolExecutor(_LOOKERS) as pool:  # a store takes its time for each of many files
        look = partial(_look, name, accepted, len(locations) == 1)
        parts = [part for some in pool.map(look, locations) for part in some]
    if not parts:
        raise UnusableInput(f"{location}: all its files are empty; {accepted.hint}")
    if len(formats := {part.kind.format for part in parts}) > 1:
        words = " and ".join(sorted(WORDS[one] for one in formats))
        raise UnusableInput(f"{location}: holds {words}; give one kind at a time")
    return FileList(location, parts)


def _look(name: str, accepted: Accepted, needed: bool, location: PinnedFile) -> list[Part]:
    if not (location.bytes or needed):
        return []
    folders = folders_of(location, name)
    return [Part(location, kind, folders) for kind in kinds_in(location, accepted)]
