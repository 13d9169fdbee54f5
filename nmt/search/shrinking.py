"""A decoding loop whose batch shrinks as its sentences end.

A batch takes as long as its longest translation, and one that never ends runs to its limit. So
whenever half of the sentences have ended, the loop continues with the others alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def shrinking_loop(
    step: Callable[[tf.Tensor, Any, Any], Any],
    alive: Callable[[Any], tf.Tensor],
    state: Any,
    shapes: Any,
    fixed: Any,
) -> Any:
    """Repeat a step until every sentence has ended; to be called inside a ``tf.function``.

    Args:
        step: from the step's number, the state and `fixed`, computes the next state.
        alive: which sentences of a state have not ended, bool, shape (batch,).
        state: a nest of tensors whose first dimension is the batch. Others may grow.
        shapes: the same nest of their static shapes, None where a dimension changes.
        fixed: a nest of tensors of the same batch that no step changes.

    Returns:
        The final state of each sentence, in the order of the batch, padded with zeros where a
        dimension grew later for others.
    """

    def rounds(i: tf.Tensor, rows: tf.Tensor, state: tf.Tensor, fixed: Any, results: Any) -> Any:
        half = tf.size(rows) // 2

        def more(i: tf.Tensor, state: tf.Tensor) -> Any:
            return tf.math.count_nonzero(alive(state), dtype=tf.int32) > half

        def repeat(i: tf.Tensor, state: tf.Tensor) -> Any:
            return i + 1, step(i, state, fixed)

        i, state = tf.while_loop(
            more, repeat, (i, state), shape_invariants=(tf.TensorShape([]), shapes)
        )
        results = tf.nest.map_structure(
            lambda old, new, shape: tf.ensure_shape(_scatter_rows(old, rows, new), shape),
            results,
            state,
            shapes,
        )
        remaining = tf.where(alive(state))[:, 0]

        def pick(values: tf.Tensor) -> tf.Tensor:
            return tf.gather(values, remaining)

        return (
            i,
            pick(rows),
            tf.nest.map_structure(pick, state),
            tf.nest.map_structure(pick, fixed),
            results,
        )

    rows = tf.range(tf.shape(tf.nest.flatten(state)[0])[0])
    free = tf.nest.map_structure(lambda x: tf.TensorShape([None, *x.shape[1:]]), fixed)
    *_, results = tf.while_loop(
        lambda i, rows, *_: tf.size(rows) > 0,
        rounds,
        (0, rows, state, fixed, state),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), shapes, free, shapes),
    )
    return results


def _scatter_rows(old: tf.Tensor, rows: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Replace rows; all rows are padded with zeros to the newer ones' shape."""
    missing = tf.concat([[0], tf.shape(new)[1:] - tf.shape(old)[1:]], 0)
    old = tf.pad(old, tf.stack([tf.zeros_like(missing), missing], 1))
    if 0 in new.shape[1:]:  # empty, which TensorFlow's scatter refuses
        return old
    return tf.tensor_scatter_nd_update(old, rows[:, tf.newaxis], new)
