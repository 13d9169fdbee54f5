"""The decoders: products that need no loop are made outside of it, the others with padded matrices.

A product with a context, (Σ α_j h_j) W, is Σ α_j (h_j W). So a search multiplies the encoder states
once per batch with all that the contexts would meet at every step in every beam, and the contexts
become these products, side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from nmt.model import decoder, stacked
from nmt.model.decoder import EncoderStates
from nmt.model.fast.attention import differentiable_weights
from nmt.model.fast.gru import gru
from nmt.model.fast.matmul import Product, precompute
from nmt.model.fast.recurrence import Kernels, make_step, teacher_forced
from nmt.model.fast.scan import Linear, Multiply, scan
from nmt.model.layers import GRUCell, drop_units
from nmt.model.readout import Readout


class AttentionDecoder(decoder.AttentionDecoder):
    """See `nmt.model.decoder.AttentionDecoder`."""

    def _project(self, embedded: tf.Tensor) -> tf.Tensor:
        """The embeddings' part of the gates: (…, embedding_dim) → (…, 3 · units)."""
        return tf.tensordot(embedded, tf.convert_to_tensor(self.kernel), 1) + self.bias[0]

    def _kernels(self) -> Kernels:
        recurrent = tf.convert_to_tensor(self.recurrent_kernel)
        bias = tf.convert_to_tensor(self.bias)[1]
        if self.attention is None:
            nothing = tf.zeros([0, 3 * self.units], recurrent.dtype)
            return Kernels(recurrent, bias, nothing, nothing[:, 0])
        return Kernels(
            tf.concat([recurrent, tf.convert_to_tensor(self.attention.W_a)], 1),
            bias,
            tf.convert_to_tensor(self.context_kernel),
            tf.convert_to_tensor(self.attention.v_a)[:, 0],
        )

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, ...]:
        """All steps over known words (teacher forcing)."""
        projected = self._project(tf.transpose(embedded, [1, 0, 2]))
        (noise,) = self.state_noise(state, seed)
        results = teacher_forced(projected, state, encoder_states, self._kernels(), noise)
        return tuple(tf.transpose(values, [1, 0, 2]) for values in results)

    def precompute(
        self, encoder_states: EncoderStates, readout: Readout
    ) -> tuple[EncoderStates, decoder.Step]:
        """Prepare the steps of a search."""
        kernels, linears = self._kernels(), _readout_linears(readout)
        linears = {"decoder/context": Linear(kernels.context), **linears}
        encoder_states, slices = _precompute_contexts(encoder_states, linears)
        multiply = _multiplier(linears, slices)
        run = make_step(kernels, slices.get("decoder/context"))

        def step(embedded: tf.Tensor, state: tf.Tensor, encoder_states: Any) -> Any:
            state, context, weights, *_ = run(self._project(embedded), state, encoder_states)
            of_embedding = multiply(embedded, "readout/embedding") if readout.deep else None
            return _read_out(readout, multiply, state, context, of_embedding), state, weights

        return encoder_states, step


class StackedDecoder(stacked.StackedDecoder):
    """See `nmt.model.stacked.StackedDecoder`."""

    def _linears(self) -> dict[str, Linear]:
        """The weights of the products in a step."""
        fed = ["fed"] if self.readout is not None else []
        context = ["context"] if self.second is None and self.attention is not None else []
        linears = _cell_linears(self.first, "embedding", *fed, *context)
        if self.second is not None:
            linears |= _cell_linears(self.second, "context")
        for cell in self.upper:
            linears |= _cell_linears(cell, "below")
        if self.attention is not None:
            linears["query"] = Linear(tf.convert_to_tensor(self.attention.W_a))
        if self.readout is not None:
            linears |= _readout_linears(self.readout)
        return linears

    def _constants(self, encoder_states: EncoderStates) -> list[tf.Tensor]:
        """What the attention needs besides products; empty without attention."""
        if self.attention is None:
            return []
        return [encoder_states.keys, tf.convert_to_tensor(self.attention.v_a)[:, 0]]

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """All steps over known words (teacher forcing)."""
        linears = self._linears()
        project = _pop_projection(linears)
        if self.attention is not None:
            linears["encoder_states"] = Linear(encoder_states.states)
        noise, auxiliary = self.state_noise(state, seed), []
        if self.readout is not None and seed is not None:
            auxiliary = [tf.transpose(self.readout_noise(embedded, seed), [1, 0, 2])]

        def step(multiply: Any, inputs: Any, state: tf.Tensor, constants: Any) -> Any:
            return self._step(multiply, inputs, state, constants, encoder_states.mask, noise)

        states, contexts, weights = scan(
            step,
            [project(tf.transpose(embedded, [1, 0, 2]))],
            auxiliary,
            state,
            self._constants(encoder_states),
            linears,
            [embedded.dtype, tf.float32],
        )
        states, contexts = (tf.transpose(values, [1, 0, 2]) for values in (states, contexts))
        return states, contexts, tf.transpose(weights[:, :, 0], [1, 0, 2])

    def precompute(
        self, encoder_states: EncoderStates, readout: Readout
    ) -> tuple[EncoderStates, decoder.Step]:
        """Prepare the steps of a search."""
        linears = {**self._linears(), **_readout_linears(readout)}
        project = _pop_projection(linears)
        encoder_states, slices = _precompute_contexts(encoder_states, linears)
        products = _multiplier(linears, slices)

        def step(embedded: tf.Tensor, state: tf.Tensor, encoder_states: Any) -> Any:
            def multiply(x: tf.Tensor, name: str) -> Any:
                return x @ encoder_states.states if name == "encoder_states" else products(x, name)

            projected, constants = project(embedded), self._constants(encoder_states)
            state, (context, weights) = self._step(
                multiply, [projected], state, constants, encoder_states.mask, [None] * self.cells
            )
            if self.readout is not None:
                return self.split(state)[1], state, weights
            of_embedding, output = projected[:, 3 * self.units :], self.output(state)
            return _read_out(readout, multiply, output, context, of_embedding), state, weights

        return encoder_states, step

    def _step(
        self,
        multiply: Multiply,
        inputs: Sequence[tf.Tensor],
        state: tf.Tensor,
        constants: Sequence[tf.Tensor],
        mask: tf.Tensor,
        noise: Sequence[tf.Tensor | None],
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """`nmt.model.stacked.StackedDecoder.step`, in the form that `scan` takes.

        `inputs` are the products of the embeddings, and the noise of a readout that is fed back.
        """
        (s, *upper), readout = self.split(state)
        projected = inputs[0][:, : 3 * self.units]
        if self.readout is not None:
            projected += multiply(readout, "first/fed")
        query = drop_units(s, noise[0])
        if self.second is not None:
            s = gru(projected, multiply(query, "first/state"), s)
            query = drop_units(s, noise[1])
        if constants:
            keys, v_a = constants
            weights = differentiable_weights(multiply(query, "query"), keys, mask, v_a)
            context = multiply(tf.cast(weights, query.dtype), "encoder_states")
            context = tf.reshape(context, [-1, context.shape[-1]])  # (batch · beams, width)
        else:
            context, batch = query[:, :0], tf.shape(mask)[0]
            weights = tf.zeros([batch, tf.shape(query)[0] // batch, 0])
        if self.second is not None:
            projected = multiply(context, "second/context")
        elif constants:
            projected += multiply(context, "first/context")
        last = "first" if self.second is None else "second"
        s = gru(projected, multiply(query, f"{last}/state"), s)
        layers, output = [s], s
        for cell, before, cell_noise in zip(
            self.upper, upper, noise[self.cells - len(upper) :], strict=True
        ):
            entering = multiply(output, f"{cell.name}/below")
            recurrent = multiply(drop_units(before, cell_noise), f"{cell.name}/state")
            layers.append(gru(entering, recurrent, before))
            output += layers[-1]
        if self.readout is not None:
            of_embedding = inputs[0][:, 3 * self.units :]
            readout = _read_out(self.readout, multiply, output, context, of_embedding)
            readout = drop_units(readout, *inputs[1:] or [None])
        return tf.concat([*layers, readout], -1), (context, weights)


def _cell_linears(cell: GRUCell, first: str, *others: str) -> dict[str, Linear]:
    """The weights of a cell's products, named ``cell/part``; the first part has the bias."""
    bias = tf.convert_to_tensor(cell.bias)
    biases, linears = {first: bias[0], "state": bias[1]}, {}
    for part in (first, *others, "state"):
        kernel, gain = cell.kernels.get(part), cell.gains.get(part)
        linears[f"{cell.name}/{part}"] = Linear(
            tf.zeros([0, bias.shape[-1]], bias.dtype)
            if kernel is None
            else tf.convert_to_tensor(kernel),
            biases.get(part),
            None if gain is None else tf.convert_to_tensor(gain),
        )
    return linears


def _readout_linears(readout: Readout) -> dict[str, Linear]:
    """The weights of the products that `_read_out` adds up."""
    names = "readout/output", "readout/context", "readout/embedding"
    kernels = tf.split(tf.convert_to_tensor(readout.kernel), readout.sizes)
    biases = tf.convert_to_tensor(readout.bias), None, None
    linears = zip(names, map(Linear, kernels, biases), strict=True)
    return {name: linear for name, linear in linears if linear.kernel.shape[0]}


def _read_out(
    readout: Readout,
    multiply: Multiply,
    output: tf.Tensor,
    context: tf.Tensor,
    of_embedding: tf.Tensor | None,
) -> tf.Tensor:
    """`Readout.read`, where the embedding's product is precomputed."""
    value = multiply(output, "readout/output")
    if readout.sizes[1]:
        value += multiply(context, "readout/context")
    if readout.deep:
        value += of_embedding
    return readout.activation(value)


def _pop_projection(linears: dict[str, Linear]) -> Product:
    """Take the products with embeddings out of these: (…, embedding_dim) → (…, all columns)."""
    names = [name for name in linears if name.endswith("/embedding")]
    products = [linears.pop(name).pad() for name in names]

    def project(embedded: tf.Tensor) -> tf.Tensor:
        rows = tf.reshape(embedded, [-1, embedded.shape[-1]])
        projected = tf.concat([product(rows) for product in products], -1)
        shape = [*tf.unstack(tf.shape(embedded)[:-1]), projected.shape[-1]]
        return tf.reshape(projected, shape)

    return project


def _precompute_contexts(
    encoder_states: EncoderStates, linears: Mapping[str, Linear]
) -> tuple[EncoderStates, dict[str, Product]]:
    """Encoder states times the kernels that contexts meet, and where each product is in them."""
    kernels = {name: linear.kernel for name, linear in linears.items() if "/context" in name}
    kernels = {name: kernel for name, kernel in kernels.items() if kernel.shape[0]}
    if not kernels:
        return encoder_states, {}
    states, slices = precompute(encoder_states.states, list(kernels.values()))
    return encoder_states._replace(states=states), dict(zip(kernels, slices, strict=True))


def _multiplier(linears: Mapping[str, Linear], slices: Mapping[str, Product]) -> Multiply:
    """The products of a search's steps; to be made outside of their loop."""
    products = {name: linear.pad(slices.get(name)) for name, linear in linears.items()}
    return lambda x, name: products[name](x)
