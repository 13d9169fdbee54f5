"""What every stored JSON file is: a typed record, written and read by the same class.

Files come from buckets that others can write to. A record names the keys of a file, with their
types and bounds. Keys that it does not name are kept. Whoever reads a file gets the record, or one
line that says what is wrong with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)

from nmt.errors import UnusableInput
from nmt.printable import lower_first

if TYPE_CHECKING:
    from nmt.storage.location import Location

_SHOWN = 80  # characters of a message that come from the file
LARGEST_COUNT = 2**53  # what every reader of JSON holds exactly
LARGEST_MEASURE = 3.5e38  # of losses and scores, as float32: plots fail on much larger numbers
_ROWS_OF_A_FILE = 10_000_000

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
R = TypeVar("R", bound="Record")
K = TypeVar("K")
T = TypeVar("T")
_MOST_ERRORS = 1000  # pydantic keeps half a kilobyte of each, though the first one is enough


def _in_pieces(value: Any, validate: Callable[[Any], Any]) -> Any:
    """Validate a long list or mapping piece by piece, so that an error ends it soon."""
    if not isinstance(value, list | dict) or len(value) <= _MOST_ERRORS:
        return validate(value)
    if isinstance(value, list):
        starts = range(0, len(value), _MOST_ERRORS)
        return [item for i in starts for item in validate(value[i : i + _MOST_ERRORS])]
    result: dict[Any, Any] = {}
    items = iter(value.items())
    while piece := dict(islice(items, _MOST_ERRORS)):
        result |= validate(piece)
    return result


Many = Annotated[list[T], WrapValidator(_in_pieces)]
Keyed = Annotated[dict[K, T], WrapValidator(_in_pieces)]
Named = Keyed[str, T]


class Record(BaseModel):
    """A mapping with these keys, and perhaps some others."""

    model_config = ConfigDict(
        strict=True, allow_inf_nan=False, extra="allow", frozen=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _has_few_keys(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > _MOST_ERRORS:
            raise ValueError(f"{len(value):,} keys, more than {_MOST_ERRORS:,}")
        return value

    def to_json(self) -> dict[str, Any]:
        """The mapping as it is stored: the keys that were given, no defaults."""
        return self.model_dump(exclude_unset=True, by_alias=True)


class Versioned(Record):
    """A file of any release."""

    format_version: Count


class FileEntry(Record):
    """A file as it was written."""

    bytes: Count
    sha256: Hash


class TableEntry(FileEntry):
    """A Parquet file as it was written."""

    rows: Annotated[int, Field(ge=0, le=_ROWS_OF_A_FILE)]


def file_entry(content: bytes) -> FileEntry:
    """The entry of a file with this content."""
    return FileEntry(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def table_entry(rows: int, content: bytes) -> TableEntry:
    """The entry of a Parquet file of so many rows with this content."""
    return TableEntry(rows=rows, **file_entry(content).to_json())


def read(file: Location, kind: type[R]) -> R:
    """The content of a stored file.

    Args:
        file: JSON.
        kind: what it must hold.

    Raises:
        UnusableInput: no such file, or a damaged one.
    """
    return check(file.read_json(), kind, file)


def read_list(file: Location, kind: type[R], most: int) -> list[R]:
    """The content of a stored file that holds a list, of so many bytes at most; see `read`."""
    entries = file.read_json(most)
    if not isinstance(entries, list):
        raise UnusableInput(f"{file}: damaged (no list); restore it from a copy")
    return [check(entry, kind, file) for entry in entries]


def check(value: Any, kind: type[R], where: object) -> R:
    """A mapping as a record.

    Args:
        value: what was read.
        kind: what it must hold.
        where: names it in the error.

    Raises:
        UnusableInput: it does not.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise damaged(error, where) from None


def damaged(error: ValidationError, where: object) -> UnusableInput:
    """The line that says what is wrong with stored values."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))[:_SHOWN]
    problem = f"{place}: {lower_first(first['msg'])}" if place else lower_first(first["msg"])
    return UnusableInput(f"{where}: damaged ({problem}); restore it from a copy")
