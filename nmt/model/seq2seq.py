"""The whole model: encoder, bridge, attention decoder, readout and output projection."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.decoder import AttentionDecoder, Memory
from nmt.model.dropout import dropout
from nmt.model.embedding import ScaledEmbedding
from nmt.model.encoder import Encoder
from nmt.settings import ModelSettings, check_sizes


class Seq2Seq(keras.Model):
    """An encoder–decoder with attention (or, by its settings, without).

    Its inputs are ids, padded on the right with 0: sources end with EOS, target inputs begin
    with BOS. Built when constructed, so weights can be loaded at once.

    Args:
        settings: the architecture.
        source_size: entries of the source vocabulary.
        target_size: entries of the target vocabulary.
        rate: dropout in training.

    Raises:
        UnusableInput: sizes that do not fit together.
    """

    def __init__(
        self, settings: ModelSettings, source_size: int, target_size: int, rate: float = 0.0
    ) -> None:
        super().__init__(name="seq2seq")
        check_sizes(settings)
        self.settings, self.target_size, self.rate = settings, target_size, rate
        width, memory_dim = settings.embedding_dim, 2 * settings.encoder_units
        attends = settings.attention != "none"
        self.encoder = Encoder(source_size, width, settings.encoder_units, rate, name="encoder")
        self.encoder.build()
        self.bridge = None
        if settings.bridge == "dense":
            self.bridge = keras.layers.Dense(
                settings.decoder_units, activation="tanh", name="bridge"
            )
            self.bridge.build((None, memory_dim))
        self.embedding = ScaledEmbedding(target_size, width, name="target_embedding")
        self.decoder = AttentionDecoder(
            settings.decoder_units, settings.attention_units if attends else None, name="decoder"
        )
        self.decoder.build(width, memory_dim)
        self.readout = keras.layers.Dense(
            settings.readout_units, activation=settings.readout_activation, name="readout"
        )
        seen = settings.decoder_units
        if settings.readout == "deep":
            seen += width + (memory_dim if attends else 0)
        self.readout.build((None, seen))
        self.output_bias = self.add_weight(
            name="output_bias", shape=(target_size,), initializer="zeros"
        )
        self.output_kernel = None
        if not settings.tie_embeddings:
            self.output_kernel = self.add_weight(
                name="output_kernel",
                shape=(settings.readout_units, target_size),
                initializer="glorot_uniform",
            )
        self.built = True

    def encode(self, source: tf.Tensor, seed: tf.Tensor | None = None) -> tuple[Memory, tf.Tensor]:
        """Encode source ids, shape (batch, source).

        Returns:
            The memory that the decoder looks at, and its first state, shape
            (batch, decoder_units).
        """
        outputs, final, mask = self.encoder(source, seed=seed)
        state = final if self.bridge is None else self.bridge(final)
        return self.decoder.remember(outputs, mask), state

    def read_out(
        self,
        states: tf.Tensor,
        contexts: tf.Tensor,
        embedded: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The layer before the softmax: (…, decoder_units) and so on → (…, readout_units)."""
        seen = states
        if self.settings.readout == "deep":
            seen = tf.concat([states, contexts, embedded], -1)
        return dropout(self.readout(seen), self.rate, seed, 4)

    def project(self, features: tf.Tensor) -> tf.Tensor:
        """Scores of all words: (rows, readout_units) → float32 (rows, target_size)."""
        if self.output_kernel is None:
            matrix = tf.convert_to_tensor(self.embedding.embeddings)
            logits = tf.matmul(features, tf.cast(matrix, features.dtype), transpose_b=True)
        else:
            logits = tf.matmul(features, tf.convert_to_tensor(self.output_kernel))
        return tf.cast(logits, tf.float32) + tf.cast(self.output_bias, tf.float32)

    def features(
        self, source: tf.Tensor, target_inputs: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Run teacher-forced up to the layer before the softmax.

        Args:
            source: ids, shape (batch, source).
            target_inputs: ids that begin with BOS, shape (batch, target).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            Features, shape (batch, target, readout_units), and attention weights, shape
            (batch, target, source), without attention (batch, target, 0).
        """
        memory, state = self.encode(source, seed)
        embedded = dropout(self.embedding(target_inputs), self.rate, seed, 3)
        states, contexts, weights = self.decoder(embedded, state, memory)
        return self.read_out(states, contexts, embedded, seed), weights

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Teacher-forced logits, shape (batch, target, target_size), and attention weights."""
        features, weights = self.features(*inputs, seed=seed)
        shape = tf.shape(features)
        logits = self.project(tf.reshape(features, [-1, features.shape[-1]]))
        return tf.reshape(logits, [shape[0], shape[1], self.target_size]), weights

    def step(
        self, words: tf.Tensor, state: tf.Tensor, memory: Memory
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recursive decoder.

        Args:
            words: ids of the words before, shape (batch · beams,).
            state: decoder states, shape (batch · beams, decoder_units).
            memory: of the batch's sentences.

        Returns:
            Logits of the next words, float32, shape (batch · beams, target_size); the next
            states; the attention weights, shape (batch, beams, source).
        """
        embedded = self.embedding(words)
        state, context, weights = self.decoder.step(self.decoder.project(embedded), state, memory)
        return self.project(self.read_out(state, context, embedded)), state, weights
