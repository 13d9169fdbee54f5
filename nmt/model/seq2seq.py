"""The whole model: encoder, bridge, attention decoder, readout and output projection."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.model.decoder import AttentionDecoder, Memory
from nmt.model.dropout import dropout
from nmt.model.embedding import ScaledEmbedding
from nmt.model.encoder import Encoder
from nmt.model.readout import Readout
from nmt.model.shortlist import BLOCK, NEVER, Shortlist
from nmt.model.stacked import StackedDecoder, is_plain
from nmt.settings import DropoutRates, ModelSettings, check_sizes


class Decoding(NamedTuple):
    """What stays the same over the steps of a recursive decoding; made once a batch.

    Attributes:
        memory: what the decoder looks at.
        kernels: the decoder's weights.
        read: the readout; None where it is a part of the decoder.
        words: the ids whose logits are computed, shape (words,); a multiple of `BLOCK`, with
            zeros behind.
        matrix: the output projection to them, shape (readout_units, words). Transposed once: a
            product with a transposed right side is three times slower on a CPU.
        bias: its bias, float32, shape (words,); `NEVER` for banned words and the zeros behind.
        allowed: with a shortlist the bias of the words that a sentence may use, and `NEVER` for
            others, float32, shape (batch, beams, words); without one (batch, beams, 0).
    """

    memory: Memory
    kernels: Any
    read: Any
    words: tf.Tensor
    matrix: tf.Tensor
    bias: tf.Tensor
    allowed: tf.Tensor


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
    ) -> None:
        super().__init__(name="seq2seq", dtype=dtype)
        check_sizes(settings)
        self.settings, self.target_size, self.rates = settings, target_size, rates
        width, memory_dim = settings.embedding_dim, 2 * settings.encoder_units
        self.attends = attends = settings.attention != "none"
        three_way = settings.tie_embeddings == "three-way"
        if three_way and source_size != target_size:
            raise UnusableInput(
                "model.tie_embeddings=three-way needs one vocabulary of both languages "
                f"(source {source_size} ≠ target {target_size} entries); prepare the corpus with "
                "--joint-vocabulary"
            )
        embedding = ScaledEmbedding(source_size, width, name="embedding", dtype=dtype)
        self.encoder = Encoder(
            embedding,
            settings.encoder_units,
            rates,
            settings.encoder_layers,
            settings.layer_norm,
            name="encoder",
            dtype=dtype,
        )
        self.encoder.build()
        self.bridge = None
        if settings.bridge != "concat":
            self.bridge = keras.layers.Dense(
                settings.decoder_units * settings.decoder_layers,
                activation="tanh",
                name="bridge",
                dtype=dtype,
            )
            self.bridge.build((None, memory_dim))
        self.embedding = (
            embedding
            if three_way
            else ScaledEmbedding(target_size, width, name="target_embedding", dtype=dtype)
        )
        if is_plain(settings):
            self.decoder = AttentionDecoder(
                settings.decoder_units,
                settings.attention_units if attends else None,
                rates.state,
                name="decoder",
                dtype=dtype,
            )
        else:
            self.decoder = StackedDecoder(settings, rates, name="decoder", dtype=dtype)
        self.decoder.build(width, memory_dim)
        if settings.input_feeding:
            self.readout = self.decoder.readout
        else:
            self.readout = Readout(
                settings.readout_units,
                settings.readout_activation,
                settings.readout == "deep",
                name="readout",
                dtype=dtype,
            )
            context = memory_dim if attends else 0
            self.readout.build(settings.decoder_units, context, width)
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
            (batch, state_size).
        """
        outputs, seen, mask = self.encoder(source, seed=seed)
        if self.settings.bridge == "mean":
            total = tf.einsum("bsd,bs->bd", outputs, tf.cast(mask, outputs.dtype))
            length = tf.maximum(tf.reduce_sum(mask, 1, keepdims=True), 1.0)
            seen = total / tf.cast(length, outputs.dtype)
        state = seen if self.bridge is None else self.bridge(seen)
        if missing := self.decoder.state_size - state.shape[-1]:  # these parts begin with zeros
            state = tf.pad(state, [[0, 0], [0, missing]])
        return self.decoder.remember(outputs, mask), state

    def read_out(
        self,
        states: tf.Tensor,
        contexts: tf.Tensor,
        embedded: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The layer before the softmax: (…, state_size) and so on → (…, readout_units)."""
        if self.settings.input_feeding:
            return self.decoder.fed(states)  # found on the way
        features = self.readout.read(self.decoder.output(states), contexts, embedded)
        return dropout(features, self.rates.readout, seed, 4)

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
        embedded = dropout(self.embedding(target_inputs), self.rates.target_embedding, seed, 3)
        states, contexts, weights = self.decoder(embedded, state, memory, seed)
        return self.read_out(states, contexts, embedded, seed), weights

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Teacher-forced logits, shape (batch, target, target_size), and attention weights."""
        features, weights = self.features(*inputs, seed=seed)
        shape = tf.shape(features)
        logits = self.project(tf.reshape(features, [-1, features.shape[-1]]))
        return tf.reshape(logits, [shape[0], shape[1], self.target_size]), weights

    def begin(
        self,
        source: tf.Tensor,
        banned: tuple[int, ...] = (),
        shortlist: Shortlist | None = None,
        beams: int = 1,
    ) -> tuple[Decoding, tf.Tensor]:
        """Prepare the recursive decoding of source ids, shape (batch, source).

        Args:
            source: ids that end with EOS, padded with 0.
            banned: ids that get no probability.
            shortlist: which words each source word allows; None is all words.
            beams: hypotheses of each sentence that `step` will be given.

        Returns:
            What stays the same over its steps, and the first state, shape
            (batch, state_size).
        """
        memory, state = self.encode(source)
        memory, kernels, read = self._look_ahead(memory)
        offered = self._offer(source, banned, shortlist, beams)
        return Decoding(memory, kernels, read, *offered), state

    def _look_ahead(self, memory: Memory) -> tuple[Memory, Any, Any]:
        """`Decoding`'s memory, kernels and readout."""
        if self.settings.input_feeding:
            memory, kernels, _ = self.decoder.look_ahead(memory)
            return memory, kernels, None
        further = [self.readout.linears()[1].kernel] if self.readout.sees_context else []
        memory, kernels, places = self.decoder.look_ahead(memory, further)
        return memory, kernels, self.readout.prepared(places[0] if places else None)

    def _offer(
        self, source: tf.Tensor, banned: tuple[int, ...], shortlist: Shortlist | None, beams: int
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """`Decoding`'s words, with matrix and bias, and which of them are allowed."""
        ban = tf.reduce_sum(
            tf.one_hot(tf.constant(banned, tf.int32), self.target_size, NEVER, 0.0), 0
        )
        bias = tf.cast(self.output_bias, tf.float32) + ban
        matrix, axis = self.output_kernel, 1
        if matrix is None:
            matrix, axis = self.embedding.embeddings, 0
        matrix = tf.convert_to_tensor(matrix)
        if shortlist is None:
            allowed = tf.zeros([tf.shape(source)[0], beams, 0])
            words, behind = tf.range(self.target_size), [0, -self.target_size % BLOCK]
            if behind[1]:
                words = tf.pad(words, [behind])
                bias = tf.pad(bias, [behind], constant_values=NEVER)
                matrix = tf.pad(matrix, [[0, 0], behind] if axis else [behind, [0, 0]])
        else:
            words, allowed = shortlist.select(source, self.target_size)
            bias = tf.gather(bias, words)
            allowed = tf.repeat((allowed + bias)[:, tf.newaxis], beams, 1)
            matrix = tf.gather(matrix, words, axis=axis)
        return words, matrix if axis else tf.transpose(matrix), bias, allowed

    def step(
        self, words: tf.Tensor, state: tf.Tensor, decoding: Decoding
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recursive decoder.

        Args:
            words: ids of the words before, shape (batch · beams,).
            state: decoder states, shape (batch · beams, state_size).
            decoding: from `begin`.

        Returns:
            Logits of `decoding.words` as the next word, float32, shape (batch · beams, words);
            the next states; the attention weights, shape (batch, beams, source).
        """
        embedded = self.embedding(words)
        projected = self.decoder.project(embedded)
        state, context, weights = self.decoder.step(
            projected, state, decoding.memory, decoding.kernels
        )
        if decoding.read is None:
            features = self.decoder.fed(state)
        else:
            features = decoding.read(self.decoder.output(state), context, embedded)
        logits = tf.cast(tf.matmul(features, decoding.matrix), tf.float32)
        if decoding.allowed.shape[-1] == 0:
            return logits + decoding.bias, state, weights
        own = tf.reshape(logits, tf.shape(decoding.allowed)) + decoding.allowed
        return tf.reshape(own, [-1, tf.shape(own)[-1]]), state, weights
