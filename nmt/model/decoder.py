"""The attention decoder: a GRU that looks at the source before every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.model.attention import BahdanauAttention
from nmt.model.dropout import state_noise
from nmt.model.products import Columns, ahead
from nmt.model.recurrence import Kernels, decoder_step, teacher_forced


class Memory(NamedTuple):
    """What the decoder looks at; computed once a sentence.

    Attributes:
        values: what the contexts are sums of, shape (batch, source, width): the encoder outputs,
            of `memory_dim`, or what `AttentionDecoder.look_ahead` makes of them.
        keys: their projection for the attention, shape (batch, source, attention_units).
        mask: 1 for real positions, 0 for padding, float, shape (batch, source).
    """

    values: tf.Tensor
    keys: tf.Tensor
    mask: tf.Tensor


class AttentionDecoder(keras.layers.Layer):
    """A GRU fed with the embedding of the word before and the attention's context.

    One step is c_i = attend(s_{i-1}, h); s_i = GRU(s_{i-1}, [y_{i-1}; c_i]), with the gates of
    ``keras.layers.GRUCell(reset_after=True)``. The input kernel is kept in two parts, so that
    the embeddings of a whole known sentence are projected in one product before the loop.

    Args:
        units: GRU units.
        attention_units: size of the attention's hidden layer; None is chapter 11's decoder,
            which sees the source through its first state alone.
        state_dropout: rate of `nmt.model.dropout.state_noise` in training.
    """

    def __init__(
        self, units: int, attention_units: int | None, state_dropout: float = 0.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.state_dropout = units, state_dropout
        self.state_size = units
        self.attention = (
            BahdanauAttention(attention_units, name="attention", dtype=self.dtype_policy)
            if attention_units
            else None
        )

    def build(self, embedding_dim: int, memory_dim: int) -> None:
        """Create the weights for embeddings and encoder outputs of these sizes."""
        gates, glorot = 3 * self.units, keras.initializers.GlorotUniform
        self.kernel = self.add_weight(
            name="kernel", shape=(embedding_dim, gates), initializer=glorot()
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, gates), initializer="orthogonal"
        )
        self.bias = self.add_weight(name="bias", shape=(2, gates), initializer="zeros")
        if self.attention is not None:
            self.context_kernel = self.add_weight(
                name="context_kernel", shape=(memory_dim, gates), initializer=glorot()
            )
            self.attention.build(self.units, memory_dim)
        self.built = True

    def remember(self, outputs: tf.Tensor, mask: tf.Tensor) -> Memory:
        """Prepare encoder outputs, shape (batch, source, memory_dim), for the steps."""
        keys = self.attention.keys(outputs) if self.attention is not None else outputs[..., :0]
        return Memory(outputs, keys, mask)

    def project(self, embedded: tf.Tensor) -> tf.Tensor:
        """The embeddings' part of the gates: (…, embedding_dim) → (…, 3 · units)."""
        return tf.tensordot(embedded, tf.convert_to_tensor(self.kernel), 1) + self.bias[0]

    def output(self, states: tf.Tensor) -> tf.Tensor:
        """What the readout sees of the states: (…, state_size) → (…, units)."""
        return states

    def kernels(self) -> Any:
        """The weights of the recurrence."""
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

    def look_ahead(
        self, memory: Memory, further: Sequence[tf.Tensor] = ()
    ) -> tuple[Memory, Any, list[Columns]]:
        """Prepare `step`; to be called once a batch, outside its loop.

        A product with a context, (Σ α_j h_j) W, is Σ α_j (h_j W). So the encoder outputs are
        multiplied beforehand with all that the contexts would meet at every step in every beam,
        and the contexts become these products, side by side.

        Args:
            memory: of `remember`.
            further: matrices that the contexts meet outside the decoder, shape
                (memory_dim, columns) each.

        Returns:
            The memory and the kernels for `step`, and where the products with `further` stand in
            its contexts. Without attention there are no contexts and no such places.
        """
        kernels = self.kernels()
        if self.attention is None:
            return memory, kernels.prepared(), []
        values, (own, *places) = ahead(memory.values, [kernels.context, *further])
        return memory._replace(values=values), kernels.prepared(own), places

    def step(
        self, projected: tf.Tensor, state: tf.Tensor, memory: Memory, kernels: Any
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recurrence.

        Args:
            projected: `project` of the embeddings of the words before, shape
                (batch · beams, 3 · units).
            state: s_{i-1}, shape (batch · beams, units).
            memory: of `look_ahead`; the beams of one sentence stand together.
            kernels: of `look_ahead`, too.

        Returns:
            s_i, shape (batch · beams, units); the contexts, shape (batch · beams, width),
            without attention (batch · beams, 0); the attention weights, shape
            (batch, beams, source), without attention (batch, beams, 0).
        """
        return decoder_step(projected, state, *memory, kernels)[:3]

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        memory: Memory,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """All steps over known words (teacher forcing).

        Args:
            embedded: embeddings of the words before, shape (batch, target, embedding_dim).
            state: the first state, shape (batch, units).
            memory: of the batch's sentences.
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            States, shape (batch, target, units); contexts, shape (batch, target, memory_dim or
            0); attention weights, shape (batch, target, source or 0).
        """
        projected = self.project(tf.transpose(embedded, [1, 0, 2]))
        noise = state_noise(state, self.state_dropout, seed, 7)
        results = teacher_forced(projected, state, *memory, noise, *self.kernels())
        states, contexts, weights = (tf.transpose(value, [1, 0, 2]) for value in results)
        return states, contexts, weights
