"""A decoder put together from GRU cells: conditional, stacked, fed with what it said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from nmt.model.attention import attention_weights, attention_weights_gradient
from nmt.model.cell import GRUCell, gates
from nmt.model.decoder import AttentionDecoder, Memory
from nmt.model.dropout import dropout, dropped, state_noise
from nmt.model.products import Columns, ahead
from nmt.model.readout import Readout
from nmt.model.scan import Linear, Multiply, scan
from nmt.settings import DropoutRates, ModelSettings


def is_plain(settings: ModelSettings) -> bool:
    """Whether `AttentionDecoder` is all that these settings ask for."""
    return (
        settings.decoder == "gru"
        and settings.decoder_layers == 1
        and not settings.layer_norm
        and not settings.input_feeding
    )


class StackedDecoder(AttentionDecoder):
    """All decoders but the plain one; `docs/explanation/model.md` has the equations.

    Its state is one tensor: the states of its layers side by side, and behind them with input
    feeding (Luong, Pham, Manning 2015, arXiv 1508.04025, section 3.3) the readout, which is then
    a part of the decoder.

    Args:
        settings: the architecture.
        rates: dropout in training.
    """

    def __init__(
        self,
        settings: ModelSettings,
        rates: DropoutRates = DropoutRates(),
        **kwargs,
    ) -> None:
        attends = settings.attention != "none"
        super().__init__(
            settings.decoder_units, settings.attention_units if attends else None, **kwargs
        )
        self.rates, self.conditional = rates, settings.decoder == "conditional"
        self.readout = None
        if settings.input_feeding:
            self.readout = Readout(
                settings.readout_units,
                settings.readout_activation,
                settings.readout == "deep",
                name="readout",
                dtype=self.dtype_policy,
            )
        self.fed_units = self.readout.units if self.readout is not None else 0
        self.state_size = self.units * settings.decoder_layers + self.fed_units

        def cell(name: str) -> GRUCell:
            return GRUCell(self.units, settings.layer_norm, name=name, dtype=self.dtype_policy)

        self.first = cell("first")
        self.second = cell("second") if self.conditional else None
        self.upper = [cell(f"upper_{number}") for number in range(2, settings.decoder_layers + 1)]

    def build(self, embedding_dim: int, memory_dim: int) -> None:
        """Create the weights for embeddings and encoder outputs of these sizes."""
        context = memory_dim if self.attention is not None else 0
        parts = {"embedding": embedding_dim, "fed": self.fed_units}
        if self.second is None:
            parts["context"] = context
        else:
            self.second.build({"context": context})
        self.first.build(parts)
        for cell in self.upper:
            cell.build({"below": self.units})
        if self.attention is not None:
            self.attention.build(self.units, memory_dim)
        if self.readout is not None:
            self.readout.build(self.units, context, embedding_dim)
        self.built = True

    def project(self, embedded: tf.Tensor) -> tf.Tensor:
        """The embeddings' part of the gates, and with input feeding of a deep readout.

        (…, embedding_dim) → (…, 3 · units [+ readout_units])
        """
        shape = tf.shape(embedded)[:-1]
        rows = tf.reshape(embedded, [-1, embedded.shape[-1]])
        projected = self.first.linear("embedding")(rows)
        if self.readout is not None and self.readout.deep:
            *_, embedding = self.readout.linears()
            projected = tf.concat([projected, embedding(rows)], -1)
        return tf.reshape(projected, [*tf.unstack(shape), projected.shape[-1]])

    def kernels(self) -> dict[str, Linear]:
        """The weights of the products in a step."""
        fed = ["fed"] if self.fed_units else []
        if self.second is None:
            context = ["context"] if self.attention is not None else []
            linears = self.first.linears(*fed, *context)
        else:
            linears = {**self.first.linears(*fed), **self.second.linears("context")}
        for cell in self.upper:
            linears |= cell.linears("below")
        if self.attention is not None:
            linears["query"] = Linear(tf.convert_to_tensor(self.attention.W_a))
        if self.readout is not None:
            linears["readout"], of_context, _ = self.readout.linears()
            if self.readout.sees_context:
                linears["readout/context"] = of_context
        return linears

    def look_ahead(
        self, memory: Memory, further: Sequence[tf.Tensor] = ()
    ) -> tuple[Memory, dict[str, Callable[[tf.Tensor], tf.Tensor]], list[Columns]]:
        """Prepare `step`; see `AttentionDecoder.look_ahead`."""
        linears = self.kernels()
        if self.attention is None:
            return memory, {name: linear.prepared() for name, linear in linears.items()}, []
        own = [name for name in linears if name.endswith("/context")]
        matrices = [linears[name].kernel for name in own]
        values, places = ahead(memory.values, [*matrices, *further])
        made = dict(zip(own, places, strict=False))
        kernels = {name: linear.prepared(made.get(name)) for name, linear in linears.items()}
        return memory._replace(values=values), kernels, places[len(own) :]

    def output(self, states: tf.Tensor) -> tf.Tensor:
        """The top layer's output: with residual connections, the sum of all layers' states."""
        layers = tf.split(states[..., : self.state_size - self.fed_units], len(self.upper) + 1, -1)
        return tf.add_n(layers)

    def fed(self, states: tf.Tensor) -> tf.Tensor:
        """The readout within the states, shape (…, readout_units)."""
        return states[..., -self.fed_units :]

    def step(
        self,
        projected: tf.Tensor,
        state: tf.Tensor,
        memory: Memory,
        kernels: Mapping[str, Callable[[tf.Tensor], tf.Tensor]],
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recurrence; see `AttentionDecoder.step`."""
        products = {**kernels, "memory": Linear(memory.values).prepared()}
        noise = [state[:, :0]] * self._parts
        state, (context, weights) = self._step(
            lambda x, name: products[name](x), [projected], state, self._constants(memory),
            memory.mask, noise,
        )  # fmt: skip
        return state, context, weights

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        memory: Memory,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """All steps over known words; see `AttentionDecoder.call`."""
        inputs = [self.project(tf.transpose(embedded, [1, 0, 2]))]
        guides = []
        if self.fed_units and seed is not None:
            ones = tf.ones([*tf.unstack(tf.shape(embedded)[:2]), self.fed_units], embedded.dtype)
            guides = [tf.transpose(dropout(ones, self.rates.readout, seed, 4), [1, 0, 2])]
        first = state[:, : self.units]
        noise = [
            state_noise(first, self.rates.state, seed, 7 + part) for part in range(self._parts)
        ]

        def step(multiply, inputs, state, constants):
            return self._step(multiply, inputs, state, constants, memory.mask, noise)

        linears = self.kernels()
        if self.attention is not None:
            linears["memory"] = Linear(memory.values)
        states, contexts, weights = scan(
            step, inputs, guides, state, self._constants(memory), linears,
            [embedded.dtype, tf.float32],
        )  # fmt: skip
        states, contexts = (tf.transpose(value, [1, 0, 2]) for value in (states, contexts))
        return states, contexts, tf.transpose(weights[:, :, 0], [1, 0, 2])

    @property
    def _parts(self) -> int:
        """Number of GRU cells."""
        return 1 + self.conditional + len(self.upper)

    def _constants(self, memory: Memory) -> list[tf.Tensor]:
        if self.attention is None:
            return []
        return [memory.keys, tf.convert_to_tensor(self.attention.v_a)[:, 0]]

    def _step(
        self,
        multiply: Multiply,
        inputs: Sequence[tf.Tensor],
        state: tf.Tensor,
        constants: Sequence[tf.Tensor],
        mask: tf.Tensor,
        noise: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """One step, for `scan` and for decoding.

        Args:
            multiply: makes the products.
            inputs: of `project`, and the dropout's factors of the readout where there are.
            state: shape (batch · beams, state_size).
            constants: keys and `v_a`, or nothing without attention.
            mask: shape (batch, source).
            noise: of `state_noise` for each cell.

        Returns:
            The state after; contexts, shape (batch · beams, width or 0), and attention
            weights, shape (batch, beams, source or 0).
        """
        units = self.units
        below, *others = tf.split(
            state[:, : self.state_size - self.fed_units], len(self.upper) + 1, -1
        )
        projected = inputs[0][:, : 3 * units]
        if self.fed_units:
            projected += multiply(self.fed(state), "first/fed")
        seen = dropped(below, noise[0])
        if self.second is not None:
            below = gates(projected, multiply(seen, "first/state"), below)
            seen = dropped(below, noise[1])
        context, weights = self._look(multiply, seen, constants, mask)
        if self.second is not None:
            entering = multiply(context, "second/context")
            below = gates(entering, multiply(seen, "second/state"), below)
        else:
            if constants:
                projected += multiply(context, "first/context")
            below = gates(projected, multiply(seen, "first/state"), below)
        after = [below]
        for cell, before, factors in zip(
            self.upper, others, noise[1 + self.conditional :], strict=True
        ):
            entering = multiply(below, f"{cell.name}/below")
            recurrent = multiply(dropped(before, factors), f"{cell.name}/state")
            after.append(gates(entering, recurrent, before))
            below += after[-1]
        if self.readout is not None:
            value = multiply(below, "readout")
            if self.readout.sees_context:
                value += multiply(context, "readout/context")
            if self.readout.deep:
                value += inputs[0][:, 3 * units :]
            value = self.readout.activation(value)
            after.append(value * inputs[1] if len(inputs) > 1 else value)
        return tf.concat(after, -1), (context, weights)

    def _look(
        self,
        multiply: Multiply,
        state: tf.Tensor,
        constants: Sequence[tf.Tensor],
        mask: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Contexts and attention weights for a group of states."""
        batch = tf.shape(mask)[0]
        if not constants:
            return state[:, :0], tf.zeros([batch, tf.shape(state)[0] // batch, 0])
        weights = _weights(multiply(state, "query"), constants[0], mask, constants[1])
        context = multiply(tf.cast(weights, state.dtype), "memory")
        return tf.reshape(context, [-1, context.shape[-1]]), weights


@tf.custom_gradient
def _weights(query: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor, v_a: tf.Tensor) -> tf.Tensor:
    """`attention_weights`, with a gradient for one query a sentence."""
    weights, hidden = attention_weights(query, keys, mask, v_a)

    def gradient(pull):
        g_query, g_keys, g_v = attention_weights_gradient(
            pull[:, 0], weights[:, 0], tf.squeeze(hidden, 1), v_a
        )
        return g_query, g_keys, None, g_v

    return weights, gradient
