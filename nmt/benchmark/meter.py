"""One worker that measures itself; several at once show what a cluster does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from nmt.process import peak_bytes
from nmt.settings import Settings
from nmt.storage import Location

_MATRIX = 2048  # rows and columns of the product whose speed is called the peak
_WARM_UP = 3  # steps before the clock starts, one a shape at least


@dataclass(frozen=True)
class Work:
    """What a worker measures.

    Attributes:
        data: URI of the DATASET.
        model: URI of the MODEL whose decoding is measured; None leaves decoding out.
        settings: of the search; and architecture and training of the measured steps, without a
            model.
        threads: cores of the worker.
        steps: training steps that are timed.
        sentences: sentences of the test split that are translated.
        beams: beam sizes.
        batch_size: sentences decoded together.
    """

    data: str
    model: str | None
    settings: Settings
    threads: int
    steps: int
    sentences: int
    beams: tuple[int, ...]
    batch_size: int


class Meter:
    """Holds a dataset and measures on it; made in a fresh process, for it sets TensorFlow up.

    Args:
        work: what to measure.
    """

    def __init__(self, work: Work) -> None:
        from nmt.training.strategy import set_up_devices

        set_up_devices(work.threads, 1, False)
        from nmt.shards.dataset import Dataset

        self._work = work
        self._dataset = Dataset.open(Location(work.data))

    def ready(self) -> bool:
        """Answers when the worker has started."""
        return True

    def peak(self) -> float:
        """The best speed of a large matrix product, in floating-point operations a second."""
        import tensorflow as tf

        square = tf.random.normal([_MATRIX, _MATRIX])
        product = tf.function(lambda: tf.reduce_sum(tf.matmul(square, square)))
        return max(2 * _MATRIX**3 / _seconds(product) for _ in range(5))

    def reading(self) -> dict[str, float]:
        """Rows a second that become padded batches, and the padding's share."""
        batches, rows, start = 0, 0, time.monotonic()
        real = cells = 0
        for batch in islice(self._batches(), 2000):
            batches, rows = batches + 1, rows + int((batch.target_outputs[:, 0] != 0).sum())
            real += int((batch.target_outputs != 0).sum())
            cells += batch.target_outputs.size
        seconds = time.monotonic() - start
        return {"rows_per_second": rows / seconds, "padding_share": 1 - real / cells}

    def training(self) -> dict[str, float]:
        """Speed of training steps, and when the first one was done."""
        import keras

        from nmt.benchmark.flops import Flops
        from nmt.model.seq2seq import Seq2Seq
        from nmt.training.optimizer import SummedAdam
        from nmt.training.precision import dtype_policy
        from nmt.training.step import make_train_step
        from nmt.training.strategy import Replicas

        start, settings = time.monotonic(), self._work.settings
        source, target = self._dataset.source_vocabulary, self._dataset.target_vocabulary
        keras.utils.set_random_seed(settings.training.seed)
        rates = settings.training.dropout_rates
        with dtype_policy(settings.training.precision):
            model = Seq2Seq(settings.model, source.size, target.size, rates)
        optimizer = SummedAdam.of(settings.training)
        optimizer.build(model.trainable_variables)
        training = settings.training
        step = make_train_step(
            model, optimizer, Replicas(), training.clip_norm, training.label_smoothing
        )
        flops = Flops.of(settings.model, target.size)
        batches = self._batches()
        float(step([next(batches)], (1, 0)).loss)
        first = time.monotonic() - start
        for number, batch in enumerate(islice(batches, _WARM_UP)):
            float(step([batch], (2, number)).loss)
        tokens = operations = 0.0
        start, processor = time.monotonic(), time.process_time()
        for number, batch in enumerate(islice(batches, self._work.steps)):
            tokens += float(step([batch], (3, number)).tokens)
            operations += flops.training(batch)
        seconds = time.monotonic() - start
        return {
            "first_step_seconds": first,
            "tokens_per_second": tokens / seconds,
            "tokens_per_cpu_second": tokens / (time.process_time() - processor),
            "step_milliseconds": 1000 * seconds / self._work.steps,
            "operations_per_second": operations / seconds,
            "parameters": model.count_params(),
        }

    def decoding(self, beam: int) -> dict[str, float]:
        """Speed of translating sentences of the test split, and when the first one was done."""
        from nmt.translator import load_model

        start = time.monotonic()
        search = self._work.settings.search
        translator = load_model(self._work.model or "", search, self._work.batch_size)
        texts = self._sentences()
        translator.translate(texts[:1], beam_size=beam)
        first = time.monotonic() - start
        translator.translate(texts[: self._work.batch_size], beam_size=beam)
        start, processor = time.monotonic(), time.process_time()
        results = translator.translate(texts, beam_size=beam)
        seconds = time.monotonic() - start
        return {
            "first_sentence_seconds": first,
            "sentences_per_second": len(texts) / seconds,
            "sentences_per_cpu_second": len(texts) / (time.process_time() - processor),
            "tokens_per_second": sum(len(result.tokens) for result in results) / seconds,
        }

    def memory(self) -> int:
        """The most memory this process has held, in bytes."""
        return peak_bytes()

    def _batches(self) -> Iterator[Any]:
        """Training batches, epoch after epoch."""
        from nmt.shards.batches import choose_shapes, epoch_batches

        training, widths = self._work.settings.training, self._dataset.widths()
        shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
        for epoch in count():
            yield from epoch_batches(self._dataset, shapes, training.seed, epoch, training.window)

    def _sentences(self) -> list[str]:
        """Sources of the test split (of valid, if it is empty), again and again if need be."""
        split = "test" if self._dataset.rows("test") else "valid"
        tables = self._dataset.read(split, ["source"])
        texts = [text for table in tables for text in table["source"].to_pylist()]
        return [texts[i % len(texts)] for i in range(self._work.sentences)]


def _seconds(function: Any) -> float:
    start = time.monotonic()
    float(function())
    return time.monotonic() - start
