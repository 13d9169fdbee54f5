"""The plain attention decoder's recurrence: one step, and all steps over known words.

The latter has a gradient of its own. The attention's hidden layer is not kept between the two
passes, but computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.attention import attention_weights
from nmt.model.decoder import EncoderStates
from nmt.model.fast import loops
from nmt.model.fast.attention import attention_weights_gradient
from nmt.model.fast.gru import Gates, gru_step, gru_step_gradient
from nmt.model.fast.matmul import PaddedMatrix, Product
from nmt.model.layers import drop_units


class Kernels(NamedTuple):
    """The decoder's weights in the loop; without attention the last two have a size of 0."""

    state: tf.Tensor  # the recurrent kernel beside W_a, (units, 3 · units + attention_units)
    bias: tf.Tensor  # of the state, (3 · units,)
    context: tf.Tensor  # (encoder_dim, 3 · units)
    v_a: tf.Tensor  # (attention_units,)


class Step(NamedTuple):
    """The results of a step of the decoder; without attention context and weights have width 0."""

    state: tf.Tensor  # s_i, (batch · beams, units)
    context: tf.Tensor  # c_i, (batch · beams, width)
    weights: tf.Tensor  # α_i, float32, (batch, beams, source)
    query: tf.Tensor  # s_{i-1} W_a, (batch · beams, attention_units)
    gates: Gates  # what the gradient needs of the GRU


def make_step(kernels: Kernels, of_context: Product | None = None) -> Callable[..., Step]:
    """Prepare the steps of `nmt.model.decoder.AttentionDecoder`; to be called outside their loop.

    Args:
        kernels: the decoder's weights.
        of_context: the context's product if it is precomputed.

    Returns:
        A function of the embeddings' part of the gates, shape (batch · beams, 3 · units), the
        state before, the encoder states and the state's noise.
    """
    of_state, width = PaddedMatrix(kernels.state), kernels.bias.shape[0]
    of_context = of_context or PaddedMatrix(kernels.context)

    def step(
        projected: tf.Tensor, state: tf.Tensor, encoder_states: Any, noise: Any = None
    ) -> Step:
        states, keys, mask = encoder_states
        product = of_state.padded(drop_units(state, noise))
        query, recurrent = product[:, width : of_state.columns], product[:, :width] + kernels.bias
        if keys.shape[-1]:
            weights, _ = attention_weights(query, keys, mask, kernels.v_a)
            context = tf.matmul(tf.cast(weights, states.dtype), states)
            context = tf.reshape(context, [-1, states.shape[-1]])  # (batch · beams, width)
            projected += of_context(context)
        else:
            context, batch = state[:, :0], tf.shape(mask)[0]
            weights = tf.zeros([batch, tf.shape(state)[0] // batch, 0])
        after, gates = gru_step(projected, recurrent, state)
        return Step(after, context, weights, query, gates)

    return step


def teacher_forced(
    projected: tf.Tensor,
    state: tf.Tensor,
    encoder_states: EncoderStates,
    kernels: Kernels,
    noise: tf.Tensor | None,
) -> Any:
    """All steps over known words.

    Args:
        projected: the embeddings' part of the gates, shape (target, batch, 3 · units).
        state: the first state, shape (batch, units).
        encoder_states, kernels, noise: see `make_step`.

    Returns:
        States, shape (target, batch, units); contexts, shape (target, batch, encoder_dim);
        attention weights, float32, shape (target, batch, source). Without attention the last
        dimension of the latter two is 0.
    """
    outputs, keys, mask = encoder_states
    steps, dtype = tf.shape(projected)[0], projected.dtype

    @tf.custom_gradient
    def run(
        projected: tf.Tensor, first: Any, outputs: tf.Tensor, keys: tf.Tensor, *kernels: tf.Tensor
    ) -> Any:
        kernels = Kernels(*kernels)
        (inputs,), step = loops.unstack(projected), make_step(kernels)

        def forward(i: tf.Tensor, before: Any, saved: Any) -> Any:
            result = step(inputs.read(i), before, EncoderStates(outputs, keys, mask), noise)
            values = before, result.context, result.weights[:, 0], result.query, *result.gates
            return result.state, loops.write(saved, i, values)

        arrays = loops.empty(steps, [dtype, dtype, tf.float32, *[dtype] * 4])
        last, saved = loops.forwards(steps, forward, first, arrays)
        before, contexts, weights = loops.stack(saved[:3])

        def gradients(*cotangents: tf.Tensor) -> Any:
            from_state = PaddedMatrix(tf.transpose(kernels.state))
            from_context = PaddedMatrix(tf.transpose(kernels.context))
            from_outputs = PaddedMatrix(tf.transpose(outputs, [0, 2, 1]))
            incoming = loops.unstack(*cotangents)

            def backward(
                i: tf.Tensor, gradient: Any, g_keys: tf.Tensor, g_v: tf.Tensor, results: Any
            ) -> Any:
                g_state, g_context, g_weights = loops.read(incoming, i)
                state, _, weights, query, *gates = loops.read(saved, i)
                g_entering, g_product, g_before = gru_step_gradient(
                    gradient + g_state, Gates(*gates), state
                )
                if keys.shape[-1]:
                    g_context += from_context(g_entering)
                    product = from_outputs(g_context[:, tf.newaxis])[:, 0]
                    g_query, g_key, g_v_step = attention_weights_gradient(
                        g_weights + tf.cast(product, tf.float32),
                        weights,
                        tf.tanh(query[:, tf.newaxis] + keys),
                        kernels.v_a,
                    )
                    g_keys, g_v = g_keys + g_key, g_v + g_v_step
                    g_product = tf.concat([g_product, g_query], -1)
                g_before += drop_units(from_state(g_product), noise)
                results = loops.write(results, i, (g_entering, g_product, g_context))
                return g_before, g_keys, g_v, results

            zeros = [tf.zeros_like(values) for values in (first, keys, kernels.v_a)]
            arrays = loops.empty(steps, [dtype] * 3)
            g_first, g_keys, g_v, results = loops.backwards(steps, backward, *zeros, arrays)
            g_projected, g_products, g_contexts = loops.stack(results)
            g_outputs = tf.zeros_like(outputs)
            if keys.shape[-1]:
                g_outputs = tf.einsum("tbs,tbd->bsd", tf.cast(weights, dtype), g_contexts)
            g_kernels = Kernels(
                state=loops.sum_outer_products(drop_units(before, noise), g_products),
                bias=tf.reduce_sum(g_products, [0, 1])[: kernels.bias.shape[0]],
                context=loops.sum_outer_products(contexts, g_projected),
                v_a=g_v,
            )
            return g_projected, g_first, g_outputs, g_keys, *g_kernels

        states = tf.concat([before[1:], last[tf.newaxis]], 0)
        return (states, contexts, weights), gradients

    return run(projected, state, outputs, keys, *kernels)
