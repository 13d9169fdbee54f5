"""Named tensors: read to the last bit as they were written, and refused in one line otherwise."""

import contextlib
import json
import struct
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import nmt.model  # noqa: F401  (first: it quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.tensors import assign, serialise
from nmt.training.optimizer import SummedAdam

KINDS = "float32", "float64", "float16", "int64", "int32", "uint32", "uint8", "bool"
VALUES = st.one_of(
    arrays.arrays(np.dtype(kind), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))
    for kind in KINDS
)


class Variable:
    """One of Keras's, as far as it is used here."""

    def __init__(self, path: str, value: np.ndarray) -> None:
        self.path, self.value, self.shape, self.dtype = path, value, value.shape, value.dtype.name

    def numpy(self) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


def bits(value: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return value.dtype.name, value.shape, value.tobytes()


def two() -> list[Variable]:
    return [
        Variable("decoder/W_a", np.arange(6, dtype="float32").reshape(2, 3)),
        Variable("bias", np.ones(3, "float32")),
    ]


def refusal(data: bytes) -> str:
    """The line with which it is refused; nothing is changed by then."""
    variables = two()
    with pytest.raises(UnusableInput) as caught:
        assign(data, variables, "MODEL/model.safetensors", "copy the model again")
    line = str(caught.value)
    assert line.startswith("MODEL/model.safetensors: ")
    assert line.endswith("; copy the model again")
    assert line.isprintable()
    assert len(line) < 300
    for variable, untouched in zip(variables, two(), strict=True):
        assert bits(variable.value) == bits(untouched.value)
    return line


def file_of(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, end: int, shape: Any = (3,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


W_A = entry(0, 24, (2, 3))
GOOD = {"decoder/W_a": W_A, "bias": entry(24, 36)}


# The format keeps one name for itself.
NAMES = st.text(max_size=20).filter(lambda name: name != "__metadata__")


@settings(max_examples=200)
@given(st.dictionaries(NAMES, VALUES, max_size=6), st.data())
def test_what_is_read_is_what_was_written(values, data) -> None:
    """Of any type and layout in memory, numbers that are none and negative zeros included."""
    variables = [
        Variable(path, np.array(value, order=data.draw(st.sampled_from("CF"))))
        for path, value in values.items()
    ]
    file = serialise(variables)
    others = [Variable(v.path, np.zeros_like(v.value)) for v in reversed(variables)]
    assert serialise(reversed(variables)) == file
    assign(file, others, "a file", "")
    for ours, theirs in zip(reversed(variables), others, strict=True):
        assert bits(ours.value) == bits(theirs.value)


@pytest.mark.parametrize(
    "architecture",
    [
        {},
        {"encoder_layers": 2, "decoder_layers": 2, "layer_norm": True},
        {"input_feeding": True},
        {"attention": "none", "tie_embeddings": True},
    ],
    ids=str,
)
def test_any_model_and_its_optimizer_are_read_into_another_one(tiny_model, architecture) -> None:
    """Of the same settings, made later in the same process: paths do not count what was made."""

    def variables(seed: int) -> list[Any]:
        model = tiny_model(seed=seed, **architecture)
        optimizer = SummedAdam(0.1, weight_decay=0.1, ema_decay=0.9)
        optimizer.build(model.trainable_variables)
        random = np.random.default_rng(seed)
        for variable in optimizer.variables:
            if variable.dtype == "float32":
                variable.assign(random.standard_normal(variable.shape, dtype="float32"))
        return [*model.weights, *optimizer.variables]

    one, other = variables(1), variables(2)
    special = np.array([np.nan, -0.0, np.inf, 1e-45], "float32").view("uint32")
    special[0] |= 0x1234  # the bits of one NaN among many
    bias = next(v for v in one if v.path == "seq2seq/output_bias")
    bias.assign(np.resize(special, bias.shape).view("float32"))
    assign(serialise(one), other, "a file", "")
    assert [v.path for v in one] == [v.path for v in other]
    assert [bits(v.numpy()) for v in one] == [bits(v.numpy()) for v in other]
    assert serialise(one) == serialise(other)


def test_a_file_that_is_whole_is_read() -> None:
    variables = two()
    assign(file_of(GOOD, bytes(36)), variables, "a file", "")
    assert not any(variable.value.any() for variable in variables)


@pytest.mark.parametrize(
    ("header", "size", "reason"),
    [
        ({"decoder/W_a": W_A}, 24, "misses bias"),
        ({**GOOD, "other": entry(36, 48)}, 48, "holds the foreign other"),
        ({**GOOD, "\x1b]0;x\x07" * 99: entry(36, 48)}, 48, "holds the foreign \\x1b]0;x\\x07"),
        ({**GOOD, "bias": entry(24, 36, (1, 3))}, 36, "bias is float32[1, 3], and not float32[3]"),
        ({**GOOD, "bias": entry(24, 36, dtype="I32")}, 36, "bias is int32[3], and not float32[3]"),
        ({**GOOD, "bias": entry(24, 30, dtype="BF16")}, 30, "damaged safetensors file"),
        ({**GOOD, "bias": entry(12, 24)}, 36, "damaged safetensors file"),  # overlaps
        ({**GOOD, "bias": entry(24, 36)}, 48, "damaged safetensors file"),  # something behind
        ({**GOOD, "bias": entry(24, 36)}, 30, "damaged safetensors file"),  # something missing
        ({**GOOD, "bias": entry(28, 40)}, 40, "damaged safetensors file"),  # a hole
        ({**GOOD, "bias": entry(36, 24)}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": entry(24, 36, (float("nan"),))}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": entry(24, 36, (-3,))}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": entry(24, 36, (3.0,))}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": entry(24, 24, (0, 1 << 62, 8))}, 24, "safetensors file"),
        ({**GOOD, "bias": entry(24, 24, (0, 1 << 62))}, 24, "safetensors file"),
        ({**GOOD, "bias": entry(24, 36, (3,) + (1,) * 99)}, 36, "safetensors file"),
        ({**GOOD, "bias": entry(24, 1 << 62, (1 << 60,))}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": entry(24, 36, "3")}, 36, "damaged safetensors file"),
        ({**GOOD, "bias": None}, 24, "damaged safetensors file"),
        ({}, 0, "misses bias and 1 more"),
        ([], 0, "damaged safetensors file"),
        (b"", 0, "no safetensors file"),
        (b"\xff\xfe{}", 0, "damaged safetensors file"),
        (b'{"a":' * 100_000, 0, "damaged safetensors file"),
        (b'{"bias":{"dtype":"F32","shape":[' + b"9" * 5000 + b"]}}", 0, "damaged safetensors file"),
    ],
    ids=lambda value: ascii(value)[-40:],
)
def test_another_file_is_refused_in_one_line(header, size, reason) -> None:
    assert reason in refusal(file_of(header, bytes(size)))


def test_a_name_that_comes_twice_is_refused() -> None:
    good = json.dumps(GOOD)
    for more in (good[1:], f'"bias": {json.dumps(GOOD["bias"])}}}'):
        assert "damaged safetensors file (its header)" in refusal(
            file_of(f"{good[:-1]}, {more}".encode(), bytes(36))
        )


def test_a_header_as_long_as_the_file_says_is_not_made_room_for() -> None:
    good = file_of(GOOD, bytes(36))
    for length in (0, len(good) - 7, 1 << 21, 1 << 40, (1 << 64) - 1):
        assert "no safetensors file" in refusal(struct.pack("<Q", length) + good[8:])
    padded = json.dumps(GOOD).encode() + b" " * (1 << 21)
    assert "no safetensors file" in refusal(file_of(padded, bytes(36)))


def test_what_was_cut_off_or_damaged_anywhere_is_refused_or_complete() -> None:
    """Never anything else than one line, or the variables with all of their values."""
    good = serialise(two())
    for size in range(len(good)):
        refusal(good[:size])
    refusal(good + b"\0")
    for place in range(len(good)):
        for bit in (1, 2, 32, 128):
            changed = bytearray(good)
            changed[place] ^= bit
            variables = two()
            with contextlib.suppress(UnusableInput):
                assign(bytes(changed), variables, "a file", "")


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_garbage_is_refused(data) -> None:
    refusal(data)
    refusal(file_of(data))


def test_variables_are_keras_s_own() -> None:
    layer = keras.layers.Dense(3, name="dense")
    layer.build((None, 2))
    file = serialise(layer.weights)
    before = [weight.numpy() for weight in layer.weights]
    for weight in layer.weights:
        weight.assign(weight + 1)
    assign(file, layer.weights, "a file", "")
    for weight, expected in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)
