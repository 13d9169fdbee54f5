"""TMX 1.4, translation memories in XML: a row is a `<tu>`, read as a stream.

Columns are

    en, de-AT      the text of the first `<seg>` in each language, without the codes of inline
                   markup (`<bpt>`, `<ept>`, `<ph>`, `<it>`, `<ut>`); `ind` for Indonesian, since
                   `id` is the name of ids
    prop:TYPE      the `<prop>` elements of the unit; of a language's own `prop:TYPE@en`
    note, tuid …   its notes and attributes

Several values of a column stand on a line each. Languages are compared without regard to case; `en`
also means the one language of the file that begins with `en-`.

XML cannot go on after an error, so a file that is not well-formed is refused with the line. Bytes
that are not UTF-8, and control characters, are repaired before it is parsed, and make their row
unreadable. Nothing is fetched and nothing is expanded: a document type that declares anything, an
entity, markup of more than 4 MiB and elements nested deeper than 100 are refused.

Security of XML in Python: https://docs.python.org/3/library/xml.html#xml-security
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Collection, Iterator
from typing import IO, Any
from xml.parsers import expat

from nmt.errors import UnusableInput
from nmt.formats.rows import LONGEST_ROW, TOO_LONG, Row, RowFormat, check_columns
from nmt.storage.location import Location
from nmt.text_limits import MalformedRow

_CHUNK = 1 << 16
_LONGEST_MARKUP = 4 << 20  # bytes of a tag or a comment, which expat keeps as a whole
_DEEPEST = 100  # elements inside each other
_MOST_NAMES = 1000  # of elements and attributes
_VALUE = 100  # bytes of a value besides its text, about
_CODES = frozenset({"bpt", "ept", "ph", "it", "ut"})
_COLUMNS = {"id": "ind"}  # ISO 639-3
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([^"']{1,40})""")
_ENCODINGS = ("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252")
# What XML may not hold stands here as characters that nobody writes, and that it may hold.
_NOT_UTF8, _CONTROL = "\U0001fffe", "\U0001ffff"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\udc80-\udcff\ufffe\uffff]")
_MARKS = re.compile(f"[{_NOT_UTF8}{_CONTROL}]")


class Tmx(RowFormat):
    """See this module."""

    name = "tmx"
    words = "a TMX file"
    endings = ("tmx",)
    contents = ("text", "utf16")

    def rows(self, file: IO[bytes], location: Location, start: int = 0) -> Iterator[Row]:
        """See `RowFormat.rows`."""
        parser = _Parser(location)
        count = 0
        for data in _utf8(file, location):
            for row in parser.feed(data):
                count += 1
                if count > start:
                    yield row

    def find_column(self, wanted: str, columns: Collection[str]) -> str | None:
        """See `RowFormat.find_column`; a language also means the one dialect of it."""
        if wanted in columns:
            return wanted
        name = language_column(wanted)
        if name in columns:
            return name
        dialects = [column for column in columns if column.startswith(f"{name}-")]
        return dialects[0] if len(dialects) == 1 else None


@functools.lru_cache(maxsize=1024)
def language_column(language: str) -> str:
    """The name of a language's column: ``pt_br`` is ``pt-BR``."""
    if not _LANGUAGE.fullmatch(language):
        return language
    first, *others = language.replace("_", "-").split("-")
    forms = {2: str.upper, 4: str.title}
    name = "-".join([first.lower(), *(forms.get(len(o), str.lower)(o) for o in others)])
    return _COLUMNS.get(name, name)


def _utf8(file: IO[bytes], location: Location) -> Iterator[bytes]:
    """The file as UTF-8 that XML may hold, a piece at a time; an empty piece at its end."""
    decoder: codecs.IncrementalDecoder
    chunk = file.read(_CHUNK)
    declared = match[1].decode("latin-1") if (match := _DECLARED.match(chunk)) else "utf-8"
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
    else:
        try:
            encoding = codecs.lookup(declared).name
        except (LookupError, ValueError):
            encoding = ""
        if encoding not in _ENCODINGS:
            raise UnusableInput(
                f"{location}: XML in the encoding '{declared}', which is not read; convert it to "
                "UTF-8, and its first line with it"
            )
        is_utf8 = encoding in ("utf-8", "ascii")
        decoder = codecs.getincrementaldecoder("utf-8-sig" if is_utf8 else encoding)(
            "surrogateescape" if is_utf8 else "replace"
        )
    while True:
        text = decoder.decode(chunk, not chunk)
        if _FORBIDDEN.search(text):
            text = _FORBIDDEN.sub(_mark, text)
        if text:
            yield text.encode("utf-8")
        if not chunk:
            yield b""
            return
        chunk = file.read(_CHUNK)


def _mark(match: re.Match[str]) -> str:
    return _NOT_UTF8 if "\udc80" <= match[0] <= "\udcff" else _CONTROL


class _Parser:
    """Makes rows of a file, a piece at a time."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._expat = expat.ParserCreate("utf-8")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.StartDoctypeDeclHandler = self._document_type
        self._expat.EntityDeclHandler = self._entity
        self._expat.ExternalEntityRefHandler = self._entity
        self._expat.SkippedEntityHandler = self._entity
        self._fed = 0
        self._path: list[str] = []
        self._names: set[str] = set()  # of elements and attributes, which expat never forgets
        self._rows: list[Row] = []
        self._columns: set[str] = set()
        self._values: dict[str, list[str]] | None = None  # of the unit that is open
        self._size = self._line = self._codes = 0
        self._language = self._column = ""
        self._text: list[str] | None = None  # of the value that is open

    def feed(self, data: bytes) -> list[Row]:
        """The rows that end in the next piece; nothing is the end of the file."""
        self._rows, self._fed = [], self._fed + len(data)
        try:
            self._expat.Parse(data, not data)
        except expat.ExpatError as error:
            raise self._unusable(
                f"is not well-formed XML ({expat.ErrorString(error.code)}); repair it, or fetch "
                "the file again",
                error.lineno,
            ) from None
        if self._fed - self._expat.CurrentByteIndex > _LONGEST_MARKUP:
            raise self._unusable("begins markup of more than 4 MiB; take it out")
        return self._rows

    def _unusable(self, problem: str, line: int | None = None) -> UnusableInput:
        line = self._expat.CurrentLineNumber if line is None else line
        return UnusableInput(f"{self._location}: line {line} {problem}")

    def _document_type(self, name: str, _system: Any, _public: Any, declares: bool) -> None:
        if declares:
            raise self._unusable("declares a document type of its own; take the declarations out")

    def _entity(self, *_: Any) -> int:
        raise self._unusable("declares or uses an entity; write the characters themselves")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != "tmx":
            raise self._unusable(f"begins <{name[:40]}>, not <tmx>; give a TMX file")
        if len(self._path) == _DEEPEST:
            raise self._unusable(f"nests elements deeper than {_DEEPEST}; flatten them")
        self._names.update((name, *attributes))
        if len(self._names) > _MOST_NAMES:
            raise self._unusable(
                f"has more than {_MOST_NAMES:,} names of elements and attributes; TMX has 30"
            )
        self._path.append(name)
        if name == "tu":
            self._values, self._size = {}, 0
            self._line, self._language = self._expat.CurrentLineNumber, ""
            for attribute, value in attributes.items():
                self._add(attribute, value)
        elif self._values is None:
            return
        elif name == "tuv":
            given = attributes.get("xml:lang") or attributes.get("lang") or "und"
            self._language = language_column(given)
        elif name == "seg":
            self._open(self._language)
        elif self._text is not None:
            self._codes += name in _CODES
        elif name == "prop":
            self._open(f"prop:{attributes.get('type', '')}{self._own}")
        elif name == "note":
            self._open(f"note{self._own}")

    @property
    def _own(self) -> str:
        return f"@{self._language}" if self._language else ""

    def _open(self, column: str) -> None:
        self._column, self._text, self._codes = column, [], 0

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._codes:
            self._size += len(text)
            if self._size <= LONGEST_ROW:
                self._text.append(text)

    def _end(self, name: str) -> None:
        self._path.pop()
        if name == "tu" and self._values is not None:
            self._rows.append(self._row(self._values))
            self._values = self._text = None
        elif name == "tuv":
            self._language = ""
        elif self._text is None:
            return
        elif name in ("seg", "prop", "note"):
            self._add(self._column, "".join(self._text))
            self._text = None
        else:
            self._codes -= name in _CODES

    def _add(self, column: str, value: str) -> None:
        self._size += _VALUE + len(column)
        if self._values is None or self._size > LONGEST_ROW:
            return
        column = _MARKS.sub("\ufffd", column)
        if column not in self._columns:
            self._columns.add(column)
            check_columns(self._location, self._columns)
        values = self._values.setdefault(column, [])
        if not values or column != self._language:  # of a language the first text counts
            values.append(value)

    def _row(self, values: dict[str, list[str]]) -> Row:
        cells = {column: "\n".join(texts) for column, texts in values.items()}
        whole = "\t".join(cells.values())
        if self._size > LONGEST_ROW:
            return Row(self._line, {}, MalformedRow(whole.encode(), TOO_LONG))
        if _MARKS.search(whole) is None:
            return Row(self._line, cells)
        readable = {column: _MARKS.sub("\ufffd", text) for column, text in cells.items()}
        raw = whole.replace(_CONTROL, "\ufffd").encode()
        if _NOT_UTF8 in whole:
            return Row(self._line, readable, raw.replace(_NOT_UTF8.encode(), b"\xff"))
        return Row(self._line, readable, MalformedRow(raw, "control characters"))
