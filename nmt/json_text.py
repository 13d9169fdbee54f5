"""The one way in which JSON is written, read and hashed.

Python's own writes NaN and Infinity, which no standard knows (RFC 8259, section 6), and reads
whatever a stranger has stored: numbers of any length, lists nested to any depth.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

_LONGEST_INTEGER = 20  # characters of one, as uint64 has them
_DEEPEST = 100  # lists and mappings inside each other
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def json_text(value: Any, **layout: Any) -> str:
    """A value as JSON; a number that is none or infinite is ``null``.

    Args:
        value: of what JSON knows.
        layout: options of `json.dumps`. Letters beyond ASCII stay as they are unless it says
            otherwise.
    """
    return json.dumps(_finite(value), **{"ensure_ascii": False, **layout}, allow_nan=False)


def format_json(value: Any) -> str:
    """The one text under which a value is stored: indented, keys sorted."""
    return json_text(value, indent=2, sort_keys=True) + "\n"


def hash_json(value: Any) -> str:
    """The SHA-256 of a value in canonical JSON: the same settings have the same hash."""
    text = json_text(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def parse_json(data: bytes | str) -> Any:
    """Read JSON that somebody else may have written.

    Args:
        data: the whole text; its size is for the caller to bound.

    Raises:
        ValueError: it is no JSON, or holds what `json_text` never writes: numbers that are none,
            integers of more than 64 bits, a key twice in a mapping, values nested deeper than
            100. The message is short.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_mapping,
        )
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_depth(value)
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"an integer of {len(text):,} digits")
    return int(text)


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("a number without bounds")
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(value := dict(pairs)) < len(pairs):
        raise ValueError("a key that stands there twice")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: Any) -> None:
    """Refuse values in which a walk by recursion would not come back."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
