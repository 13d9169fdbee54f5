"""Every value of a JSON or YAML text, changed in every way that a stranger could think of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

Path = tuple[Any, ...]
_MARK = "@value@"
_ALIKE = 6  # keys of a mapping whose values are of one form; of more, the first two are changed

# What takes the place of a value, as JSON text.
VALUES = {
    "null": "null",
    "true": "true",
    "a number": "7",
    "a fraction": "0.5",
    "zero": "0",
    "negative": "-1",
    "2^31": "2147483648",
    "2^53": "9007199254740992",
    "2^63": "9223372036854775808",
    "1e308": "1e308",
    "text": '"x"',
    "empty text": '""',
    "long text": '"' + "x" * 100_000 + '"',
    "many lines": '"' + "x\\n" * 1000 + '"',
    "parent": '"../elsewhere/private.txt"',
    "absolute": '"/etc/hostname"',
    "escapes": r'"\u001b]0;title\u0007\nforged line\u202e"',
    "NUL": r'"a\u0000b"',
    "a URI": '"s3://bucket/x?endpoint_override=http://127.0.0.1:1"',
    "markup": '"<script>alert(1)</script>"',
    "empty list": "[]",
    "list": '[1, "x", null]',
    "list of lists": "[[], {}]",
    "empty mapping": "{}",
    "mapping": '{"x": 1}',
    "many keys": "{" + ", ".join(f'"k{number}": {number}' for number in range(2000)) + "}",
}
# What is no JSON of ours, in whatever place; so only in two places of a file.
NO_VALUES = {
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "infinite": "1e400",
    "NaN": "NaN",
    "surrogate": r'"\ud800"',
    "deep": "[" * 1000 + "]" * 1000,
    "deep mappings": '{"a":' * 1000 + "1" + "}" * 1000,
}
# These depend on the value that stands there.
OTHERS = ("removed", "twice", "one more", "one less", "doubled", "reversed", "other case", "extra")


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The place of each value, the whole one's first; of a list the first alone."""
    yield path
    if isinstance(value, dict):
        keys = list(value)
        if len(keys) > _ALIKE and len({type(value[key]) for key in keys}) == 1 and path:
            keys = keys[:2]
        for key in keys:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*path, 0))


def tampered(text: str) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """A JSON text with one value changed: what was done, and what makes the bytes; it returns None
    where the value is of a kind that this cannot be done with."""
    value = json.loads(text)
    for number, path in enumerate(paths(value)):
        place = "/".join(map(str, path))
        for name, replacement in (VALUES | (NO_VALUES if number < 2 else {})).items():
            yield f"{place}={name}", partial(_with, value, path, replacement)
        for name in OTHERS:
            yield f"{place}: {name}", partial(_otherwise, value, path, name)


def at(value: Any, path: Path) -> Any:
    """The value at a place."""
    for key in path:
        value = value[key]
    return value


def _with(value: Any, path: Path, replacement: str) -> bytes:
    if not path:
        return replacement.encode()
    changed = deepcopy(value)
    at(changed, path[:-1])[path[-1]] = _MARK
    return format_like(changed).replace(f'"{_MARK}"', replacement).encode()


def format_like(value: Any) -> str:
    """A value as the program stores it."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _otherwise(value: Any, path: Path, name: str) -> bytes | None:
    if not path:
        return None
    changed, last = deepcopy(value), path[-1]
    parent = at(changed, path[:-1])
    old = parent[last]
    if name == "removed":
        del parent[last]
    elif name == "twice" and isinstance(parent, dict):
        key = json.dumps(last)
        parent[last] = _MARK
        text = format_like(changed)
        entry = json.dumps(old, ensure_ascii=False)
        return text.replace(f'{key}: "{_MARK}"', f"{key}: {entry}, {key}: {entry}").encode()
    elif name in ("one more", "one less") and type(old) in (int, float):
        parent[last] = old + (1 if name == "one more" else -1)
    elif name == "doubled" and old and isinstance(old, list | str):
        parent[last] = old * 2
    elif name == "reversed" and isinstance(old, list | str) and old != old[::-1]:
        parent[last] = old[::-1]
    elif name == "other case" and isinstance(old, str) and old != old.swapcase():
        parent[last] = old.swapcase()
    elif name == "extra" and isinstance(old, dict):
        old["\x1b]0;x\x07../x"] = deepcopy(next(iter(old.values()), 1))
    else:
        return None
    return format_like(changed).encode()
