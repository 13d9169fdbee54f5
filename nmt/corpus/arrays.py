"""Arrays as one file, and read again in memory that does not depend on what the file claims.

numpy's own reader allocates whatever size a header names, and unpacks whatever was packed.
"""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np

_OVERHEAD = 64 << 10  # bytes of the headers of all arrays of a file, at most
_KINDS = "iuf"  # integers, without sign or with one, and floating-point numbers


def array_bytes(**arrays: np.ndarray) -> bytes:
    """Arrays of numbers as one file (npz, not packed)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def most_bytes(values: int, arrays: int = 3) -> int:
    """The bytes that a file of so many arrays of so many values may have."""
    return _OVERHEAD + 8 * arrays * values


def parse_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays that `array_bytes` stored, by name.

    Raises:
        ValueError: it is another file, or an array has more values than the file.
        zipfile.BadZipFile: it is damaged.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"array '{info.filename[:80]}' is packed")
            with archive.open(info) as member:
                if np.lib.format.read_magic(member) != (1, 0):
                    raise ValueError("another version of arrays")
                shape, fortran, kind = np.lib.format.read_array_header_1_0(member)
                if fortran or kind.kind not in _KINDS or any(size < 0 for size in shape):
                    raise ValueError("no array of numbers")
                size = math.prod(shape) * kind.itemsize
                if size > len(data):
                    raise ValueError(f"an array of {size:,} bytes in a file of {len(data):,}")
                content = member.read(size + 1)
            if len(content) != size:
                raise ValueError("an array of another size than it says")
            name = info.filename.removesuffix(".npy")
            arrays[name] = np.frombuffer(content, kind).reshape(shape)
    return arrays
