"""The measurements of one worker; several at once measure a cluster."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from nmt.benchmark.flops import Flops
from nmt.process import peak_bytes
from nmt.settings import Settings
from nmt.shards.batches import Batch, Shape, choose_shapes, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.shards.row_groups import prefetch
from nmt.storage.location import Location
from nmt.storage.retry import wait_for_stores
from nmt.vocabulary.base import EOS, PAD

_READ = 2000  # batches that are read
_CPU_PRODUCTS = (2048, 1)  # rows and columns, and products in one go
_GPU_PRODUCTS = (8192, 10)  # keeps it busy for much longer than a launch takes


@dataclass(frozen=True)
class Workload:
    """What a worker measures.

    Attributes:
        data: URI of the DATASET; or its files by their names in it, if other machines cannot
            read its folder.
        settings: architecture and training of the measured steps, and the search.
        threads: cores of the worker.
        steps: updates that are timed.
        sentences: sentences of the test split that are translated.
        batch_size: sentences decoded together.
        use_gpu: whether the worker has a GPU.
    """

    data: str | Mapping[str, bytes]
    settings: Settings
    threads: int
    steps: int
    sentences: int
    batch_size: int
    use_gpu: bool = False


class Measurement:
    """Measures in a process of its own, because it sets up TensorFlow; one measurement per method.

    Each ``…memory_bytes`` is the peak of the process until then, of RAM or of GPU memory; so
    training and decoding belong in different processes.

    Args:
        workload: what to measure.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._folder: tempfile.TemporaryDirectory | None = None
        self._dataset: Dataset

    def start(self) -> None:
        """Load TensorFlow and open the dataset.

        Raises:
            UnusableInput: the dataset cannot be read from here, or there is no GPU.
        """
        from nmt.training.strategy import set_up_devices

        wait_for_stores()  # the driver has begun to use them
        set_up_devices(self._workload.threads, 1, self._workload.use_gpu)
        self._dataset = Dataset.open(self._place())

    def close(self) -> None:
        """Remove temporary files."""
        if self._folder is not None:
            self._folder.cleanup()

    def training(self) -> dict[str, float]:
        """Speed of training as `nmt train` trains with one worker, and its start.

        Returns:
            ``first_step_seconds``, from loading the model's code to the end of the first update;
            of the updates that are timed ``tokens_per_second`` and ``tokens_per_cpu_second`` of
            target tokens without padding, ``step_milliseconds``, and ``operations_per_second``
            of `Flops.training`; the model's ``parameters``; memory.
        """
        start, settings = time.monotonic(), self._workload.settings
        import keras

        from nmt.model.seq2seq import Seq2Seq
        from nmt.training.optimizer import SummedAdam
        from nmt.training.step import (
            ControlFlags,
            LaunchedStep,
            PendingStep,
            dtype_policy,
            make_train_step,
        )
        from nmt.training.strategy import Replicas

        training = settings.training
        source, target = self._dataset.source_vocabulary, self._dataset.target_vocabulary
        keras.utils.set_random_seed(training.seed)
        sizes, policy = (source.size, target.size), dtype_policy(training.precision)
        model = Seq2Seq(settings.model, *sizes, training.dropout_rates, policy)
        optimizer = SummedAdam.of(training)
        optimizer.build(model.trainable_variables)
        step = make_train_step(
            model,
            optimizer,
            Replicas(use_gpu=self._workload.use_gpu),
            training.clip_norm,
            training.label_smoothing,
            training.accumulate,
            skip_nan=training.on_nan == "skip",
        )
        flops = Flops.of(settings.model, target.size)
        updates = _grouped(prefetch(self._batches()), training.accumulate)
        step(next(updates), (1, 0))
        first = time.monotonic() - start
        for number, shape in enumerate(self._shapes()):
            step([full_batch(shape)], (2, number))
        tokens = operations = 0.0

        def record(launched: LaunchedStep) -> ControlFlags:
            nonlocal tokens
            tokens += launched.read().tokens
            return ControlFlags()

        pending = PendingStep(record)
        start, processor = time.monotonic(), time.process_time()
        for number, update in enumerate(islice(updates, self._workload.steps)):
            read = step.launch(update, (3, number))
            cells = sum(batch.target_outputs.size for batch in update)
            pending.follow(LaunchedStep(read, len(update), cells))
            operations += sum(flops.training(batch) for batch in update)
        pending.follow(None)
        seconds, processor = time.monotonic() - start, time.process_time() - processor
        return {
            "first_step_seconds": first,
            "tokens_per_second": tokens / seconds,
            "tokens_per_cpu_second": tokens / processor,
            "step_milliseconds": 1000 * seconds / self._workload.steps,
            "operations_per_second": operations / seconds,
            "parameters": int(model.count_params()),
            **self._memory(),
        }

    def reading(self) -> dict[str, float]:
        """Pairs per second that become padded batches (``rows_per_second``), and the share of
        padding in them (``source_padding_share``, ``target_padding_share``)."""
        cells = rows = source = target = 0
        start = time.monotonic()
        for batch in islice(self._batches(), _READ):
            real = batch.target_outputs[:, 0] != PAD  # other rows only fill the batch up
            cells, rows = cells + batch.source.size, rows + int(np.count_nonzero(real))
            source += int(np.count_nonzero(batch.source[real] != PAD))
            target += int(np.count_nonzero(batch.target_outputs != PAD))
        return {
            "rows_per_second": rows / (time.monotonic() - start),
            "source_padding_share": 1 - source / cells,
            "target_padding_share": 1 - target / cells,
        }

    def products(self) -> dict[str, float]:
        """The best speed of large matrix products in the precision of the training: the peak.

        Returns:
            ``operations_per_second``, and the ``side`` of the square matrices.
        """
        import tensorflow as tf

        side, products = _GPU_PRODUCTS if self._workload.use_gpu else _CPU_PRODUCTS
        # So distributed, the numbers stay as large as they are, however many products there are.
        square = tf.random.normal([side, side], stddev=side**-0.5)
        square = tf.cast(square, self._workload.settings.training.precision)

        @tf.function
        def multiply() -> tf.Tensor:
            result = square
            for _ in range(products):
                result = tf.matmul(result, square)
            return result[0, 0]

        def seconds() -> float:
            start = time.monotonic()
            float(multiply())
            return time.monotonic() - start

        operations = 2 * products * side**3
        best = max(operations / seconds() for _ in range(5))
        return {"operations_per_second": best, "side": side}

    def decoding(self, model: str, beam: int) -> dict[str, float]:
        """Speed of translating sentences of the test split, and its start.

        Args:
            model: URI of the MODEL.
            beam: beam size.

        Returns:
            ``first_sentence_seconds``, from loading the model to the first translation; of the
            sentences that are timed ``sentences_per_second``, ``sentences_per_cpu_second`` and
            ``tokens_per_second`` of target tokens; memory.
        """
        start = time.monotonic()
        from nmt.inference.translator import load_model

        work = self._workload
        translator = load_model(model, work.settings.search, work.batch_size, work.threads)
        texts = self._sentences()
        translator.translate(texts[:1], beam_size=beam)
        first = time.monotonic() - start
        translator.translate(texts[: work.batch_size], beam_size=beam)
        start, processor = time.monotonic(), time.process_time()
        results = translator.translate(texts, beam_size=beam)
        seconds, processor = time.monotonic() - start, time.process_time() - processor
        return {
            "first_sentence_seconds": first,
            "sentences_per_second": len(texts) / seconds,
            "sentences_per_cpu_second": len(texts) / processor,
            "tokens_per_second": sum(len(result.tokens) for result in results) / seconds,
            **self._memory(),
        }

    def _place(self) -> Location:
        """Where the dataset lies, as far as this process sees."""
        data = self._workload.data
        if isinstance(data, str):
            return Location(data)
        self._folder = tempfile.TemporaryDirectory(prefix="nmt-benchmark-")
        for name, content in data.items():
            (Location(self._folder.name) / name).write_bytes(content)
        return Location(self._folder.name)

    def _shapes(self) -> list[Shape]:
        training = self._workload.settings.training
        return choose_shapes(self._dataset.widths(), training.buckets, training.batch_tokens)

    def _batches(self) -> Iterator[Batch]:
        """Training batches, epoch after epoch."""
        training, shapes = self._workload.settings.training, self._shapes()
        for epoch in count():
            yield from epoch_batches(self._dataset, shapes, training.seed, epoch, training.window)

    def _sentences(self) -> list[str]:
        """Sources of the test split (of valid, if it is empty), again and again if need be."""
        split = "test" if self._dataset.rows("test") else "valid"
        tables = self._dataset.read(split, ["source"])
        texts = [text for table in tables for text in table["source"].to_pylist()]
        return [texts[i % len(texts)] for i in range(self._workload.sentences)]

    def _memory(self) -> dict[str, int]:
        if not self._workload.use_gpu:
            return {"memory_bytes": peak_bytes()}
        import tensorflow as tf

        gpu = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return {"memory_bytes": peak_bytes(), "gpu_memory_bytes": int(gpu)}


def full_batch(shape: Shape) -> Batch:
    """A batch of this shape without padding, to warm up with."""
    ids = np.full(shape, EOS, np.int32)
    return Batch(ids, ids, ids)


def _grouped(batches: Iterator[Batch], size: int) -> Iterator[Sequence[Batch]]:
    """So many batches at a time."""
    while group := list(islice(batches, size)):
        yield group
