"""The gates of a GRU, forwards and backwards, and a GRU over whole sentences."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.fast import loops
from nmt.model.fast.matmul import PaddedMatrix
from nmt.model.layers import drop_units


class Gates(NamedTuple):
    """What a step of a GRU keeps for its gradient."""

    update_reset: tf.Tensor  # z and r, (batch, 2 · units)
    candidate: tf.Tensor  # n, (batch, units)
    inner: tf.Tensor  # the state's part of n, before r, (batch, units)


def gru_step(
    entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor
) -> tuple[tf.Tensor, Gates]:
    """`nmt.model.layers.gru`, and what `gru_step_gradient` needs."""
    units = state.shape[-1]
    gates = tf.sigmoid(entering[..., : 2 * units] + recurrent[..., : 2 * units])
    update, reset = gates[..., :units], gates[..., units:]
    inner = recurrent[..., 2 * units :]
    candidate = tf.tanh(entering[..., 2 * units :] + reset * inner)
    return candidate + update * (state - candidate), Gates(gates, candidate, inner)


def gru_step_gradient(
    gradient: tf.Tensor, gates: Gates, state: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of the arguments of `gru_step`, from that of the state after.

    That of the state before is without what passes through `recurrent`.
    """
    units = state.shape[-1]
    update_reset, candidate, inner = gates
    update, reset = update_reset[..., :units], update_reset[..., units:]
    g_state = gradient * update
    g_candidate = (gradient - g_state) * (1.0 - candidate * candidate)
    g_gates = tf.concat([gradient * (state - candidate), g_candidate * inner], -1)
    g_gates = g_gates * update_reset * (1.0 - update_reset)
    g_entering = tf.concat([g_gates, g_candidate], -1)
    return g_entering, tf.concat([g_gates, g_candidate * reset], -1), g_state


@tf.custom_gradient
def gru(entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """`nmt.model.layers.gru`, with its gradient."""
    after, gates = gru_step(entering, recurrent, state)
    return after, lambda gradient: gru_step_gradient(gradient, gates, state)


def gru_over_sentences(
    projected: tf.Tensor,
    mask: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    noise: tf.Tensor | None,
) -> tf.Tensor:
    """The states of a GRU over padded sentences, from a zero state; padding leaves the state.

    Args:
        projected: the inputs' parts of the gates, shape (steps, batch, 3 · units).
        mask: 1 for real positions and 0 for padding, shape (steps, batch, 1).
        kernel: the recurrent kernel, shape (units, 3 · units).
        bias: the recurrent bias, shape (3 · units,).
        noise: of `nmt.model.layers.state_noise`, shape (batch, units).

    Returns:
        Shape (steps, batch, units).
    """
    steps, batch, _ = tf.unstack(tf.shape(projected))
    first = tf.zeros([batch, kernel.shape[0]], projected.dtype)

    def arrays(count: int) -> tuple[tf.TensorArray, ...]:
        return loops.empty(steps, [projected.dtype] * count)

    @tf.custom_gradient
    def run(projected: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Any:
        matrix, inputs = PaddedMatrix(kernel), loops.unstack(projected, mask)

        def forward(i: tf.Tensor, state: tf.Tensor, saved: Any) -> Any:
            entering, real = loops.read(inputs, i)
            recurrent = matrix(drop_units(state, noise)) + bias
            after, gates = gru_step(entering, recurrent, state)
            return state + real * (after - state), loops.write(saved, i, (state, *gates))

        last, saved = loops.forwards(steps, forward, first, arrays(4))
        before = saved[0].stack()

        def gradients(g_states: tf.Tensor) -> Any:
            transposed = PaddedMatrix(tf.transpose(kernel))
            sources = [*loops.unstack(g_states), inputs[1], *saved]

            def backward(i: tf.Tensor, gradient: Any, results: Any) -> Any:
                g_state, real, state, *gates = loops.read(sources, i)
                gradient += g_state
                through = real * gradient
                g_entering, g_recurrent, g_before = gru_step_gradient(through, Gates(*gates), state)
                g_before += gradient - through + drop_units(transposed(g_recurrent), noise)
                return g_before, loops.write(results, i, (g_entering, g_recurrent))

            _, results = loops.backwards(steps, backward, first, arrays(2))
            g_projected, g_recurrent = loops.stack(results)
            g_kernel = loops.sum_outer_products(drop_units(before, noise), g_recurrent)
            return g_projected, g_kernel, tf.reduce_sum(g_recurrent, [0, 1])

        return tf.concat([before[1:], last[tf.newaxis]], 0), gradients

    return run(projected, kernel, bias)
