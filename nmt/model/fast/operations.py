"""The operations of all recurrences: products with weights, sums, activations, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import tensorflow as tf

from nmt.model.fast import loops
from nmt.model.fast.layer_norm import Normal, centre, normalise, normalise_gradient, unit_variance
from nmt.model.fast.matmul import PaddedMatrix, Product
from nmt.model.fast.scan import Operation, Tensors


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
        results = [loops.sum_outer_products(saved[0], g_product)]
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
