"""A recurrence over whole sentences: a loop, and its gradient, which is a loop, too.

A step is made of operations. While the forward loop runs, each operation saves what its gradient
needs, and the order of the operations is recorded. The loop of the gradient goes through them
backwards, and computes nothing of the step again. Whatever does not depend on the step before is
computed over all steps at once: what the gradients are multiplied with, before that loop, and the
gradients of weights, after it.

The loop of the gradient reads the arrays that the forward loop has written, without a copy of all
steps in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

Tensors = tuple[tf.Tensor, ...]


def forwards(steps: tf.Tensor, body: Callable[..., tuple[Any, ...]], *state: Any) -> Any:
    """The state after ``state = body(i, *state)`` for i from 0 to ``steps - 1``."""
    return tf.while_loop(
        lambda i, *_: i < steps,
        lambda i, *state: (i + 1, *body(i, *state)),
        (0, *state),
    )[1:]


def backwards(steps: tf.Tensor, body: Callable[..., tuple[Any, ...]], *state: Any) -> Any:
    """The state after ``state = body(i, *state)`` for i from ``steps - 1`` to 0."""
    return tf.while_loop(
        lambda i, *_: i >= 0,
        lambda i, *state: (i - 1, *body(i, *state)),
        (steps - 1, *state),
    )[1:]


def empty(steps: tf.Tensor, dtypes: Iterable[tf.DType]) -> tuple[tf.TensorArray, ...]:
    """Arrays for the results of each step, one for each of these dtypes."""
    return tuple(tf.TensorArray(dtype, size=steps, clear_after_read=False) for dtype in dtypes)


def read_step(values: Iterable[tf.Tensor | tf.TensorArray], i: tf.Tensor) -> list[tf.Tensor]:
    """The values of step `i`: of tensors, steps first, views; of arrays what was written."""
    return [x.read(i) if isinstance(x, tf.TensorArray) else x[i] for x in values]


def write_step(
    arrays: Iterable[tf.TensorArray], i: tf.Tensor, values: Iterable[tf.Tensor]
) -> tuple[tf.TensorArray, ...]:
    """Put the values of step `i` into the arrays."""
    return tuple(array.write(i, value) for array, value in zip(arrays, values, strict=True))


def stack(arrays: Iterable[tf.TensorArray]) -> list[tf.Tensor]:
    """The arrays as tensors, steps first."""
    return [array.stack() for array in arrays]


def sum_outer_products(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The sum over steps and rows of outer products: (…, m) and (…, n) → (m, n)."""
    left = tf.reshape(left, [-1, left.shape[-1]])
    return tf.matmul(left, tf.reshape(right, [-1, right.shape[-1]]), transpose_a=True)


class Operation:
    """A part of a step, with its gradient.

    Attributes:
        weights: tensors outside of the loop that have a gradient.
        saved: types of what `forward` saves.
        recorded: types of what `backward` records.
        sums: of these weights, the last ones, `backward` adds up the gradients itself.
    """

    weights: Tensors = ()
    saved: tuple[tf.DType, ...] = ()
    recorded: tuple[tf.DType, ...] = ()
    sums: Tensors = ()

    def forward(self, *inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The results of a step, and what is saved."""
        raise NotImplementedError

    def prepare(self, *saved: tf.Tensor) -> Tensors | None:
        """What `backward` takes instead of what was saved; both of all steps, steps first."""
        return None

    def backward(
        self, saved: Sequence[tf.Tensor], sums: Tensors, *gradients: tf.Tensor
    ) -> tuple[Sequence[tf.Tensor | None], Tensors, Tensors]:
        """The gradients of a step's inputs, what is recorded, and the sums after it.

        Args:
            saved: in this step.
            sums: over the steps behind this one.
            gradients: of the results.
        """
        raise NotImplementedError

    def collect(self, saved: Tensors, recorded: Tensors) -> Tensors:
        """The gradients of `weights` without `sums`, from all steps, steps first."""
        return ()


class _Call(NamedTuple):
    operation: Operation
    inputs: Tensors
    results: Tensors


Apply = Callable[..., Any]  # an operation and its inputs: its result, or results
Step = Callable[[Apply, Sequence[tf.Tensor], Tensors], tuple[Tensors, Tensors]]


def apply(operation: Operation, *inputs: tf.Tensor) -> Any:
    """Run an operation in a loop that is not `scan`."""
    results, _ = operation.forward(*inputs)
    return results if len(results) > 1 else results[0]


def scan(
    step: Step,
    inputs: Sequence[tf.Tensor],
    auxiliary: Sequence[tf.Tensor],
    state: Tensors,
    operations: Sequence[Operation],
    outputs: Sequence[tf.DType] = (),
) -> list[tf.Tensor]:
    """Repeat a step over all positions of a batch.

    Args:
        step: from a function that applies an operation, the inputs and auxiliary inputs of a
            position and the state before, it computes the state after and further outputs. It
            makes them with operations alone.
        inputs: shape (steps, …) each.
        auxiliary: further inputs, which have no gradient.
        state: the parts of the first state, shape (batch, size) each.
        operations: those that save something, or have weights; each is applied once per step.
        outputs: types of the further outputs.

    Returns:
        The parts of the states, shape (steps, batch, size), and the further outputs, steps first.
    """
    steps, parts, count = tf.shape(inputs[0])[0], len(state), len(inputs)
    calls: list[_Call] = []  # of a step, with the tensors of the forward loop
    ends: dict[str, Tensors] = {}

    @tf.custom_gradient
    def run(*_: tf.Tensor) -> Any:
        def forward(i: tf.Tensor, before: Tensors, results: Any, saved: Any) -> Any:
            values: dict[Operation, Tensors] = {}
            calls.clear()

            def apply(operation: Operation, *inputs: tf.Tensor) -> Any:
                results, values[operation] = operation.forward(*inputs)
                calls.append(_Call(operation, inputs, results))
                return results if len(results) > 1 else results[0]

            read = read_step([*inputs, *auxiliary], i)
            after, further = step(apply, read, before)
            ends["sources"], ends["results"] = (*before, *read[:count]), (*after, *further)
            saved = tuple(
                write_step(arrays, i, values[operation])
                for arrays, operation in zip(saved, operations, strict=True)
            )
            return after, write_step(results, i, (*after, *further)), saved

        arrays = empty(steps, [*(part.dtype for part in state), *outputs])
        saved = tuple(empty(steps, operation.saved) for operation in operations)
        _, results, saved = forwards(steps, forward, state, arrays, saved)

        def gradients(*cotangents: tf.Tensor) -> Any:
            stacked = {
                operation: tuple(stack(arrays))
                for operation, arrays in zip(operations, saved, strict=True)
            }
            prepared = {}
            for operation, arrays in zip(operations, saved, strict=True):
                factors = operation.prepare(*stacked[operation])
                prepared[operation] = arrays if factors is None else factors
            # A step adds the cotangent of the state before it, the result of another step.
            shifted = [
                tf.concat([tf.zeros_like(cotangent[:1]), cotangent[:-1]], 0)
                for cotangent in cotangents[:parts]
            ]
            incoming = [*shifted, *cotangents[parts:]]

            def backward(
                i: tf.Tensor, gradient: Tensors, sums: Any, g_inputs: Any, records: Any
            ) -> Any:
                read = read_step(incoming, i)
                pending: dict[int, list[tf.Tensor]] = defaultdict(list)
                for result, value in zip(ends["results"], (*gradient, *read[parts:]), strict=True):
                    pending[id(result)].append(value)
                values = {operation: read_step(x, i) for operation, x in prepared.items()}
                totals = dict(zip(operations, sums, strict=True))
                recorded = _go_back(calls, pending, values, totals)
                for source, value in zip(ends["sources"], read[:parts], strict=False):
                    pending[id(source)].append(value)
                g_sources = [_total(pending[id(source)]) for source in ends["sources"]]
                return (
                    tuple(g_sources[:parts]),
                    tuple(totals[operation] for operation in operations),
                    write_step(g_inputs, i, g_sources[parts:]),
                    tuple(
                        write_step(arrays, i, recorded[operation])
                        for arrays, operation in zip(records, operations, strict=True)
                    ),
                )

            g_state, sums, g_inputs, records = backwards(
                steps,
                backward,
                tuple(cotangent[-1] for cotangent in cotangents[:parts]),
                tuple(tuple(map(tf.zeros_like, operation.sums)) for operation in operations),
                empty(steps, [values.dtype for values in inputs]),
                tuple(empty(steps, operation.recorded) for operation in operations),
            )
            g_weights = [
                (*operation.collect(stacked[operation], tuple(stack(recorded))), *total)
                for operation, recorded, total in zip(operations, records, sums, strict=True)
            ]
            return *stack(g_inputs), *g_state, *sum(g_weights, ())

        return stack(results), gradients

    weights = [weight for operation in operations for weight in operation.weights]
    return list(run(*inputs, *state, *weights))


def _go_back(
    calls: Sequence[_Call],
    pending: dict[int, list[tf.Tensor]],
    saved: Mapping[Operation, Sequence[tf.Tensor]],
    sums: dict[Operation, Tensors],
) -> dict[Operation, Tensors]:
    """Compute the gradients of a step; returns what its operations record.

    Args:
        calls: of the step, in the order of the forward loop.
        pending: terms of the gradients by the tensor's identity; those of all inputs are added.
        saved: of each operation, in this step.
        sums: of each operation; replaced by those after this step.
    """
    recorded = {}
    for operation, inputs, results in reversed(calls):
        g_results = [_total(pending[id(result)]) for result in results]
        terms, recorded[operation], sums[operation] = operation.backward(
            saved.get(operation, ()), sums.get(operation, ()), *g_results
        )
        for x, term in zip(inputs, terms, strict=False):  # a sum gives all the same
            if term is not None:
                pending[id(x)].append(term)
    return recorded


def _total(terms: list[tf.Tensor]) -> tf.Tensor:
    """The sum of gradients."""
    return terms[0] if len(terms) == 1 else tf.add_n(terms)
