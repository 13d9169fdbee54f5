"""A recurrence over whole sentences whose step is written forwards only.

The gradient of the loop is a loop, too. It takes the products with weights from the forward loop,
runs the rest of each step again under a tape, and hands back what each product was given and
pulled with, so that the weights' gradients are gathered into one product over all steps; see
`nmt.model.gru` for why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.gru import gather_product, stack, unstack, write
from nmt.model.layer_norm import Normal, layer_norm, normalise, normalise_gradient
from nmt.model.products import Columns, Matrix


class Linear(NamedTuple):
    """The weights of one product in a step: ``LN(x · kernel) ⊙ gain + bias``.

    Attributes:
        kernel: shape (inputs, outputs), or one for each sentence, (batch, inputs, outputs).
        bias: shape (outputs,), or None.
        gain: of layer normalisation in groups, shape (groups, outputs / groups), or None.
    """

    kernel: tf.Tensor
    bias: tf.Tensor | None = None
    gain: tf.Tensor | None = None

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The product of (…, inputs), outside `scan`."""
        return self.prepared()(x)

    def prepared(self, made: Columns | None = None) -> Callable[[tf.Tensor], tf.Tensor]:
        """The same, for a loop that is not `scan`.

        Args:
            made: where the product stands in what it is given, if it is made ahead.
        """
        multiply = made or Matrix(self.kernel)

        def product(x: tf.Tensor) -> tf.Tensor:
            value = multiply(x)
            if self.gain is not None:
                value = layer_norm(value, self.gain)
            return value if self.bias is None else value + self.bias

        return product


Multiply = Callable[[tf.Tensor, str], tf.Tensor]
Step = Callable[
    [Multiply, Sequence[tf.Tensor], tf.Tensor, Sequence[tf.Tensor]],
    tuple[tf.Tensor, Sequence[tf.Tensor]],
]


class _Forward:
    """Computes products, and keeps of each what its gradient needs."""

    def __init__(self, linears: Mapping[str, Linear], matrices: Mapping[str, Matrix]) -> None:
        self._linears, self._matrices = linears, matrices
        self.saved: dict[str, tuple[tf.Tensor, ...]] = {}

    def __call__(self, x: tf.Tensor, name: str) -> tf.Tensor:
        linear = self._linears[name]
        product = self._matrices[name](x)
        if linear.gain is None:
            self.saved[name] = (product,)
        else:
            self.saved[name] = normalise(tf.reshape(product, [-1, *linear.gain.shape]))
        return _finish(linear, self.saved[name])


class _Replay:
    """Takes products from what `_Forward` kept; notes what their weights' gradients need.

    Attributes:
        pairs: of each product, what was multiplied with the kernel, and the product's gradient.
        sums: gradients of its bias and its gain, as far as it has them.
    """

    def __init__(
        self,
        linears: Mapping[str, Linear],
        transposed: Mapping[str, Matrix],
        saved: Mapping[str, tuple[tf.Tensor, ...]],
    ) -> None:
        self._linears, self._transposed, self._saved = linears, transposed, saved
        self.pairs: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        self.sums: dict[str, list[tf.Tensor]] = {}

    def __call__(self, x: tf.Tensor, name: str) -> tf.Tensor:
        linear, saved = self._linears[name], self._saved[name]

        @tf.custom_gradient
        def product(x):
            def gradient(pull):
                self.sums[name] = [] if linear.bias is None else [tf.reduce_sum(pull, 0)]
                if linear.gain is not None:
                    normal = Normal(*saved)
                    outer = tf.reshape(pull, [-1, *linear.gain.shape])
                    self.sums[name].append(tf.reduce_sum(outer * normal.values, 0))
                    pull = normalise_gradient(outer * linear.gain, normal)
                    pull = tf.reshape(pull, [-1, linear.kernel.shape[-1]])
                self.pairs[name] = x, pull
                return self._transposed[name](pull)

            return _finish(linear, saved), gradient

        return product(x)


def _finish(linear: Linear, saved: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """A product from what is kept of it."""
    product = saved[0]
    if linear.gain is not None:
        product = tf.reshape(product * linear.gain, [-1, linear.kernel.shape[-1]])
    return product if linear.bias is None else product + linear.bias


def scan(
    step: Step,
    inputs: Sequence[tf.Tensor],
    guides: Sequence[tf.Tensor],
    state: tf.Tensor,
    constants: Sequence[tf.Tensor],
    linears: Mapping[str, Linear],
    outputs: Sequence[tf.DType] = (),
) -> list[tf.Tensor]:
    """Repeat a step over all positions of a batch.

    Args:
        step: given a function for its products, ``multiply(x, name)``, the inputs and guides of a
            position, the state before and the constants, it gives the state after and further
            outputs. It must use every linear exactly once.
        inputs: at least one, shape (steps, …) each.
        guides: the same, but without a gradient.
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
    steps, kind = tf.shape(inputs[0])[0], state.dtype

    def empty(kinds: Sequence[tf.DType]) -> tuple[tf.TensorArray, ...]:
        return tuple(tf.TensorArray(kind, size=steps, clear_after_read=False) for kind in kinds)

    @tf.custom_gradient
    def run(*_: tf.Tensor) -> Any:
        given = [unstack(value) for value in (*inputs, *guides)]
        matrices = {name: Matrix(linear.kernel) for name, linear in linears.items()}

        def forward(i, before, results, saved):
            multiply = _Forward(linears, matrices)
            after, further = step(multiply, [x.read(i) for x in given], before, constants)
            saved = {name: write(saved[name], i, multiply.saved[name]) for name in linears}
            return i + 1, after, write(results, i, (after, *further)), saved

        room = {name: empty([kind] * (1 + (x.gain is not None))) for name, x in linears.items()}
        *_, results, saved = tf.while_loop(
            lambda i, *_: i < steps,
            forward,
            (0, state, empty([kind, *outputs]), room),
            maximum_iterations=steps,
        )
        values = stack(results)

        def gradients(*pulls):
            before = unstack(tf.concat([state[tf.newaxis], values[0][:-1]], 0))
            pulled = [unstack(pull) for pull in pulls]
            transposed = {
                name: Matrix(tf.linalg.matrix_transpose(linear.kernel))
                for name, linear in linears.items()
            }

            def backward(i, gradient, sums, own, pairs):
                products = {name: tuple(x.read(i) for x in saved[name]) for name in linears}
                replay = _Replay(linears, transposed, products)
                now, (pull, *others) = ([x.read(i) for x in xs] for xs in (given, pulled))
                # Copies, for a tape does not see what a loop takes from outside.
                sources = [before.read(i), *now[: len(inputs)], *map(tf.identity, constants)]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(sources)
                    after, further = step(replay, now, sources[0], sources[1 + len(inputs) :])
                g_state, *found = tape.gradient(
                    [after, *further],
                    sources,
                    [gradient + pull, *others],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                new = [*found[len(inputs) :], *(x for name in linears for x in replay.sums[name])]
                return (
                    i - 1,
                    g_state,
                    tuple(x + y for x, y in zip(sums, new, strict=True)),
                    write(own, i, tuple(found[: len(inputs)])),
                    {name: write(pairs[name], i, replay.pairs[name]) for name in linears},
                )

            _, g_state, sums, own, pairs = tf.while_loop(
                lambda i, *_: i >= 0,
                backward,
                (
                    steps - 1,
                    tf.zeros_like(state),
                    tuple(tf.zeros_like(value) for value in (*constants, *factors)),
                    empty([value.dtype for value in inputs]),
                    {name: empty([kind] * 2) for name in linears},
                ),
                maximum_iterations=steps,
            )
            g_kernels = [_gather(*stack(pairs[name])) for name in linears]
            return (
                *stack(own),
                g_state,
                *sums[: len(constants)],
                *g_kernels,
                *sums[len(constants) :],
            )

        return values, gradients

    return run(*inputs, state, *constants, *kernels, *factors)


def _gather(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """A kernel's gradient, from what `_Replay` noted over all steps."""
    if len(x.shape) == 4:
        return tf.einsum("tbki,tbko->bio", x, gradient)
    return gather_product(x, gradient)
