"""One step of any of the decoders, made of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from nmt.model.fast.attention import Attention
from nmt.model.fast.gru import GRU
from nmt.model.fast.operations import Activation, Add, Linear, Scale, Split
from nmt.model.fast.scan import Apply, Operation, Tensors
from nmt.model.readout import Readout

Parts = dict[str, Linear]  # products by what is multiplied


class Cell(NamedTuple):
    """A GRU cell."""

    parts: Parts  # of its input, and "state"
    gates: GRU
    noise: Scale | None  # of `nmt.model.layers.state_noise`

    def drop(self, apply: Apply, state: tf.Tensor) -> tf.Tensor:
        """`nmt.model.layers.drop_units`."""
        return state if self.noise is None else apply(self.noise, state)


class ReadoutLayer(NamedTuple):
    """The layer before the softmax."""

    parts: Parts  # "output", "context", "embedding"
    activation: Activation
    noise: Scale | None = None

    @classmethod
    def of(cls, readout: Readout, noise: Scale | None = None) -> ReadoutLayer:
        """With the weights of this readout."""
        names = "output", "context", "embedding"
        kernels = tf.split(tf.convert_to_tensor(readout.kernel), readout.sizes)
        biases = tf.convert_to_tensor(readout.bias), None, None
        linears = zip(names, map(Linear, kernels, biases), strict=True)
        parts = {name: linear for name, linear in linears if linear.kernel.shape[0]}
        return cls(parts, Activation(readout.activation, kernels[0].dtype), noise)

    def read(
        self, apply: Apply, output: tf.Tensor, context: tf.Tensor, *products: tf.Tensor
    ) -> tf.Tensor:
        """`Readout.read`; the product of the embedding comes last."""
        terms = [apply(self.parts["output"], output)]
        if "context" in self.parts:
            terms.append(apply(self.parts["context"], context))
        return apply(self.activation, *terms, *products)


class DecoderStep(NamedTuple):
    """`nmt.model.stacked.StackedDecoder.step`, and that of a decoder of one cell."""

    first: Cell
    second: Cell | None  # after the attention; None if it comes before the first cell
    upper: Sequence[Cell]
    attention: Attention | None
    query: Linear | None  # None if the product is a part of that of the cell's state
    readout: ReadoutLayer | None  # if it is fed back

    @property
    def layers(self) -> list[Cell | ReadoutLayer]:
        """The cells, and the readout if it is fed back."""
        layers = self.first, self.second, *self.upper, self.readout
        return [layer for layer in layers if layer is not None]

    @property
    def operations(self) -> list[Operation]:
        """All operations that have weights, or save something."""
        linears = [
            linear
            for layer in self.layers
            for part, linear in layer.parts.items()
            if part != "embedding"
        ]
        others = [self.attention, self.query, *(x for layer in self.layers for x in layer[1:])]
        return linears + [operation for operation in others if operation is not None]

    def project(self, embedded: tf.Tensor) -> list[tf.Tensor]:
        """The products of embeddings: (…, embedding_dim) → (…, columns) each."""
        parts = [layer.parts for layer in self.layers]
        return [linears["embedding"].over(embedded) for linears in parts if "embedding" in linears]

    def run(
        self, apply: Apply, inputs: Sequence[tf.Tensor], state: Tensors
    ) -> tuple[Tensors, Tensors]:
        """The next state, and with attention the context and the weights.

        Args:
            apply: applies an operation.
            inputs: the product of the embedding with the first cell; if the readout is fed back,
                that with the readout, if it is deep, and the readout's noise, if there is any.
            state: the states of the layers, and the readout if it is fed back.
        """
        s, *before = state
        entering, cell = [inputs[0]], self.first
        if self.readout is not None:
            entering.append(apply(cell.parts["fed"], before.pop()))
        query = cell.drop(apply, s)
        if self.second is not None:
            s = apply(cell.gates, _sum(apply, entering), apply(cell.parts["state"], query), s)
            entering, cell = [], self.second
            query = cell.drop(apply, s)
        recurrent = apply(cell.parts["state"], query)
        context, further = s[:, :0], ()
        if self.attention is not None:
            if self.query is None:
                recurrent, query = apply(Split(3 * s.shape[-1], self.attention.units), recurrent)
            else:
                query = apply(self.query, query)
            further = context, _ = apply(self.attention, query)
        if "context" in cell.parts:
            entering.append(apply(cell.parts["context"], context))
        layers = [apply(cell.gates, _sum(apply, entering), recurrent, s)]
        for cell, s in zip(self.upper, before, strict=True):
            below = apply(cell.parts["below"], _sum(apply, layers))
            recurrent = apply(cell.parts["state"], cell.drop(apply, s))
            layers.append(apply(cell.gates, below, recurrent, s))
        if self.readout is None:
            return tuple(layers), further
        products = inputs[1:]
        if self.readout.noise is not None:
            *products, factors = products
        readout = self.readout.read(apply, _sum(apply, layers), context, *products)
        if self.readout.noise is not None:
            readout = apply(self.readout.noise, readout, factors)
        return (*layers, readout), further


def _sum(apply: Apply, terms: Sequence[tf.Tensor]) -> tf.Tensor:
    return terms[0] if len(terms) == 1 else apply(Add(), *terms)
