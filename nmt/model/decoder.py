"""The attention decoder of Bahdanau et al.: a GRU that attends to the source before every step; the
readout of its states; and the probabilities of the next words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.model.attention import BahdanauAttention
from nmt.model.layers import drop_units, dropout, gru, state_noise
from nmt.settings import DropoutRates, ModelSettings

BLOCK = 64  # the likeliest words are looked for in blocks of this many


class EncoderStates(NamedTuple):
    """What the decoder attends to; computed once per sentence.

    Attributes:
        states: the encoder states h, shape (batch, source, encoder_dim), or what
            `AttentionDecoder.precompute` makes of them.
        keys: their projection, shape (batch, source, attention_units), without attention
            (batch, source, 0).
        mask: 1 for real positions, 0 for padding, float, shape (batch, source).
    """

    states: tf.Tensor
    keys: tf.Tensor
    mask: tf.Tensor

    def without_padding(self, weights: tf.Tensor) -> tf.Tensor:
        """Attention weights, (batch, …, source), with zeros for padding even where that is all."""
        return weights * tf.expand_dims(tf.cast(self.mask, tf.float32), 1)


class AttentionDecoder(keras.layers.Layer):
    """A GRU over the embedding of the previous word and the attention's context.

    One step is c_i = attend(s_{i-1}, h); s_i = GRU(s_{i-1}, [y_{i-1}; c_i]) (Bahdanau et al. 2015,
    section 3.1). Without attention there is no c_i, and the decoder sees the source through its
    first state alone (Sutskever et al. 2014).

    Args:
        settings: the architecture.
        rates: dropout in training.
    """

    cells = 1  # GRU cells
    readout_size = 0  # of a readout that is fed back and so a part of the state

    def __init__(
        self, settings: ModelSettings, rates: DropoutRates = DropoutRates(), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = settings.decoder_units
        self.rates = rates
        self.attention = None
        if settings.attention != "none":
            units, dtype = settings.attention_units, self.dtype_policy
            self.attention = BahdanauAttention(units, name="attention", dtype=dtype)

    def build(self, embedding_dim: int, encoder_dim: int) -> None:
        """Create the weights for embeddings and encoder states of these sizes."""
        add, gates = self.add_weight, 3 * self.units
        self.kernel = add((embedding_dim, gates), "glorot_uniform", name="kernel")
        self.recurrent_kernel = add((self.units, gates), "orthogonal", name="recurrent_kernel")
        self.bias = add((2, gates), "zeros", name="bias")
        if self.attention is not None:
            self.context_kernel = add((encoder_dim, gates), "glorot_uniform", name="context_kernel")
            self.attention.build(self.units, encoder_dim)
        self.built = True

    def prepare(self, states: tf.Tensor, mask: tf.Tensor) -> EncoderStates:
        """Project encoder states, shape (batch, source, encoder_dim), once for all steps."""
        keys = self.attention.keys(states) if self.attention is not None else states[..., :0]
        return EncoderStates(states, keys, mask)

    def output(self, state: tf.Tensor) -> tf.Tensor:
        """What the readout sees of the state: (…, state_size) → (…, units)."""
        return state

    def attend(
        self, query: tf.Tensor, encoder_states: EncoderStates
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Contexts and attention weights; see `step`."""
        if self.attention is not None:
            return self.attention(query, *encoder_states)
        batch = tf.shape(encoder_states.mask)[0]
        return query[:, :0], tf.zeros([batch, tf.shape(query)[0] // batch, 0])

    def step(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        noise: Sequence[tf.Tensor | None] = (None,),
        readout_noise: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recurrence.

        Args:
            embedded: embeddings of the previous words, shape (batch · beams, embedding_dim).
            state: s_{i-1}, shape (batch · beams, state_size); a sentence's beams are adjacent.
            encoder_states: of `prepare`.
            noise: of `nmt.model.layers.state_noise`, for each cell.
            readout_noise: factors of a readout that is fed back, shape (batch, readout_size).

        Returns:
            s_i, shape (batch · beams, state_size); contexts c_i, shape
            (batch · beams, encoder_dim or 0); attention weights, shape (batch, beams, source or 0).
        """
        query = drop_units(state, noise[0])
        context, weights = self.attend(query, encoder_states)
        entering = tf.matmul(embedded, self.kernel) + self.bias[0]
        if self.attention is not None:
            entering += tf.matmul(context, self.context_kernel)
        recurrent = tf.matmul(query, self.recurrent_kernel) + self.bias[1]
        return gru(entering, recurrent, state), context, weights

    def call(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """All steps over known words (teacher forcing).

        Args:
            embedded: embeddings of the previous words, shape (batch, target, embedding_dim).
            state: the first state, shape (batch, state_size).
            encoder_states: of the batch's sentences.
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            States, shape (batch, target, state_size); contexts, shape
            (batch, target, encoder_dim or 0); attention weights, (batch, target, source or 0).
        """
        noise = self.state_noise(state, seed)

        def step(before: Any, inputs: Any) -> Any:
            embedded, readout_noise = inputs
            return self.step(embedded, before[0], encoder_states, noise, readout_noise)

        context, weights = self.attend(state[:, : self.units], encoder_states)
        first = state, tf.zeros_like(context), tf.zeros_like(weights)
        inputs = [embedded, self.readout_noise(embedded, seed)]
        inputs = [tf.transpose(values, [1, 0, 2]) for values in inputs]  # (target, batch, …)
        states, contexts, weights = tf.scan(step, inputs, first)
        states, contexts = (tf.transpose(values, [1, 0, 2]) for values in (states, contexts))
        return states, contexts, tf.transpose(weights[:, :, 0], [1, 0, 2])

    def state_noise(self, state: tf.Tensor, seed: tf.Tensor | None) -> list[tf.Tensor | None]:
        """Dropout of each cell's state, the same at all steps."""
        state, rate = state[:, : self.units], self.rates.state
        return [state_noise(state, rate, seed, 7 + number) for number in range(self.cells)]

    def readout_noise(self, embedded: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        """Dropout of a readout that is fed back, shape (batch, target, readout_size)."""
        ones = tf.ones([*tf.unstack(tf.shape(embedded)[:2]), self.readout_size], embedded.dtype)
        return dropout(ones, self.rates.readout, seed, 4)

    def precompute(self, encoder_states: EncoderStates, readout: Readout) -> EncoderStates:
        """The encoder states for the steps of a search, once per batch.

        Args:
            encoder_states: of `prepare`.
            readout: of the model.
        """
        return encoder_states

    def search_step(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        readout: Readout,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of a search.

        Args:
            embedded: see `step`.
            state: see `step`.
            encoder_states: of `precompute`.
            readout: of the model.

        Returns:
            Readouts, shape (batch · beams, readout_units); the next states; attention weights,
            shape (batch, beams, source or 0).
        """
        state, context, weights = self.step(embedded, state, encoder_states)
        return self.read_out(readout, state, context, embedded), state, weights

    def read_out(
        self, readout: Readout, state: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor
    ) -> tf.Tensor:
        """The layer before the softmax: (…, state_size) and so on → (…, readout_units)."""
        return readout.read(self.output(state), context, embedded)


class Readout(keras.layers.Dense):
    """What the softmax sees: the decoder's output, and if deep also context and embedding.

    The deep output of Bahdanau et al. 2015 (appendix A.2.2), without maxout.

    Args:
        settings: the architecture.
    """

    def __init__(self, settings: ModelSettings, **kwargs: Any) -> None:
        super().__init__(settings.readout_units, settings.readout_activation, **kwargs)
        self.deep = settings.readout == "deep"

    def build(self, output_dim: int, context_dim: int, embedding_dim: int) -> None:
        """Create the weights for inputs of these sizes."""
        self.sizes = [output_dim, context_dim * self.deep, embedding_dim * self.deep]
        super().build((None, sum(self.sizes)))

    def read(self, output: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """φ(o W + b), or if deep φ([o; c; y] W + b): (…, output_dim) and so on → (…, units)."""
        return self(tf.concat([output, context, embedded], -1) if self.deep else output)


def log_probabilities(readouts: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Of words as the next one, in nats: float32, shape (batch · beams, words).

    The product is in the precision of the readouts.

    Args:
        readouts: shape (batch · beams, readout_units).
        kernel: the output projection, shape (readout_units, words).
        bias: its bias, float32, shape (1, words), or (batch, words) where each sentence has its
            own.
    """
    scores = tf.cast(tf.matmul(readouts, kernel), tf.float32)
    words = tf.shape(kernel)[1]
    scores = tf.reshape(scores, [tf.shape(bias)[0], -1, words]) + bias[:, tf.newaxis]
    return tf.nn.log_softmax(tf.reshape(scores, [-1, words]))


def likeliest(
    log_probabilities: tf.Tensor, live: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The k best continuations of each sentence over all its hypotheses.

    They are in the k blocks of words with the best maxima, so only those are searched: on a CPU
    more than ten times as fast as ``tf.math.top_k`` over whole vocabularies.

    Args:
        log_probabilities: of a multiple of `BLOCK` words, shape (batch · beams, words).
        live: of the hypotheses, shape (batch, beams).
        k: at most the number of beams times words.

    Returns:
        Log-probabilities with the word, best first; the beams, int32; the columns of the words,
        int32; shape (batch, k) each.
    """
    batch, beams = tf.unstack(tf.shape(live))
    count = tf.shape(log_probabilities)[1] // BLOCK  # blocks of a beam
    blocks = tf.reshape(log_probabilities, [batch, beams * count, BLOCK])
    greatest = tf.reshape(tf.reduce_max(blocks, -1), [batch, beams, count])
    greatest = tf.reshape(greatest + tf.expand_dims(live, -1), [batch, -1])
    _, best = tf.math.top_k(greatest, tf.minimum(k, beams * count))
    offsets = tf.gather(live, best // count, batch_dims=1)
    scores = tf.gather(blocks, best, batch_dims=1) + tf.expand_dims(offsets, -1)
    values, places = tf.math.top_k(tf.reshape(scores, [batch, -1]), k)
    block = tf.gather(best, places // BLOCK, batch_dims=1)
    return values, block // count, block % count * BLOCK + places % BLOCK
