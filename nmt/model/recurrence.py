"""The attention decoder's recurrence: one step, and all steps over known words.

The latter has a gradient of its own; see `nmt.model.gru` for why. Here, too, all that belongs
to a weight or to the encoder outputs is gathered after the loop. The attention's hidden layer is
not kept between the two passes, but computed again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.attention import attend, attend_gradient
from nmt.model.dropout import dropped
from nmt.model.gru import (
    Gates,
    empty,
    gather_product,
    gru_step,
    gru_step_gradient,
    stack,
    unstack,
    write,
)
from nmt.model.products import Columns, Matrix


class Kernels(NamedTuple):
    """The decoder's weights in the loop; without attention the last two have a size of 0.

    Attributes:
        state: the recurrent kernel beside `W_a`, for one product with the state, shape
            (units, 3 · units + attention_units).
        bias: the recurrent bias, shape (3 · units,).
        context: the context's kernel, shape (memory_dim, 3 · units).
        v_a: the attention's last layer, shape (attention_units,).
    """

    state: tf.Tensor
    bias: tf.Tensor
    context: tf.Tensor
    v_a: tf.Tensor

    def prepared(self, made: Columns | None = None) -> Prepared:
        """What `decoder_step` takes; to be made outside its loop.

        Args:
            made: where the context's product stands in what `decoder_step` is given as values,
                if it is made ahead.
        """
        return Prepared(Matrix(self.state), self.bias, made or Matrix(self.context), self.v_a)


class Prepared(NamedTuple):
    """`Kernels` for products at many steps."""

    state: Matrix
    bias: tf.Tensor
    context: Matrix | Columns
    v_a: tf.Tensor


class Step(NamedTuple):
    """What a step of the decoder finds; rows are batch · beams.

    Attributes:
        state: shape (rows, units).
        context: shape (rows, width), without attention (rows, 0).
        weights: of the attention, float32, shape (batch, beams, source), without attention
            (batch, beams, 0).
        query: `W_a` of the state before, shape (rows, attention_units).
        gates: what the gradient needs of the GRU.
    """

    state: tf.Tensor
    context: tf.Tensor
    weights: tf.Tensor
    query: tf.Tensor
    gates: Gates


def decoder_step(
    projected: tf.Tensor,
    state: tf.Tensor,
    values: tf.Tensor,
    keys: tf.Tensor,
    mask: tf.Tensor,
    kernels: Prepared,
    noise: tf.Tensor | None = None,
) -> Step:
    """c_i = attend(s_{i-1}, h); s_i = GRU(s_{i-1}, [y_{i-1}; c_i]).

    Args:
        projected: the embeddings' part of the gates, shape (batch · beams, 3 · units).
        state: s_{i-1}, shape (batch · beams, units); the beams of a sentence stand together.
        values: encoder outputs or their products, see `nmt.model.decoder.Memory`, shape
            (batch, source, width).
        keys: the encoder outputs' projection, shape (batch, source, attention_units); a last
            dimension of 0 means no attention.
        mask: 1 for real source positions, float, shape (batch, source).
        kernels: the decoder's weights.
        noise: of `nmt.model.dropout.state_noise`, shape (batch, units or 0), in training.
    """
    gates = 3 * state.shape[-1]
    product = kernels.state.wide(state if noise is None else dropped(state, noise))
    query, recurrent = product[:, gates : kernels.state.columns], product[:, :gates] + kernels.bias
    if keys.shape[-1]:
        context, weights = attend(query, values, keys, mask, kernels.v_a)
        projected += kernels.context(context)
    else:
        context = state[:, :0]
        batch = tf.shape(mask)[0]
        weights = tf.zeros([batch, tf.shape(state)[0] // batch, 0])
    after, gates = gru_step(projected, recurrent, state)
    return Step(after, context, weights, query, gates)


@tf.custom_gradient
def teacher_forced(
    projected: tf.Tensor,
    state: tf.Tensor,
    outputs: tf.Tensor,
    keys: tf.Tensor,
    mask: tf.Tensor,
    noise: tf.Tensor,
    *kernels: tf.Tensor,
) -> Any:
    """All steps over known words.

    Args:
        projected: the embeddings' part of the gates, shape (target, batch, 3 · units).
        state: the first state, shape (batch, units).
        outputs: encoder outputs, shape (batch, source, memory_dim).
        keys, mask, noise: see `decoder_step`.
        kernels: the fields of `Kernels`.

    Returns:
        States, shape (target, batch, units); contexts, shape (target, batch, memory_dim);
        attention weights, float32, shape (target, batch, source). Without attention the last
        dimension of the latter two is 0.
    """
    state_kernel, _, context_kernel, v_a = Kernels(*kernels)
    units, attends = state.shape[-1], keys.shape[-1] > 0
    steps, kind = tf.shape(projected)[0], projected.dtype
    inputs, prepared = unstack(projected), Kernels(*kernels).prepared()

    def forward(i, before, arrays):
        projected = inputs.read(i)
        step = decoder_step(projected, before, outputs, keys, mask, prepared, noise)
        values = (before, step.context, step.weights[:, 0], step.query, *step.gates)
        return i + 1, step.state, write(arrays, i, values)

    _, last, saved = tf.while_loop(
        lambda i, *_: i < steps,
        forward,
        (0, state, empty(steps, [kind, kind, tf.float32, *[kind] * 4])),
        maximum_iterations=steps,
    )
    befores, contexts, weights = stack(saved[:3])
    states = tf.concat([befores[1:], last[tf.newaxis]], 0)

    def gradients(g_states, g_contexts, g_weights):
        back_from_state = Matrix(tf.transpose(state_kernel))
        back_from_context = Matrix(tf.transpose(context_kernel))
        pulls = [unstack(pull) for pull in (g_states, g_contexts, g_weights)]
        back_from_values = Matrix(tf.transpose(outputs, [0, 2, 1]))

        def backward(i, gradient, g_keys, g_v, arrays):
            g_state, g_context, g_weight = (array.read(i) for array in pulls)
            state, _, weight, query, *gates = (array.read(i) for array in saved)
            g_gates, g_recurrent, g_before = gru_step_gradient(
                gradient + g_state, Gates(*gates), state
            )
            g_product = g_recurrent
            if attends:
                g_context += back_from_context(g_gates)
                g_query, g_key, g_v_step = attend_gradient(
                    g_context, g_weight, weight, query, back_from_values, keys, v_a
                )
                g_keys, g_v = g_keys + g_key, g_v + g_v_step
                g_product = tf.concat([g_recurrent, g_query], -1)
            g_before += dropped(back_from_state(g_product), noise)
            arrays = write(arrays, i, (g_gates, g_product, g_context))
            return i - 1, g_before, g_keys, g_v, arrays

        start = (steps - 1, tf.zeros_like(state), tf.zeros_like(keys), tf.zeros_like(v_a))
        _, g_first, g_keys, g_v, arrays = tf.while_loop(
            lambda i, *_: i >= 0,
            backward,
            (*start, empty(steps, [kind] * 3)),
            maximum_iterations=steps,
        )
        g_projected, g_products, g_contexts = stack(arrays)
        g_outputs = tf.einsum("tbs,tbd->bsd", tf.cast(weights, kind), g_contexts)
        if not attends:
            g_outputs = tf.zeros_like(outputs)
        g_kernels = Kernels(
            state=gather_product(dropped(befores, noise), g_products),
            bias=tf.reduce_sum(g_products, [0, 1])[: 3 * units],
            context=gather_product(contexts, g_projected),
            v_a=g_v,
        )
        return g_projected, g_first, g_outputs, g_keys, None, None, *g_kernels

    return (states, contexts, weights), gradients
