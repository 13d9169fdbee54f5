"""Write numbers, dates and identifiers for people; what is no number is passed on as text."""

import math
from datetime import UTC, datetime
from typing import Any

NONE = "–"


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, digits: int | None = None) -> str:
    """A number with thousands separated.

    Args:
        value: Any value; None and NaN become a dash, text stays as it is.
        digits: Places behind the point; without it as many as the size calls for.

    Returns:
        For example ``12,345`` or ``-0.31``.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if not is_number(value):
        return str(value)
    if digits is None:
        digits = 0 if isinstance(value, int) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    return f"{value:z,.{digits}f}".replace("-", "−")


def counted(number: float, noun: str) -> str:
    """A number of things, for example ``1 worker`` or ``1,200 workers``."""
    return f"{number:,g} {noun}" if number == 1 else f"{number:,g} {noun}s"


def short(number: float) -> str:
    """A large number with three digits at most, for example ``950``, ``12.3k`` or ``4.56M``."""
    for unit in ("", "k", "M", "G"):
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:,.3g}T"


def percent(value: Any) -> str:
    """A share of 0 to 1 as per cent; a small one keeps two significant digits.

    Args:
        value: Any value; None and NaN become a dash, text stays as it is.

    Returns:
        For example ``12.3 %``.
    """
    if not is_number(value):
        return number(value)
    shown = 100 * value
    digits = (
        1 if shown == 0 or abs(shown) >= 0.1 else min(6, 1 - math.floor(math.log10(abs(shown))))
    )
    return f"{number(float(shown), digits)} %"


def seconds(value: Any) -> str:
    """A duration in the two largest units, for example ``1 h 02 min`` or ``3.4 s``."""
    if not is_number(value):
        return number(value)
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def size(value: Any) -> str:
    """A number of bytes in binary units, for example ``1.5 MiB``."""
    if not is_number(value):
        return number(value)
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    step = 0
    while abs(value) >= 1024 and step < len(units) - 1:
        value, step = value / 1024, step + 1
    return f"{value:,.{0 if step == 0 else 1}f} {units[step]}"


def date(value: Any) -> str:
    """An ISO 8601 time for people, in UTC; what cannot be read stays as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return number(value)
    if moment.tzinfo is None:
        return f"{moment.day} {moment:%B %Y, %H:%M}"
    return f"{moment.astimezone(UTC).day} {moment.astimezone(UTC):%B %Y, %H:%M} UTC"


def signed(value: Any, digits: int) -> str:
    """A difference: a number with its sign, be it a plus; what is shown as zero has none."""
    plus = "+" if is_number(value) and round(value, digits) > 0 else ""
    return f"{plus}{number(value, digits)}"


def p_value(value: Any) -> str:
    """Three places suit a thousand resamples, whose least p-value is 0.001."""
    return number(float(value), 3) if is_number(value) else number(value)


def plain(value: Any) -> str:
    """A setting as it would be written in its file, so it can be copied back."""
    if value is None or value == {}:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def words(key: Any) -> str:
    """The name of a key, for example ``New rate`` of ``new_rate``."""
    text = str(key).replace("_", " ")
    return text[:1].upper() + text[1:]
