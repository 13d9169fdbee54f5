"""Values of variables as a file of named tensors: safetensors, which holds only numbers.

A tensor is named by its variable's path (``decoder/attention/W_a``). What is read must be the
variables of a model, no more and no less, each of its shape and type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nmt.errors import UnusableInput

Kind = tuple[tuple[int, ...], str]  # shape and type, as ((3, 4), "float32")
_LONGEST_HEADER = 1 << 20  # bytes; that of 10,000 tensors
_SHOWN = 60  # characters of a foreign name


def serialise(variables: Iterable[Any]) -> bytes:
    """The values of variables as a file; the same values give the same bytes.

    Args:
        variables: Keras's, each with a path of its own.
    """
    arrays = [(variable.path, np.asarray(variable.numpy(), order="C")) for variable in variables]
    tensors = dict(arrays)
    assert len(tensors) == len(arrays), "two variables have one path"
    return save(tensors)


def assign(
    data: bytes, variables: Iterable[Any], place: Any, remedy: str, finite: bool = False
) -> None:
    """Give variables the values of a file, to the last bit.

    Args:
        data: what `serialise` made of variables with the same paths, shapes and types.
        variables: Keras's; none of them changes where the file is refused.
        place: of the file, for messages.
        remedy: what to do with a file that does not fit.
        finite: whether NaN and infinite numbers are refused.

    Raises:
        UnusableInput: no such file, or one of other variables or numbers.
    """
    variables = list(variables)
    wanted = {
        variable.path: (tuple(variable.shape), np.dtype(variable.dtype).name)
        for variable in variables
    }
    try:
        tensors = _parse(data)
        _compare(tensors, wanted)
        if finite:
            _check_finite(tensors)
    except ValueError as error:
        raise UnusableInput(f"{place}: {error}; {remedy}") from None
    for variable in variables:
        variable.assign(tensors[variable.path])


def check(data: bytes, place: Any, remedy: str) -> None:
    """Refuse what is no file of tensors; see `assign`.

    Raises:
        UnusableInput: it is none, or a damaged one.
    """
    try:
        _parse(data)
    except ValueError as error:
        raise UnusableInput(f"{place}: {error}; {remedy}") from None


def pick(data: bytes, wanted: Mapping[str, Kind], place: Any, remedy: str) -> list[np.ndarray]:
    """Some tensors of a file, in which every number is finite.

    Args:
        data: see `assign`.
        wanted: the tensors, by their names.
        place: see `assign`.
        remedy: see `assign`.

    Raises:
        UnusableInput: no such file, or none with these tensors.
    """
    try:
        tensors = _parse(data)
        _compare({name: tensors[name] for name in wanted if name in tensors}, wanted)
        _check_finite(tensors)
    except ValueError as error:
        raise UnusableInput(f"{place}: {error}; {remedy}") from None
    return [tensors[name] for name in wanted]


def _parse(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a file; ValueError says why there are none."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= min(_LONGEST_HEADER, len(data) - 8):
        raise ValueError("no safetensors file, or not all of one")
    try:
        tensors = load(data)
        # A name that comes twice would hide one of two tensors.
        json.loads(data[8 : 8 + length], object_pairs_hook=_without_repetition)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        kind = str(error).splitlines()[0] if isinstance(error, SafetensorError) else "its header"
        raise ValueError(f"a damaged safetensors file ({_short(kind)})") from None
    return tensors


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _compare(tensors: Mapping[str, np.ndarray], wanted: Mapping[str, Kind]) -> None:
    """Raise ValueError where these are not the tensors that are wanted, and no others."""
    for what, names in (
        ("misses", wanted.keys() - tensors.keys()),
        ("holds the foreign", tensors.keys() - wanted.keys()),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(f"{what} {_short(min(names))}{more}")
    for name, kind in wanted.items():
        stored = tensors[name].shape, tensors[name].dtype.name
        if stored != kind:
            raise ValueError(f"its {name} is {_kind(*stored)}, and not {_kind(*kind)} as here")


def _check_finite(tensors: Mapping[str, np.ndarray]) -> None:
    for path, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"its {_short(path)} holds NaN or infinite numbers")


def _kind(shape: tuple[int, ...], dtype: str) -> str:
    return f"{dtype}[{', '.join(map(str, shape))}]"


def _short(text: str) -> str:
    """Text from a file that may be hostile, as part of a line."""
    return ascii(text[:_SHOWN])[1:-1] + ("…" if len(text) > _SHOWN else "")
