"""The decoders: products that need no loop are made outside of it.

A product with a context, (Σ α_j h_j) W, is Σ α_j (h_j W). So a search multiplies the encoder states
once per batch with all that the contexts would meet at every step in every beam, and the contexts
become these products, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model import decoder, stacked
from nmt.model.decoder import EncoderStates, Readout
from nmt.model.fast.matmul import multiply_once, slices
from nmt.model.fast.operations import GRU, Activation, Add, Attention, Linear, Scale, Split
from nmt.model.fast.scan import Apply, Operation, Tensors, apply, scan
from nmt.settings import ModelSettings

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


class _FastDecoder(decoder.AttentionDecoder):
    """What the decoders have in common."""

    depth = 1  # layers
    layer_norm = False  # whether the cells' products are normalised
    readout: Readout | None = None  # if it is fed back

    def _cells(self, W_a: tf.Tensor | None) -> list[Parts]:
        """The products of each cell; with W_a, that of the state that attends has its columns."""
        raise NotImplementedError

    def _step(
        self, encoder_states: EncoderStates, noise: Sequence[Scale | None] = ()
    ) -> DecoderStep:
        """The operations of a step; the noise is that of the cells, then of a readout."""
        attention = query = W_a = None
        if self.attention is not None:
            W_a = tf.convert_to_tensor(self.attention.W_a)
            attention = Attention(encoder_states, tf.convert_to_tensor(self.attention.v_a)[:, 0])
            if self.layer_norm:  # of the cell's product, not of the query
                query, W_a = Linear(W_a), None
        noise, dtype = noise or [None] * self.cells, tf.as_dtype(self.compute_dtype)
        cells = [
            Cell(parts, GRU(dtype), own)
            for parts, own in zip(self._cells(W_a), noise, strict=False)
        ]
        second = cells.pop(1) if self.cells > self.depth else None
        fed = None if self.readout is None else ReadoutLayer.of(self.readout, *noise[self.cells :])
        return DecoderStep(cells[0], second, cells[1:], attention, query, fed)

    def _split(self, state: tf.Tensor) -> list[tf.Tensor]:
        """The states of the layers, and the readout if it is fed back."""
        fed = [self.readout_size] if self.readout_size else []
        return tf.split(state, [self.units] * self.depth + fed, -1)

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """All steps over known words (teacher forcing)."""
        noise = [None if x is None else Scale(x) for x in self.state_noise(state, seed)]
        auxiliary = []
        if self.readout is not None and seed is not None:
            auxiliary = [tf.transpose(self.readout_noise(embedded, seed), [1, 0, 2])]
            noise.append(Scale(dtype=embedded.dtype))
        step, parts = self._step(encoder_states, noise), self._split(state)
        values = scan(
            step.run,
            step.project(tf.transpose(embedded, [1, 0, 2])),
            auxiliary,
            tuple(parts),
            step.operations,
            [] if self.attention is None else [embedded.dtype, tf.float32],
        )
        states = tf.transpose(tf.concat(values[: len(parts)], -1), [1, 0, 2])
        if self.attention is None:
            nothing = states[..., :0]
            return states, nothing, tf.cast(nothing, tf.float32)
        *_, contexts, weights = values
        weights = tf.transpose(weights[:, :, 0], [1, 0, 2])
        return states, tf.transpose(contexts, [1, 0, 2]), encoder_states.without_padding(weights)

    def precompute(self, encoder_states: EncoderStates, readout: Readout) -> EncoderStates:
        """The encoder states for the steps of a search, once per batch."""
        _, layers = self._search_layers(encoder_states, readout)
        if parts := self._with_context(layers):
            kernels = [linears["context"].kernel for linears in parts]
            states = multiply_once(encoder_states.states, kernels)
            encoder_states = encoder_states._replace(states=states)
        return encoder_states

    def search_step(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        readout: Readout,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of a search."""
        step, layers = self._search_layers(encoder_states, readout)
        parts = self._with_context(layers)
        widths = [linears["context"].kernel.shape[-1] for linears in parts]
        for linears, product in zip(parts, slices(widths), strict=True):
            linears["context"] = linears["context"].precomputed(product)
        states, further = step.run(apply, step.project(embedded), tuple(self._split(state)))
        if further:
            context, weights = further[0], encoder_states.without_padding(further[1])
        else:
            context, weights = self.attend(state, encoder_states)
        state = tf.concat(states, -1)
        if self.readout is not None:
            return states[-1], state, weights
        layer = layers[-1]
        assert isinstance(layer, ReadoutLayer)
        products = [layer.parts["embedding"].over(embedded)] if readout.deep else []
        return layer.read(apply, self.output(state), context, *products), state, weights

    def _search_layers(
        self, encoder_states: EncoderStates, readout: Readout
    ) -> tuple[DecoderStep, list[Cell | ReadoutLayer]]:
        """The operations of a step, and its layers with the readout, which comes last."""
        step = self._step(encoder_states)
        layers = step.layers
        return step, layers if step.readout else [*layers, ReadoutLayer.of(readout)]

    def _with_context(self, layers: Sequence[Cell | ReadoutLayer]) -> list[Parts]:
        """The products of the layers that see the context."""
        if self.attention is None:
            return []
        return [layer.parts for layer in layers if "context" in layer.parts]


class AttentionDecoder(_FastDecoder):
    """See `nmt.model.decoder.AttentionDecoder`."""

    def _cells(self, W_a: tf.Tensor | None) -> list[Parts]:
        kernels = {"embedding": self.kernel}
        if self.attention is not None:
            kernels["context"] = self.context_kernel
        return [_linears({**kernels, "state": self.recurrent_kernel}, {}, self.bias, W_a)]


class StackedDecoder(_FastDecoder, stacked.StackedDecoder):
    """See `nmt.model.stacked.StackedDecoder`."""

    def __init__(self, settings: ModelSettings, *arguments: Any, **options: Any) -> None:
        super().__init__(settings, *arguments, **options)
        self.layer_norm = settings.layer_norm

    def _cells(self, W_a: tf.Tensor | None) -> list[Parts]:
        second = [] if self.second is None else [self.second]
        attends = (second or [self.first])[0]
        return [
            _linears(cell.kernels, cell.gains, cell.bias, W_a if cell is attends else None)
            for cell in (self.first, *second, *self.upper)
        ]


def _linears(kernels: Any, gains: Any, bias: Any, W_a: tf.Tensor | None) -> Parts:
    """The products of a cell; the first part of its input has the bias of the gates."""
    kernels = {part: tf.convert_to_tensor(kernel) for part, kernel in kernels.items()}
    gains = {part: tf.convert_to_tensor(gain) for part, gain in gains.items()}
    entering, recurrent = tf.unstack(tf.convert_to_tensor(bias))
    if W_a is not None:
        kernels["state"] = tf.concat([kernels["state"], W_a], 1)
        recurrent = tf.pad(recurrent, [[0, W_a.shape[1]]])
    first, *_ = kernels
    if first == "state":  # a cell between an attention that is none and the gates
        kernels = {"context": tf.zeros([0, entering.shape[0]], entering.dtype), **kernels}
        first = "context"
    biases = {first: entering, "state": recurrent}
    return {part: Linear(kernels[part], biases.get(part), gains.get(part)) for part in kernels}
