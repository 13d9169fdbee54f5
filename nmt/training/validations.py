"""RUN/validations.tsv: a line per validation, with the signatures of its scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nmt.errors import UnusableInput
from nmt.storage.location import Location

_COLUMNS = (
    *("step", "epoch", "valid_loss", "accuracy", "bleu", "chrf", "seconds", "best"),
    *("signature", "chrf_signature"),  # sacrebleu's, of bleu and of chrf
)
_LARGEST = 64 << 20  # bytes of the file
_WHOLE, _TEXTS = ("step", "epoch"), ("signature", "chrf_signature")


def read(run: Location) -> list[dict[str, Any]]:
    """The lines of a run, typed; [] where there is no file.

    Raises:
        UnusableInput: another release wrote them.
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
        return [
            {name: _parse(name, value) for name, value in zip(header, row, strict=True)}
            for row in rows
        ]
    except ValueError:
        raise UnusableInput(f"{file}: damaged; restore it from a copy") from None


def write(run: Location, lines: Iterable[Mapping[str, Any]]) -> None:
    """Store these lines, and no others."""
    rows = [_COLUMNS, *([_format(line[name]) for name in _COLUMNS] for line in lines)]
    (run / "validations.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


def _parse(name: str, value: str) -> Any:
    if name in _TEXTS:
        return value
    if name == "best":
        return value == "yes"
    return int(value) if name in _WHOLE else float(value)


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
