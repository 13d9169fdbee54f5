"""The operations of all recurrences: products with weights, sums, activations, dropout, the gates
of a GRU, attention."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import tensorflow as tf

from nmt.model.attention import attention_weights, padding_penalty
from nmt.model.decoder import EncoderStates
from nmt.model.fast.matmul import (
    Normal,
    PaddedMatrix,
    Product,
    centre,
    normalise,
    normalise_gradient,
    unit_variance,
)
from nmt.model.fast.scan import Operation, Tensors, sum_outer_products


class Linear(Operation):
    """The product with a kernel: ``LN(x · kernel) ⊙ gain + bias``; x has the shape (rows, inputs).

    Args:
        kernel: shape (inputs, outputs).
        bias: shape (outputs,), or None.
        gain: of layer normalisation, shape (groups, outputs / groups), or None.
    """

    def __init__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None = None, gain: tf.Tensor | None = None
    ) -> None:
        if gain is not None:  # so that the products have a mean of 0 in every group
            kernel = centre(kernel, gain.shape[0])
        self.kernel, self.bias, self.gain = kernel, bias, gain
        self.weights = tuple(x for x in (kernel, bias, gain) if x is not None)
        self.multiply: Product = PaddedMatrix(kernel)
        self.saved = (kernel.dtype,) * (1 if gain is None else 3)
        self.recorded = (kernel.dtype,) * (1 if gain is None else 2)

    def forward(self, x: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The result; x and the normalised product are saved."""
        value = self.multiply(x)
        saved: Tensors = (x,)
        if self.gain is not None:
            normal = normalise(self._grouped(value))
            value, saved = self._joined(normal.values * self.gain), (x, *normal)
        return (value if self.bias is None else value + self.bias,), saved

    def prepare(self, *saved: tf.Tensor) -> Tensors:
        """All but x."""
        self._transposed = PaddedMatrix(tf.transpose(self.kernel))
        return saved[1:]

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """Records the gradient of the result, and that of the product."""
        if self.gain is None:
            return [self._transposed(gradient)], (gradient,), sums
        groups = self._grouped(gradient) * self.gain
        g_product = self._joined(normalise_gradient(groups, Normal(*saved)))
        return [self._transposed(g_product)], (gradient, g_product), sums

    def collect(self, saved: Tensors, recorded: Tensors) -> Tensors:
        """The gradients of kernel, bias, gain."""
        gradient, g_product = recorded[0], recorded[-1]
        results = [sum_outer_products(saved[0], g_product)]
        if self.bias is not None:
            results.append(tf.reduce_sum(gradient, [0, 1]))
        if self.gain is not None:
            results.append(tf.reduce_sum(self._grouped(gradient) * self._grouped(saved[1]), 0))
        return tuple(results)

    def over(self, x: tf.Tensor) -> tf.Tensor:
        """The result where there is no loop: (…, inputs) → (…, outputs)."""
        value = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), self.kernel)
        if self.gain is not None:
            value = self._joined(unit_variance(self._grouped(value)) * self.gain)
        if self.bias is not None:
            value += self.bias
        if x.shape.rank == 2:
            return value
        return tf.reshape(value, [*tf.unstack(tf.shape(x)[:-1]), value.shape[-1]])

    def precomputed(self, product: Product) -> Linear:
        """The same for inputs whose product with the kernel is precomputed."""
        linear = Linear.__new__(Linear)
        linear.__dict__.update(self.__dict__, multiply=product)
        return linear

    def _grouped(self, values: tf.Tensor) -> tf.Tensor:
        assert self.gain is not None
        return tf.reshape(values, [-1, *self.gain.shape])

    def _joined(self, groups: tf.Tensor) -> tf.Tensor:
        return tf.reshape(groups, [-1, self.kernel.shape[-1]])


class Add(Operation):
    """The sum of tensors of one shape."""

    def forward(self, *inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The sum."""
        return (tf.add_n(inputs),), ()

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """The same for every one of them."""
        return repeat(gradient), (), sums


class Split(Operation):
    """The columns of a tensor as several.

    Args:
        sizes: the columns of each.
    """

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def forward(self, x: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The parts."""
        return tuple(tf.split(x, self.sizes, -1)), ()

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, *gradients: tf.Tensor) -> Any:
        """One beside the other."""
        return [tf.concat(gradients, -1)], (), sums


class Scale(Operation):
    """The product with factors that have no gradient: dropout.

    Args:
        factors: the same at all steps; None if they are an input of the operation.
    """

    def __init__(self, factors: tf.Tensor | None = None, dtype: tf.DType | None = None) -> None:
        self.factors = factors
        self.saved = () if dtype is None else (dtype,)

    def forward(self, x: tf.Tensor, *factors: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The product."""
        return (x * (factors[0] if factors else self.factors),), factors

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """The gradient times the same factors."""
        return [gradient * (saved[0] if saved else self.factors), *[None] * len(saved)], (), sums


class Activation(Operation):
    """An activation of a sum.

    Args:
        function: tanh or ReLU of Keras.
        dtype: of the result.
    """

    def __init__(self, function: Any, dtype: tf.DType) -> None:
        self.function, self.saved = function, (dtype,)

    def forward(self, *inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The activation; it is saved."""
        value = self.function(inputs[0] if len(inputs) == 1 else tf.add_n(inputs))
        return (value,), (value,)

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """The same for every term."""
        (value,) = saved
        if self.function.__name__ == "tanh":
            gradient = tf.raw_ops.TanhGrad(y=value, dy=gradient)
        else:
            gradient = tf.raw_ops.ReluGrad(gradients=gradient, features=value)
        return repeat(gradient), (), sums


class GRU(Operation):
    """`nmt.model.layers.gru`, with its gradient.

    All gradients are that of the state after times something that the gates alone decide.

    Args:
        dtype: of the state.
        masked: whether an input says which positions are real; the others leave the state.
    """

    def __init__(self, dtype: tf.DType, masked: bool = False) -> None:
        self.saved = (dtype,) * 5 + (tf.bool,) * masked

    def forward(
        self, entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor, *real: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """The state after, shape (batch, units).

        Args:
            entering, recurrent, state: see `nmt.model.layers.gru`.
            real: if masked, the real positions, bool, shape (batch, 1).
        """
        units = state.shape[-1]
        from_input, candidate_input = tf.split(entering, [2 * units, units], -1)
        from_state, inner = tf.split(recurrent, [2 * units, units], -1)
        gates = tf.sigmoid(from_input + from_state)
        update, reset = tf.split(gates, 2, -1)
        candidate = tf.tanh(candidate_input + reset * inner)
        difference = state - candidate
        after = candidate + update * difference
        if real:
            after = tf.where(*real, after, state)
        return (after,), (update, reset, candidate, inner, difference, *real)

    def prepare(self, *saved: tf.Tensor) -> Tensors:
        """What to multiply with for the gradients of `entering`, `recurrent` and `state`."""
        update, reset, candidate, inner, difference, *real = saved
        rest = 1.0 - update
        if real:
            mask = tf.cast(*real, update.dtype)
            difference, rest = difference * mask, rest * mask
            update = 1.0 - rest
        g_update = tf.raw_ops.SigmoidGrad(y=saved[0], dy=difference)
        g_candidate = tf.raw_ops.TanhGrad(y=candidate, dy=rest)
        g_reset = tf.raw_ops.SigmoidGrad(y=reset, dy=g_candidate * inner)
        entering = tf.concat([g_update, g_reset, g_candidate], -1)
        recurrent = tf.concat([g_update, g_reset, g_candidate * reset], -1)
        return entering, recurrent, update

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """The gradients of `entering`, `recurrent` and `state`."""
        entering, recurrent, direct = saved
        units = gradient.shape[-1]

        def times(factors: tf.Tensor) -> tf.Tensor:
            gates = tf.reshape(factors, [-1, 3, units])
            return tf.reshape(gradient[:, tf.newaxis] * gates, [-1, 3 * units])

        real = [None] * (len(self.saved) - 5)
        return [times(entering), times(recurrent), gradient * direct, *real], (), sums


class Attention(Operation):
    """Contexts and weights for queries; see `nmt.model.attention`.

    The hidden layer is not kept between the two passes, but computed again. A row of padding alone
    has weights here, which its encoder states, zeros, do not let into the context.

    Args:
        encoder_states: to attend to.
        v_a: shape (units,).
    """

    def __init__(self, encoder_states: EncoderStates, v_a: tf.Tensor) -> None:
        self._states, self._keys, mask = encoder_states
        self.v_a, self._penalty = v_a, padding_penalty(mask)
        self.units = v_a.shape[0]
        self.weights = self._states, v_a, self._keys
        dtype = v_a.dtype
        self.saved, self.recorded = (dtype, tf.float32), (dtype, dtype)
        self.sums = (self._keys,)

    def forward(self, query: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The contexts, shape (batch · beams, width), and weights, (batch, beams, source).

        Args:
            query: ``W_a s``, shape (batch · beams, units).
        """
        weights, _ = attention_weights(query, self._keys, self._penalty, self.v_a)
        context = tf.matmul(tf.cast(weights, self._states.dtype), self._states)
        context = tf.reshape(context, [-1, self._states.shape[-1]])
        return (context, weights), (query, weights)

    def prepare(self, *saved: tf.Tensor) -> None:
        """The saved values stay; the encoder states are transposed once."""
        self._transposed = tf.transpose(self._states, [0, 2, 1])

    def backward(
        self, saved: Sequence[tf.Tensor], sums: Tensors, g_context: tf.Tensor, g_weights: tf.Tensor
    ) -> Any:
        """The gradient of the query; records that of the context and the step's part of v_a's."""
        query, weights = saved
        product = tf.matmul(g_context[:, tf.newaxis], self._transposed)  # (batch, 1, source)
        g_weights += tf.cast(product, tf.float32)
        g_energy = weights * (g_weights - tf.reduce_sum(weights * g_weights, -1, keepdims=True))
        g_energy = tf.reshape(tf.cast(g_energy, query.dtype), [-1, 1])
        hidden = tf.tanh(query[:, tf.newaxis] + self._keys)
        g_v = tf.matmul(g_energy, tf.reshape(hidden, [-1, self.units]), transpose_a=True)
        # The outer product as one of matrices: TensorFlow's broadcast takes twice its time.
        g_hidden = tf.reshape(tf.matmul(g_energy, self.v_a[tf.newaxis]), tf.shape(hidden))
        g_keys = tf.raw_ops.TanhGrad(y=hidden, dy=g_hidden)
        return [tf.reduce_sum(g_keys, 1)], (g_context, g_v[0]), (sums[0] + g_keys,)

    def collect(self, saved: Tensors, recorded: Tensors) -> Tensors:
        """The gradients of encoder states and v_a."""
        (_, weights), (g_contexts, g_v) = saved, recorded
        weights = tf.cast(weights[:, :, 0], g_contexts.dtype)
        return tf.einsum("tbs,tbd->bsd", weights, g_contexts), tf.reduce_sum(g_v, 0)
