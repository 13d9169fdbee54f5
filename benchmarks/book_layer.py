"""Training speed beside the book's attention layer (chapter 12), in one process.

The book's model is Keras's bidirectional GRU, `DecoderRNNAttentionWrapper` around a `GRUCell`, a
dense layer, a dense softmax over the vocabulary, gradients by TensorFlow and Keras's Adam. Both
train on the same batches, in turn, with one thread. Prints target tokens per CPU-second.

    python benchmarks/book_layer.py DATASET [group.key=value …]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import islice

import keras
import tensorflow as tf

from nmt.configuration import resolve
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import ModelSettings
from nmt.shards.batches import Batch, choose_shapes, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.optimizer import SummedAdam
from nmt.training.step import make_train_step
from nmt.training.strategy import Replicas, set_up_devices
from nmt.vocabulary.base import PAD

_TURNS, _STEPS = 6, 10


class BookDecoder(keras.layers.Layer):
    """`DecoderRNNAttentionWrapper` of the book's listing, with the loop of Keras 3."""

    def __init__(self, cell: keras.layers.GRUCell, memory_dim: int, embedding_dim: int) -> None:
        super().__init__()
        self.cell = cell
        self.W_a = self.add_weight(name="W_a", shape=(memory_dim, memory_dim))
        self.U_a = self.add_weight(name="U_a", shape=(cell.units, memory_dim))
        self.V_a = self.add_weight(name="V_a", shape=(memory_dim, 1))
        cell.build((None, embedding_dim + memory_dim))

    def call(self, outputs: tf.Tensor, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """States of all steps, shape (batch, target, units)."""

        def step(word, states):
            energy = tf.tanh(
                keras.ops.matmul(outputs, self.W_a)
                + keras.ops.matmul(states[0], self.U_a)[:, tf.newaxis]
            )
            weights = tf.nn.softmax(keras.ops.matmul(energy, self.V_a)[..., 0])
            context = tf.reduce_sum(outputs * weights[..., tf.newaxis], 1)
            return self.cell(tf.concat([word, context], -1), states)

        return keras.src.backend.rnn(step, inputs, [state])[1]


class BookModel(keras.Model):
    """The book's final model, with the sizes of `settings`."""

    def __init__(self, settings: ModelSettings, source_size: int, target_size: int, rate: float):
        super().__init__()
        width, units = settings.embedding_dim, settings.decoder_units
        self.source = keras.layers.Embedding(source_size, width)
        self.encoder = keras.layers.Bidirectional(
            keras.layers.GRU(settings.encoder_units, return_sequences=True, return_state=True)
        )
        self.target = keras.layers.Embedding(target_size, width)
        self.decoder = BookDecoder(keras.layers.GRUCell(units), 2 * settings.encoder_units, width)
        self.dense = keras.layers.Dense(settings.readout_units, activation="relu")
        self.final = keras.layers.Dense(target_size)
        self.dropout = keras.layers.Dropout(rate)

    def call(self, source: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Logits, shape (batch, target, target_size)."""
        embedded = self.dropout(self.source(source), training=True)
        outputs, *states = self.encoder(embedded, mask=source != PAD)
        inputs = self.dropout(self.target(inputs), training=True)
        hidden = self.decoder(self.dropout(outputs, training=True), inputs, tf.concat(states, -1))
        return self.final(self.dropout(self.dense(hidden), training=True))


def book_step(model: BookModel, optimizer: keras.optimizers.Adam) -> Callable[[Batch], float]:
    """A compiled step with the book's masked loss; returns its target tokens."""
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[ids] * 3)
    def step(source, target_inputs, target_outputs):
        with tf.GradientTape() as tape:
            logits = model(source, target_inputs)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(target_outputs, logits)
            real = tf.cast(target_outputs != PAD, tf.float32)
            loss = tf.reduce_sum(losses * real) / tf.reduce_sum(real)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return tf.reduce_sum(real)

    return lambda batch: float(step(*map(tf.constant, batch)))


def main() -> None:
    """Measure and print."""
    set_up_devices(1, 1, False)
    dataset = Dataset.open(Location(sys.argv[1]))
    settings = resolve(preset="small", assignments=sys.argv[2:])
    training, widths = settings.training, dataset.widths()
    sizes = dataset.source_vocabulary.size, dataset.target_vocabulary.size
    book = BookModel(settings.model, *sizes, training.dropout)
    ours = Seq2Seq(settings.model, *sizes, training.dropout_rates)
    optimizer = SummedAdam.of(training)
    optimizer.build(ours.trainable_variables)
    our_step = make_train_step(ours, optimizer, Replicas(), training.clip_norm)
    steps = {
        "book": book_step(book, keras.optimizers.Adam(training.learning_rate, global_clipnorm=1.0)),
        "ours": lambda batch: float(our_step([batch], (1, 1)).tokens),
    }
    shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
    batches = epoch_batches(dataset, shapes, training.seed, 0, training.window)
    for batch in islice(batches, 3):
        for step in steps.values():
            step(batch)
    tokens, seconds = dict.fromkeys(steps, 0.0), dict.fromkeys(steps, 0.0)
    for _ in range(_TURNS):
        turn = list(islice(batches, _STEPS))
        for name, step in steps.items():
            start = time.process_time()
            tokens[name] += sum(step(batch) for batch in turn)
            seconds[name] += time.process_time() - start
    speed = {name: tokens[name] / seconds[name] for name in steps}
    ratio = speed["ours"] / speed["book"]
    print(f"book {speed['book']:,.0f}  ours {speed['ours']:,.0f}  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
