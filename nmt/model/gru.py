"""The gates of a GRU, forwards and backwards, and a GRU over whole sentences.

TensorFlow's own gradient of a recurrence multiplies with transposed weights and adds to the
weights' gradient at every step. On a CPU, products with a transposed right side run at a third
of the speed of the others at these sizes. The gradients here transpose the weights once, and
gather what belongs to the weights into one product over all steps after the loop.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.dropout import dropped
from nmt.model.products import Matrix


class Gates(NamedTuple):
    """What a step of a GRU leaves for its gradient.

    Attributes:
        update_reset: the gates z and r, shape (…, 2 · units).
        candidate: the new content n, shape (…, units).
        inner: the state's part of the candidate, before r, shape (…, units).
    """

    update_reset: tf.Tensor
    candidate: tf.Tensor
    inner: tf.Tensor


def gru_step(
    projected: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor
) -> tuple[tf.Tensor, Gates]:
    """One step of ``keras.layers.GRUCell(reset_after=True)`` after its two products.

    Args:
        projected: the input's part of the gates with its bias, shape (…, 3 · units).
        recurrent: the state's part with its bias, shape (…, 3 · units).
        state: the state before, shape (…, units).

    Returns:
        The state after, shape (…, units), and what `gru_step_gradient` needs.
    """
    units = state.shape[-1]
    gates = tf.sigmoid(projected[..., : 2 * units] + recurrent[..., : 2 * units])
    update, reset = gates[..., :units], gates[..., units:]
    inner = recurrent[..., 2 * units :]
    candidate = tf.tanh(projected[..., 2 * units :] + reset * inner)
    return candidate + update * (state - candidate), Gates(gates, candidate, inner)


def gru_step_gradient(
    gradient: tf.Tensor, gates: Gates, state: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient of `gru_step`.

    Args:
        gradient: of the state after, shape (…, units).
        gates: what the step left.
        state: the state before.

    Returns:
        Gradients of `projected` and `recurrent`, shape (…, 3 · units) each, and of the state
        before as far as it does not pass through `recurrent`, shape (…, units).
    """
    units = state.shape[-1]
    gates_, candidate, inner = gates
    update, reset = gates_[..., :units], gates_[..., units:]
    kept = gradient * update
    new = (gradient - kept) * (1.0 - candidate * candidate)
    both = tf.concat([gradient * (state - candidate), new * inner], -1) * gates_ * (1.0 - gates_)
    return tf.concat([both, new], -1), tf.concat([both, new * reset], -1), kept


@tf.custom_gradient
def gru(
    projected: tf.Tensor, mask: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A GRU over padded sentences, from a zero state.

    Where the mask is 0 the state stays as it was, so the last one is that at the end of the
    sentence, wherever the padding stands.

    Args:
        projected: the inputs' parts of the gates, shape (steps, batch, 3 · units).
        mask: 1 for real positions and 0 for padding, shape (steps, batch, 1).
        kernel: the recurrent kernel, shape (units, 3 · units).
        bias: the recurrent bias, shape (3 · units,).
        noise: of `nmt.model.dropout.state_noise`, shape (batch, units or 0).

    Returns:
        The states, shape (steps, batch, units), and the last one, shape (batch, units).
    """
    units, kind = kernel.shape[0], projected.dtype
    shape = tf.shape(projected)
    steps, first = shape[0], tf.zeros([shape[1], units], kind)
    matrix = Matrix(kernel)
    inputs, masks = unstack(projected), unstack(mask)

    def forward(i, state, arrays):
        recurrent = matrix(dropped(state, noise)) + bias
        after, gates = gru_step(inputs.read(i), recurrent, state)
        after = state + masks.read(i) * (after - state)
        return i + 1, after, write(arrays, i, (state, *gates))

    _, last, saved = tf.while_loop(
        lambda i, *_: i < steps,
        forward,
        (0, first, empty(steps, [kind] * 4)),
        maximum_iterations=steps,
    )
    befores = saved[0].stack()
    states = tf.concat([befores[1:], last[tf.newaxis]], 0)

    def gradients(g_states, g_last):
        transposed = Matrix(tf.transpose(kernel))
        reads = [unstack(g_states), *saved]

        def backward(i, gradient, arrays):
            g_state, state, *gates = (array.read(i) for array in reads)
            gradient += g_state
            real = masks.read(i) * gradient
            g_projected, g_recurrent, g_before = gru_step_gradient(real, Gates(*gates), state)
            g_before += gradient - real + dropped(transposed(g_recurrent), noise)
            return i - 1, g_before, write(arrays, i, (g_projected, g_recurrent))

        _, _, arrays = tf.while_loop(
            lambda i, *_: i >= 0,
            backward,
            (steps - 1, g_last, empty(steps, [kind] * 2)),
            maximum_iterations=steps,
        )
        g_projected, g_recurrent = stack(arrays)
        g_kernel = gather_product(dropped(befores, noise), g_recurrent)
        return g_projected, None, g_kernel, tf.reduce_sum(g_recurrent, [0, 1]), None

    return (states, last), gradients


def gather_product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The sum over steps and rows of outer products: (…, m) and (…, n) → (m, n)."""
    left = tf.reshape(left, [-1, left.shape[-1]])
    return tf.matmul(left, tf.reshape(right, [-1, right.shape[-1]]), transpose_a=True)


def unstack(values: tf.Tensor) -> tf.TensorArray:
    """An array of the steps of a tensor, to be read any number of times."""
    array = tf.TensorArray(values.dtype, size=tf.shape(values)[0], clear_after_read=False)
    return array.unstack(values)


def empty(steps: tf.Tensor, kinds: list[tf.DType]) -> tuple[tf.TensorArray, ...]:
    """Arrays for the results of a loop's steps, one for each of these dtypes.

    A gradient's loop may read what the loop has written, without a copy of all steps in between.
    """
    return tuple(tf.TensorArray(kind, size=steps, clear_after_read=False) for kind in kinds)


def write(
    arrays: tuple[tf.TensorArray, ...], i: tf.Tensor, values: tuple[tf.Tensor, ...]
) -> tuple[tf.TensorArray, ...]:
    """Put the results of step `i` into the arrays."""
    return tuple(array.write(i, value) for array, value in zip(arrays, values, strict=True))


def stack(arrays: tuple[tf.TensorArray, ...]) -> list[tf.Tensor]:
    """The arrays as tensors, steps first."""
    return [array.stack() for array in arrays]
