"""Arrays, weights, tables of text, and any file at all, changed in every way."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import json_tampering
import numpy as np
import yaml

Change = tuple[str, Callable[[], bytes | None]]  # what was done, and what makes the bytes
CELLS = ("", "-1", "1e308", "nan", "inf", "9" * 5000, "x", "../x", "\x1b]0;x\x07", "x" * 100_000)


def any_file(data: bytes) -> Iterator[Change]:
    """What can happen to the bytes of any file."""
    middle = len(data) // 2
    yield "empty", lambda: b""
    yield "half of it", lambda: data[:middle]
    yield "a byte more", lambda: data + b"\0"
    yield "garbage", lambda: bytes(range(256)) * 4
    yield "ten times", lambda: data * 10
    for place in sorted({0, len(data) // 4, middle, len(data) * 3 // 4, len(data) - 1}):
        if 0 <= place < len(data):
            yield f"byte {place}", partial(_flipped, data, place)


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def json_lines(data: bytes) -> Iterator[Change]:
    """A file of JSON lines: the values of the first."""
    first, rest = data.split(b"\n", 1)

    def line(change: Callable[[], bytes | None]) -> bytes | None:
        if (changed := change()) is None:
            return None
        return b" ".join(changed.split()) + b"\n" + rest

    for name, change in json_tampering.tampered(first.decode()):
        yield name, partial(line, change)
    yield "lines twice", lambda: data * 2
    yield "empty lines", lambda: b"\n" * 1000 + data


def yaml_file(data: bytes) -> Iterator[Change]:
    """A YAML file, whose values are changed as those of JSON, which YAML contains."""
    yield from json_tampering.tampered(json.dumps(yaml.safe_load(data)))
    yield "aliases", lambda: b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + data
    yield "a tag", lambda: b"a: !!python/object/apply:os.system ['true']\n" + data
    yield "two documents", lambda: data + b"---\n" + data


def tab_separated(data: bytes) -> Iterator[Change]:
    """A table of text with a header: its cells."""
    lines = [line.split("\t") for line in data.decode().splitlines()]

    def text(row: int, line: list[str]) -> bytes:
        changed = [line if number == row else other for number, other in enumerate(lines)]
        return "".join("\t".join(line) + "\n" for line in changed).encode()

    for row in sorted({0, 1, len(lines) - 1}):
        line = lines[row]
        for column, _ in enumerate(line):
            for number, cell in enumerate(CELLS):
                changed = [*line[:column], cell, *line[column + 1 :]]
                yield f"cell {row},{column}={number}", partial(text, row, changed)
        yield f"short {row}", partial(text, row, line[:-1])
    yield "rows twice", lambda: data + data.split(b"\n", 1)[1]
    yield "header twice", lambda: data.split(b"\n", 1)[0] + b"\n" + data


def arrays(data: bytes) -> Iterator[Change]:
    """An npz file: each array, and the archive."""
    with np.load(io.BytesIO(data)) as file:
        stored = {name: file[name] for name in file.files}
    for name, array in stored.items():
        for what, other in _other_arrays(array):
            yield f"{name}: {what}", partial(_npz, stored | {name: other})
        yield f"{name}: gone", partial(_npz, {n: a for n, a in stored.items() if n != name})
        yield (
            f"{name}: huge by its header",
            partial(_npz, stored, {name: _header(array, (10**13,))}),
        )
        yield f"{name}: negative shape", partial(_npz, stored, {name: _header(array, (-1,))})
        yield f"{name}: no npy", partial(_npz, stored, {name: b"garbage"})
    yield "another array", partial(_npz, {**stored, "../x\x1b": np.zeros(1)})
    yield "many arrays", partial(_npz, {**stored, **{f"a{n}": np.zeros(0) for n in range(3000)}})
    yield (
        "bomb",
        partial(_npz, {**stored, next(iter(stored)): np.zeros(2 * 10**7)}, compressed=True),
    )


def _other_arrays(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "empty", array[:0]
    yield "twice", np.concatenate([array, array])
    yield "reversed", array[::-1]
    yield "two dimensions", array[None] if array.ndim else array.reshape(1, 1)
    yield "no dimension", np.array(0, array.dtype)
    yield "floats", np.full(array.shape, np.nan)
    yield "complex", np.zeros(array.shape, np.complex128)
    yield "texts", np.full(array.shape, "x")
    yield "times", np.zeros(array.shape, "datetime64[s]")
    yield "objects", np.array([{}] * max(1, array.size), dtype=object)
    yield "records", np.zeros(array.shape, [("a", "i4"), ("b", "f8")])
    yield "other byte order", array.astype(array.dtype.newbyteorder(">"))
    if array.dtype.kind in "iuf" and array.size:
        for value in (-1, 2**31, 2**62, np.inf, np.nan):
            kind = array.dtype if array.dtype.kind == "f" or np.isfinite(value) else np.float64
            changed = array.astype(kind)
            with np.errstate(all="ignore"):
                changed.flat[array.size // 2] = np.array(value).astype(kind)
            yield f"{value}", changed


def _header(array: np.ndarray, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    description = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue() + array.tobytes()


def _npz(
    stored: dict[str, np.ndarray], raw: dict[str, bytes] | None = None, compressed: bool = False
) -> bytes:
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, array in stored.items():
            member = io.BytesIO()
            np.save(member, array)
            archive.writestr(f"{name}.npy", (raw or {}).get(name, member.getvalue()))
    return file.getvalue()


def tensors(data: bytes) -> Iterator[Change]:
    """A safetensors file: its header, and its numbers."""
    size = struct.unpack("<Q", data[:8])[0]
    header, numbers = data[8 : 8 + size].decode(), data[8 + size :]
    values: dict[str, Any] = json.loads(header)
    first = dict(list(values.items())[:2])
    rest = json.dumps({key: values[key] for key in list(values)[2:]})[1:]

    def whole(change: Callable[[], bytes | None]) -> bytes | None:
        if (changed := change()) is None:
            return None
        text = changed.decode().strip()
        if text.startswith("{") and text.endswith("}"):
            text = f"{text[:-1].strip()}{', ' if text[1:-1].strip() else ''}{rest}"
        return struct.pack("<Q", len(text.encode())) + text.encode() + numbers

    def number(value: float, every: bool) -> bytes:
        count = len(numbers) // 4 if every else 1
        place = 0 if every else len(numbers) // 8 * 4
        floats = np.full(count, value, np.float32).tobytes()
        return data[: 8 + size + place] + floats + data[8 + size + place + len(floats) :]

    for name, change in json_tampering.tampered(json.dumps(first)):
        yield name, partial(whole, change)
    for value in (np.nan, np.inf, -np.inf, 3e38, -1.0):
        yield f"a {value}", partial(number, value, False)
        yield f"all {value}", partial(number, value, True)
    for length in (0, 2**31, 2**63, size + 1):
        yield f"header of {length}", partial(struct.pack("<Q", length).__add__, data[8:])
