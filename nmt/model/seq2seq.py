"""The whole model: encoder, bridge, attention decoder, readout and output projection."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.model import fast
from nmt.model.decoder import AttentionDecoder, EncoderStates, Readout
from nmt.model.encoder import BidirectionalGRU, Encoder
from nmt.model.layers import ScaledEmbedding, dropout
from nmt.model.stacked import StackedDecoder, is_stacked
from nmt.settings import DropoutRates, ModelSettings, check_sizes


class Seq2Seq(keras.Model):
    """An encoder–decoder with attention (or, by its settings, without).

    Its inputs are ids, padded on the right with 0: sources end with EOS, target inputs begin
    with BOS. Built when constructed, so weights can be loaded at once.

    Args:
        settings: the architecture.
        source_size: entries of the source vocabulary.
        target_size: entries of the target vocabulary.
        rates: dropout in training.
        dtype: the policy of all layers, whatever Keras's global one is: weights are float32, and
            with ``mixed_bfloat16`` or ``mixed_float16`` products in half precision.
        optimized: whether the recurrences are those of `nmt.model.fast`, which compute the same
            with the same weights.

    Raises:
        UnusableInput: sizes that do not fit together, or two vocabularies where
            `tie_embeddings` needs one.
    """

    def __init__(
        self,
        settings: ModelSettings,
        source_size: int,
        target_size: int,
        rates: DropoutRates = DropoutRates(),
        dtype: str = "float32",
        optimized: bool = True,
    ) -> None:
        super().__init__(name="seq2seq", dtype=dtype)
        check_sizes(settings)
        self.settings, self.target_size, self.rates = settings, target_size, rates
        self.attends = settings.attention != "none"
        width, encoder_dim = settings.embedding_dim, 2 * settings.encoder_units
        three_way = settings.tie_embeddings == "three-way"
        if three_way and source_size != target_size:
            raise UnusableInput(
                "model.tie_embeddings=three-way needs one vocabulary of both languages "
                f"(source {source_size} ≠ target {target_size} entries); prepare the corpus with "
                "--joint-vocabulary"
            )
        # The one place that chooses between the layers of the papers and the fast ones.
        plain = BidirectionalGRU, AttentionDecoder, StackedDecoder
        gru, *decoders = fast.LAYERS if optimized else plain

        embedding = ScaledEmbedding(source_size, width, name="embedding", dtype=dtype)
        self.encoder = Encoder(embedding, settings, rates, gru, name="encoder", dtype=dtype)
        self.encoder.build()
        self.bridge = None
        if settings.bridge != "concat":
            units = settings.decoder_units * settings.decoder_layers
            self.bridge = keras.layers.Dense(units, "tanh", name="bridge", dtype=dtype)
            self.bridge.build((None, encoder_dim))
        self.embedding = embedding
        if not three_way:
            name = "target_embedding"
            self.embedding = ScaledEmbedding(target_size, width, name=name, dtype=dtype)
        decoder = decoders[is_stacked(settings)]
        self.decoder = decoder(settings, rates, name="decoder", dtype=dtype)
        self.decoder.build(width, encoder_dim)
        if settings.input_feeding:
            self.readout = self.decoder.readout
        else:
            self.readout = Readout(settings, name="readout", dtype=dtype)
            self.readout.build(settings.decoder_units, encoder_dim * self.attends, width)
        self.output_bias = self.add_weight((target_size,), "zeros", name="output_bias")
        self.output_kernel = None
        if not settings.tie_embeddings:
            shape = settings.readout_units, target_size
            self.output_kernel = self.add_weight(shape, "glorot_uniform", name="output_kernel")
        self.built = True

    def encode(
        self, source: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[EncoderStates, tf.Tensor]:
        """Encode source ids, shape (batch, source).

        Returns:
            What the decoder attends to, and its first state, shape (batch, state_size).
        """
        states, final, mask = self.encoder(source, seed=seed)
        if self.settings.bridge == "mean":
            total = tf.einsum("bsd,bs->bd", states, tf.cast(mask, states.dtype))
            length = tf.maximum(tf.reduce_sum(mask, 1, keepdims=True), 1.0)
            final = total / tf.cast(length, states.dtype)
        state = final if self.bridge is None else self.bridge(final)
        if missing := self.decoder.state_size - state.shape[-1]:  # these parts begin with zeros
            state = tf.pad(state, [[0, 0], [0, missing]])
        return self.decoder.prepare(states, mask), state

    def call(
        self, source: tf.Tensor, target_inputs: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Run teacher-forced up to the layer before the softmax; `logits` does the rest.

        This is what trains. The loss computes logits of the real target tokens only.

        Args:
            source: ids, shape (batch, source).
            target_inputs: ids that begin with BOS, shape (batch, target).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            Readouts, shape (batch, target, readout_units), and attention weights, float32, shape
            (batch, target, source), without attention (batch, target, 0).
        """
        encoder_states, state = self.encode(source, seed)
        embedded = dropout(self.embedding(target_inputs), self.rates.target_embedding, seed, 3)
        states, contexts, weights = self.decoder(embedded, state, encoder_states, seed)
        readouts = self.decoder.read_out(self.readout, states, contexts, embedded)
        if not self.settings.input_feeding:  # there the decoder has done so at every step
            readouts = dropout(readouts, self.rates.readout, seed, 4)
        return readouts, weights

    def logits(self, readouts: tf.Tensor) -> tf.Tensor:
        """Scores of all words: (rows, readout_units) → float32 (rows, target_size).

        The product is in the precision of the readouts.
        """
        tied = self.output_kernel is None
        kernel = self.embedding.embeddings if tied else self.output_kernel
        scores = tf.matmul(readouts, tf.cast(kernel, readouts.dtype), transpose_b=tied)
        return tf.cast(scores, tf.float32) + self.output_bias

    def begin(self, source: tf.Tensor) -> tuple[EncoderStates, tf.Tensor]:
        """Prepare the recursive decoding of source ids, shape (batch, source).

        Returns:
            What `search_step` needs of the sentences, each tensor with the batch as its first
            dimension; and the first states, shape (batch, state_size).
        """
        encoder_states, state = self.encode(source)
        return self.decoder.precompute(encoder_states, self.readout), state

    def search_step(
        self, words: tf.Tensor, state: tf.Tensor, sentences: EncoderStates
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of a recursive decoding.

        Args:
            words: ids of the previous words, shape (batch · beams,).
            state: the states before, shape (batch · beams, state_size).
            sentences: of `begin`.

        Returns:
            Readouts, shape (batch · beams, readout_units); the next states; attention weights,
            float32, shape (batch, beams, source or 0).
        """
        embedded = self.embedding(words)
        return self.decoder.search_step(embedded, state, sentences, self.readout)

    def output_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The output projection, shape (readout_units, target_size), and its bias, (target_size,).

        As copies, for many products: one with a transposed right side takes three times as long on
        a CPU.
        """
        if self.output_kernel is None:
            return tf.transpose(self.embedding.embeddings), tf.convert_to_tensor(self.output_bias)
        return tf.convert_to_tensor(self.output_kernel), tf.convert_to_tensor(self.output_bias)
