"""RUN/validations.tsv: a line per validation."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator

from nmt.errors import UnusableInput
from nmt.records.run import Scores, ValidationLine
from nmt.storage.location import Location

_COLUMNS = tuple(name for name in ValidationLine.model_fields if name != "others")
_SCORES = tuple(Scores.model_fields)
_LARGEST, _MOST_LINES = 64 << 20, 100_000  # bytes and lines of the file


def read(run: Location) -> list[ValidationLine]:
    """The lines of a run; [] if there is no file.

    Raises:
        UnusableInput: the file is damaged, or another release wrote it.
    """
    file = run / "validations.tsv"
    if not file.is_file():
        return []
    rows = (line.decode("utf-8").split("\t") for line in lines_of(file, _LARGEST, _MOST_LINES))
    try:
        header = next(rows, [])
        if tuple(header[: len(_COLUMNS)]) != _COLUMNS:
            raise UnusableInput(f"{file}: is of another release of nmt; give another --output")
        return [_parsed(dict(zip(header, row, strict=True))) for row in rows]
    except ValueError:  # ValidationError and UnicodeDecodeError, too
        raise UnusableInput(f"{file}: damaged; restore it from a copy") from None


def _parsed(values: dict[str, str]) -> ValidationLine:
    others: dict[str, dict[str, str]] = {}
    for column in [name for name in values if name not in _COLUMNS]:
        dataset, _, score = column.rpartition(":")
        others.setdefault(dataset, {})[score] = values.pop(column)
    return ValidationLine.model_validate({**values, "others": others})


def lines_of(file: Location, largest: int, most: int) -> Iterator[bytes]:
    """The lines of a file without their ends, one at a time.

    Args:
        file: the file.
        largest: bytes that it may have.
        most: lines that it may have.

    Raises:
        UnusableInput: it has more.
    """
    for number, line in enumerate(io.BytesIO(file.read_bytes(largest))):
        if number >= most:
            raise UnusableInput(f"{file}: more than {most:,} lines; move it elsewhere")
        yield line.rstrip(b"\r\n")


def write(run: Location, lines: Iterable[ValidationLine]) -> None:
    """Store these lines, and no others."""
    lines = list(lines)
    names = sorted({name for line in lines for name in line.others})
    further = [(name, score) for name in names for score in _SCORES]
    rows = [
        [*_COLUMNS, *(f"{name}:{score}" for name, score in further)],
        *(
            [
                *(_format(getattr(line, name)) for name in _COLUMNS),
                *(
                    _format(getattr(line.others.get(name), score, math.nan))
                    for name, score in further
                ),
            ]
            for line in lines
        ),
    ]
    (run / "validations.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


def _format(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
