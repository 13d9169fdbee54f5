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

from nmt.model.gru import gather_product, unstack, write
from nmt.model.layer_norm import Normal, layer_norm, normalise, normalise_gradient


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
        product = tf.matmul(x, self.kernel)
        if self.gain is not None:
            product = layer_norm(product, self.gain)
        return product if self.bias is None else product + self.bias


Multiply = Callable[[tf.Tensor, str], tf.Tensor]
Step = Callable[
    [Multiply, Sequence[tf.Tensor], tf.Tensor, Sequence[tf.Tensor]],
    tuple[tf.Tensor, Sequence[tf.Tensor]],
]


class _Forward:
    """Computes products, and keeps of each what its gradient needs."""

    def __init__(self, linears: Mapping[str, Linear]) -> None:
        self._linears = linears
        self.saved: dict[str, tuple[tf.Tensor, ...]] = {}

    def __call__(self, x: tf.Tensor, name: str) -> tf.Tensor:
        linear = self._linears[name]
        product = tf.matmul(x, linear.kernel)
        if linear.gain is None:
            self.saved[name] = (product,)
        else:
            self.saved[name] = normalise(tf.reshape(product, [-1, *linear.gain.shape]))
        return _finish(linear, self.saved[name])


class _Replay:
    """Takes products from what `_Forward` kept; notes what they were given and pulled with."""

    def __init__(
        self,
        linears: Mapping[str, Linear],
        transposed: Mapping[str, tf.Tensor],
        saved: Mapping[str, tuple[tf.Tensor, ...]],
    ) -> None:
        self._linears, self._transposed, self._saved = linears, transposed, saved
        self.found: dict[str, tuple[tf.Tensor, ...]] = {}

    def __call__(self, x: tf.Tensor, name: str) -> tf.Tensor:
        linear, saved = self._linears[name], self._saved[name]

        @tf.custom_gradient
        def product(x):
            def gradients(pull):
                if linear.gain is None:
                    inner = pull
                    self.found[name] = x, pull
                else:
                    outer = tf.reshape(pull, [-1, *linear.gain.shape]) * linear.gain
                    inner = tf.reshape(normalise_gradient(outer, Normal(*saved)), tf.shape(pull))
                    self.found[name] = x, inner, pull
                return tf.matmul(inner, self._transposed[name])

            return _finish(linear, saved), gradients

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
    weights = [weight for linear in linears.values() for weight in linear if weight is not None]
    steps, kind = tf.shape(inputs[0])[0], state.dtype
    kept = [
        name for name, linear in linears.items() for _ in range(2 if linear.gain is not None else 1)
    ]

    def empty(kinds: Sequence[tf.DType]) -> tuple[tf.TensorArray, ...]:
        return tuple(tf.TensorArray(kind, size=steps, clear_after_read=False) for kind in kinds)

    @tf.custom_gradient
    def run(*_: tf.Tensor) -> Any:
        given = [unstack(value) for value in (*inputs, *guides)]

        def forward(i, before, results, saved):
            multiply = _Forward(linears)
            after, further = step(multiply, [x.read(i) for x in given], before, constants)
            results = write(results, i, (after, *further))
            values = [value for name in linears for value in multiply.saved[name]]
            return i + 1, after, results, write(saved, i, tuple(values))

        *_, results, saved = tf.while_loop(
            lambda i, *_: i < steps,
            forward,
            (0, state, empty([kind, *outputs]), empty([kind] * len(kept))),
            maximum_iterations=steps,
        )
        values = [array.stack() for array in results]

        def gradients(*pulls):
            before = unstack(tf.concat([state[tf.newaxis], values[0][:-1]], 0))
            transposed = {
                name: tf.linalg.matrix_transpose(linear.kernel) for name, linear in linears.items()
            }
            pulled = [unstack(pull) for pull in pulls]

            def backward(i, gradient, sums, arrays, found):
                now = [x.read(i) for x in given]
                products: dict[str, tuple[tf.Tensor, ...]] = {}
                for name, array in zip(kept, saved, strict=True):
                    products[name] = (*products.get(name, ()), array.read(i))
                replay = _Replay(linears, transposed, products)
                pull, *others = (x.read(i) for x in pulled)
                # Copies, for a tape does not see what a loop takes from outside.
                fixed = [tf.identity(value) for value in constants]
                sources = [*now[: len(inputs)], before.read(i), *fixed]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(sources)
                    after, further = step(replay, now, sources[len(inputs)], fixed)
                found_here = tape.gradient(
                    [after, *further],
                    sources,
                    [gradient + pull, *others],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                own, (g_state, *g_fixed) = found_here[: len(inputs)], found_here[len(inputs) :]
                sums = tuple(x + y for x, y in zip(sums, g_fixed, strict=True))
                noted = [value for name in linears for value in replay.found[name]]
                return (
                    i - 1,
                    g_state,
                    sums,
                    write(arrays, i, tuple(own)),
                    write(found, i, tuple(noted)),
                )

            notes = [name for name in linears for _ in range(kept.count(name) + 1)]
            _, g_state, sums, arrays, found = tf.while_loop(
                lambda i, *_: i >= 0,
                backward,
                (
                    steps - 1,
                    tf.zeros_like(state),
                    tuple(tf.zeros_like(value) for value in constants),
                    empty([value.dtype for value in inputs]),
                    empty([kind] * len(notes)),
                ),
                maximum_iterations=steps,
            )
            g_weights: list[tf.Tensor] = []
            for name, linear in linears.items():
                noted = [x.stack() for n, x in zip(notes, found, strict=True) if n == name]
                kept_here = [x for n, x in zip(kept, saved, strict=True) if n == name]
                g_weights += _gather(linear, noted, kept_here[0])
            return *(array.stack() for array in arrays), g_state, *sums, *g_weights

        return values, gradients

    return run(*inputs, state, *constants, *weights)


def _gather(linear: Linear, noted: list[tf.Tensor], saved: tf.TensorArray) -> list[tf.Tensor]:
    """Gradients of a linear's weights, from what `_Replay` noted over all steps."""
    x, inner, pull = noted[0], noted[1], noted[-1]
    if len(linear.kernel.shape) == 3:
        found = [tf.einsum("tbki,tbko->bio", x, inner)]
    else:
        found = [gather_product(x, inner)]
    if linear.bias is not None:
        found.append(tf.reduce_sum(pull, [0, 1]))
    if linear.gain is not None:
        normal = saved.stack()
        found.append(tf.reduce_sum(tf.reshape(pull, tf.shape(normal)) * normal, [0, 1]))
    return found
