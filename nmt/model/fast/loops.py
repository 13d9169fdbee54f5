"""Loops over the steps of a recurrence, and the arrays of their results.

The loop of a gradient may read the arrays that the forward loop has written, without a copy of all
steps in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf


def forwards(steps: tf.Tensor, body: Callable[..., tuple[Any, ...]], *state: Any) -> Any:
    """The state after ``state = body(i, *state)`` for i from 0 to ``steps - 1``."""
    return tf.while_loop(
        lambda i, *_: i < steps,
        lambda i, *state: (i + 1, *body(i, *state)),
        (0, *state),
    )[1:]


def backwards(steps: tf.Tensor, body: Callable[..., tuple[Any, ...]], *state: Any) -> Any:
    """The state after ``state = body(i, *state)`` for i from ``steps - 1`` to 0."""
    return tf.while_loop(
        lambda i, *_: i >= 0,
        lambda i, *state: (i - 1, *body(i, *state)),
        (steps - 1, *state),
    )[1:]


def empty(steps: tf.Tensor, dtypes: Iterable[tf.DType]) -> tuple[tf.TensorArray, ...]:
    """Arrays for the results of each step, one for each of these dtypes."""
    return tuple(tf.TensorArray(dtype, size=steps, clear_after_read=False) for dtype in dtypes)


def read(values: Iterable[tf.Tensor | tf.TensorArray], i: tf.Tensor) -> list[tf.Tensor]:
    """The values of step `i`: of tensors, steps first, views; of arrays what was written."""
    return [x.read(i) if isinstance(x, tf.TensorArray) else x[i] for x in values]


def write(
    arrays: Iterable[tf.TensorArray], i: tf.Tensor, values: Iterable[tf.Tensor]
) -> tuple[tf.TensorArray, ...]:
    """Put the values of step `i` into the arrays."""
    return tuple(array.write(i, value) for array, value in zip(arrays, values, strict=True))


def stack(arrays: Iterable[tf.TensorArray]) -> list[tf.Tensor]:
    """The arrays as tensors, steps first."""
    return [array.stack() for array in arrays]


def sum_outer_products(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The sum over steps and rows of outer products: (…, m) and (…, n) → (m, n)."""
    left = tf.reshape(left, [-1, left.shape[-1]])
    return tf.matmul(left, tf.reshape(right, [-1, right.shape[-1]]), transpose_a=True)
