"""RUN/validations.tsv: a line per validation."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from nmt.errors import UnusableInput
from nmt.records.run import ValidationLine
from nmt.storage.location import Location

_COLUMNS = tuple(ValidationLine.model_fields)
_LARGEST = 64 << 20  # bytes of the file


def read(run: Location) -> list[ValidationLine]:
    """The lines of a run; [] if there is no file.

    Raises:
        UnusableInput: the file is damaged, or another release wrote it.
    """
    file = run / "validations.tsv"
    if not file.is_file():
        return []
    try:
        text = file.read_bytes(_LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise UnusableInput(f"{file}: damaged (no UTF-8); restore it from a copy") from None
    header, *rows = (line.split("\t") for line in text.splitlines() or [""])
    if tuple(header) != _COLUMNS:
        raise UnusableInput(f"{file}: is of another release of nmt; give another --output")
    try:
        return [ValidationLine.model_validate(dict(zip(header, row, strict=True))) for row in rows]
    except (ValidationError, ValueError):
        raise UnusableInput(f"{file}: damaged; restore it from a copy") from None


def write(run: Location, lines: Iterable[ValidationLine]) -> None:
    """Store these lines, and no others."""
    rows = [_COLUMNS, *([_format(getattr(line, name)) for name in _COLUMNS] for line in lines)]
    (run / "validations.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


def _format(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
