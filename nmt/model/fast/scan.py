"""A recurrence over whole sentences whose step is written forwards only.

The gradient of the loop is a loop, too. It takes the products with weights from the forward loop,
runs the rest of each step again under a tape, and records the input and the cotangent of each
product, so that the weights' gradients are gathered into one product over all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.fast import loops
from nmt.model.fast.layer_norm import Normal, layer_norm, normalise, normalise_gradient
from nmt.model.fast.matmul import PaddedMatrix, Product


class Linear(NamedTuple):
    """The weights of one product in a step: ``LN(x · kernel) ⊙ gain + bias``."""

    kernel: tf.Tensor  # (inputs, outputs), or one per sentence, (batch, inputs, outputs)
    bias: tf.Tensor | None = None  # (outputs,)
    gain: tf.Tensor | None = None  # of layer normalisation, (groups, outputs / groups)

    def pad(self, precomputed: Product | None = None) -> Product:
        """The product, for a loop that is not `scan`; to be made outside of it.

        Args:
            precomputed: the product with the kernel if it is precomputed.
        """
        multiply = precomputed or PaddedMatrix(self.kernel)

        def product(x: tf.Tensor) -> tf.Tensor:
            value = multiply(x)
            if self.gain is not None:
                value = layer_norm(value, self.gain)
            return value if self.bias is None else value + self.bias

        return product

    def start(self, product: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What the gradient needs of a product with the kernel."""
        if self.gain is None:
            return (product,)
        return normalise(tf.reshape(product, [-1, *self.gain.shape]))

    def finish(self, saved: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The result, from what `start` returned."""
        product = saved[0]
        if self.gain is not None:
            product = tf.reshape(product * self.gain, [-1, self.kernel.shape[-1]])
        return product if self.bias is None else product + self.bias


Multiply = Callable[[tf.Tensor, str], tf.Tensor]
Step = Callable[
    [Multiply, Sequence[tf.Tensor], tf.Tensor, Sequence[tf.Tensor]],
    tuple[tf.Tensor, Sequence[tf.Tensor]],
]


class _Replay:
    """Takes products from what the forward loop saved; records what their weights' gradients need.

    Attributes:
        pairs: of each product, what was multiplied with the kernel, and the product's gradient.
        sums: gradients of its bias and its gain, as far as it has them.
    """

    def __init__(
        self,
        linears: Mapping[str, Linear],
        transposed: Mapping[str, PaddedMatrix],
        saved: Mapping[str, Sequence[tf.Tensor]],
    ) -> None:
        self._linears, self._transposed, self._saved = linears, transposed, saved
        self.pairs: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        self.sums: dict[str, list[tf.Tensor]] = {}

    def __call__(self, x: tf.Tensor, name: str) -> tf.Tensor:
        linear, saved = self._linears[name], tuple(self._saved[name])

        @tf.custom_gradient
        def product(x: tf.Tensor) -> Any:
            def gradient(cotangent: Any) -> Any:
                self.sums[name] = [] if linear.bias is None else [tf.reduce_sum(cotangent, 0)]
                if linear.gain is not None:
                    normal = Normal(*saved)
                    groups = tf.reshape(cotangent, [-1, *linear.gain.shape])
                    self.sums[name].append(tf.reduce_sum(groups * normal.values, 0))
                    cotangent = normalise_gradient(groups * linear.gain, normal)
                    cotangent = tf.reshape(cotangent, [-1, linear.kernel.shape[-1]])
                self.pairs[name] = x, cotangent
                return self._transposed[name](cotangent)

            return linear.finish(saved), gradient

        return product(x)


def scan(
    step: Step,
    inputs: Sequence[tf.Tensor],
    auxiliary: Sequence[tf.Tensor],
    state: tf.Tensor,
    constants: Sequence[tf.Tensor],
    linears: Mapping[str, Linear],
    outputs: Sequence[tf.DType] = (),
) -> list[tf.Tensor]:
    """Repeat a step over all positions of a batch.

    Args:
        step: from a function for its products, ``multiply(x, name)``, the inputs and auxiliary
            inputs of a position, the state before and the constants, it computes the state after
            and further outputs. It must use every linear exactly once.
        inputs: at least one, shape (steps, …) each.
        auxiliary: further inputs, which have no gradient.
        state: the first state, shape (batch, size).
        constants: whatever has a gradient and is no weight of a product, shape (…). Their
            gradients are added up in the loop.
        linears: weights of the products, by name.
        outputs: types of the further outputs.

    Returns:
        The states, shape (steps, batch, size), and the further outputs, steps first.
    """
    kernels = [linear.kernel for linear in linears.values()]
    factors = [x for linear in linears.values() for x in linear[1:] if x is not None]
    steps, dtype, count = tf.shape(inputs[0])[0], state.dtype, len(inputs)

    @tf.custom_gradient
    def run(*_: tf.Tensor) -> Any:
        all_inputs = loops.unstack(*inputs, *auxiliary)
        matrices = {name: PaddedMatrix(linear.kernel) for name, linear in linears.items()}

        def forward(i: tf.Tensor, before: Any, results: Any, saved: Any) -> Any:
            products = {}

            def multiply(x: tf.Tensor, name: str) -> Any:
                products[name] = linears[name].start(matrices[name](x))
                return linears[name].finish(products[name])

            after, further = step(multiply, loops.read(all_inputs, i), before, constants)
            saved = {name: loops.write(saved[name], i, products[name]) for name in linears}
            return after, loops.write(results, i, (after, *further)), saved

        saved = {
            name: loops.empty(steps, [dtype] * (1 if linear.gain is None else 2))
            for name, linear in linears.items()
        }
        arrays = loops.empty(steps, [dtype, *outputs])
        _, results, saved = loops.forwards(steps, forward, state, arrays, saved)
        values = loops.stack(results)

        def gradients(*cotangents: tf.Tensor) -> Any:
            before = tf.concat([state[tf.newaxis], values[0][:-1]], 0)
            before, *incoming = loops.unstack(before, *cotangents)
            transposed = {
                name: PaddedMatrix(tf.linalg.matrix_transpose(linear.kernel))
                for name, linear in linears.items()
            }

            def backward(i: tf.Tensor, gradient: Any, sums: Any, g_inputs: Any, pairs: Any) -> Any:
                products = {name: loops.read(saved[name], i) for name in linears}
                replay = _Replay(linears, transposed, products)
                values, (cotangent, *others) = loops.read(all_inputs, i), loops.read(incoming, i)
                # Copies, for a tape does not see what a loop takes from outside.
                sources = [before.read(i), *values[:count], *map(tf.identity, constants)]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(sources)
                    after, further = step(replay, values, sources[0], sources[1 + count :])
                g_state, *g_sources = tape.gradient(
                    [after, *further],
                    sources,
                    [gradient + cotangent, *others],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                terms = [*g_sources[count:], *(x for name in linears for x in replay.sums[name])]
                return (
                    g_state,
                    tuple(total + term for total, term in zip(sums, terms, strict=True)),
                    loops.write(g_inputs, i, g_sources[:count]),
                    {name: loops.write(pairs[name], i, replay.pairs[name]) for name in linears},
                )

            g_state, sums, g_inputs, pairs = loops.backwards(
                steps,
                backward,
                tf.zeros_like(state),
                tuple(tf.zeros_like(value) for value in (*constants, *factors)),
                loops.empty(steps, [value.dtype for value in inputs]),
                {name: loops.empty(steps, [dtype] * 2) for name in linears},
            )
            g_constants, g_factors = sums[: len(constants)], sums[len(constants) :]
            g_kernels = [_kernel_gradient(*loops.stack(pairs[name])) for name in linears]
            return *loops.stack(g_inputs), g_state, *g_constants, *g_kernels, *g_factors

        return values, gradients

    return run(*inputs, state, *constants, *kernels, *factors)


def _kernel_gradient(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """A kernel's gradient, from what `_Replay` recorded over all steps."""
    if len(x.shape) == 4:
        return tf.einsum("tbki,tbko->bio", x, gradient)
    return loops.sum_outer_products(x, gradient)
