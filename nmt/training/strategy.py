"""Devices and replicas: which TensorFlow strategy fits the workers and devices there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.report.numbers import counted
from nmt.shards.batches import Batch, fill_up


def set_up_devices(threads: int, devices: int, use_gpu: bool) -> None:
    """Configure TensorFlow in a fresh process, before it touches a device.

    Args:
        threads: cores this process may use.
        devices: replicas of this worker; several on a machine without GPUs are logical CPUs.
        use_gpu: take GPUs, with memory growth; otherwise hide them.

    Raises:
        UnusableInput: TensorFlow finds too few GPUs.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    if not use_gpu:
        tf.config.set_visible_devices([], "GPU")
        if devices > 1:
            cpu = tf.config.list_physical_devices("CPU")[0]
            logical = [tf.config.LogicalDeviceConfiguration()] * devices
            tf.config.set_logical_device_configuration(cpu, logical)
        return
    if len(gpus) < devices:
        raise UnusableInput(
            f"--use-gpu: TensorFlow finds {counted(len(gpus), 'GPU')} for a worker that wants "
            f"{devices}; install its GPU build (make install-gpu) and check the driver, or leave "
            "out --use-gpu"
        )
    # MultiWorkerMirroredStrategy takes all that it sees.
    tf.config.set_visible_devices(gpus[:devices], "GPU")
    for gpu in gpus[:devices]:
        tf.config.experimental.set_memory_growth(gpu, True)


_PACK = 16 * 2**20  # bytes of gradients that are exchanged at once
_EXACT = 2**20  # float32 holds any integer up to it


class Replicas:
    """The replicas of the model over all workers, and this worker's part in them.

    One worker with one device needs no strategy; one worker with several devices uses
    MirroredStrategy; several workers use MultiWorkerMirroredStrategy (TF_CONFIG is set by Ray).

    Args:
        workers: number of workers.
        rank: this worker's number.
        devices: replicas a worker.
        use_gpu: whether the replicas are GPUs.

    Raises:
        UnusableInput: TensorFlow makes another number of replicas of them.
    """

    def __init__(
        self, workers: int = 1, rank: int = 0, devices: int = 1, use_gpu: bool = False
    ) -> None:
        self.workers, self.rank, self.devices = workers, rank, devices
        self.count = workers * devices
        kind = "GPU" if use_gpu else "CPU"
        self._description = counted(self.count, "replica")
        if workers > 1:
            collective = "NCCL" if use_gpu else "RING"
            options = tf.distribute.experimental.CommunicationOptions(
                bytes_per_pack=_PACK,
                implementation=tf.distribute.experimental.CommunicationImplementation[collective],
            )
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
            self._description += f": MultiWorkerMirroredStrategy, {collective} all-reduce"
        elif devices > 1:
            self.strategy = tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(devices)])
            self._description += ": MirroredStrategy"
        else:
            self.strategy = tf.distribute.get_strategy()
        with tf.device("CPU:0"):
            self._all_reduce_seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        # With a replica too few, its slices of the batches would never be trained.
        replicas = self.strategy.num_replicas_in_sync
        if replicas != self.count:
            raise UnusableInput(
                f"{self._description}: TensorFlow makes {replicas}; set "
                "--devices-per-worker to the devices that each worker has (without --use-gpu one, "
                "where there are several workers)"
            )

    def describe(self) -> str:
        """How many replicas there are, and under which strategy, in words."""
        return self._description

    def share(self, batch: Batch, device: int) -> Batch:
        """The rows of this worker's part of a batch that are one device's: every devices-th row.

        Every device has as many; a row that is missing for that counts for nothing.
        """
        rows = -(-len(batch.source) // self.devices)
        part = (np.ascontiguousarray(array[device :: self.devices]) for array in batch)
        return fill_up(Batch(*part), rows)

    def distribute(self, batch: Batch) -> tuple[Any, ...]:
        """This worker's part of a global batch, as `strategy.run` takes it."""
        if self.devices == 1:
            return tuple(tf.constant(array) for array in batch)
        first = self.rank * self.devices
        shares = [self.share(batch, device) for device in range(self.devices)]
        return tuple(
            self.strategy.experimental_distribute_values_from_function(
                # Ids count over all workers.
                lambda context, k=k: tf.constant(
                    shares[context.replica_id_in_sync_group - first][k]
                )
            )
            for k in range(len(batch))
        )

    def local_variable(self, value: Any) -> tf.Variable:
        """A float32 variable with a value of its own on every replica, at first this one.

        It is read on replicas only.
        """
        with self.strategy.scope():
            return tf.Variable(
                value, trainable=False, synchronization=tf.VariableSynchronization.ON_READ
            )

    def run(self, function: Callable[..., tf.Tensor], *arguments: Any) -> tf.Tensor:
        """Run a function on every replica; returns the output of this worker's first one."""
        outputs = self.strategy.run(function, arguments)
        return self.strategy.experimental_local_results(outputs)[0]

    def all_reduce(self, tensors: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """Sum tensors over all replicas, in packs of 16 MB or more; called on each of them.

        Between workers it is timed, see `take_all_reduce_seconds`. The last tensors are sent first:
        backpropagation ends with the first layers, and can overlap with the first packs.
        """
        if self.count == 1:
            return tensors
        context = tf.distribute.get_replica_context()
        if self.workers == 1:
            return context.all_reduce("SUM", tensors)
        begin = _time_after(tensors)
        tensors = context.all_reduce("SUM", tensors)
        if context.replica_id_in_sync_group % self.devices == 0:  # of one device per worker
            self._all_reduce_seconds.assign_add(_time_after(tensors) - begin)
        return tensors

    def take_all_reduce_seconds(self) -> float:
        """Seconds that this worker has spent in `all_reduce` since the last call.

        They count from its own last gradient, so that the wait for slower workers is among them.
        """
        seconds = float(self._all_reduce_seconds.numpy())
        self._all_reduce_seconds.assign_sub(seconds)
        return seconds

    def gather(self, content: bytes) -> list[bytes]:
        """Exchange bytes with all workers; every one calls it, with its own.

        An all-reduce carries them, as it carries the gradients: a row of float32 per worker.

        Returns:
            Those of every worker, by rank.
        """
        if self.workers == 1:
            return [content]
        sizes = self._sum_rows(np.array(divmod(len(content), _EXACT)))
        lengths = [int(high) * _EXACT + int(low) for high, low in sizes]
        padded = content.ljust(max(lengths), b"\0")
        rows = self._sum_rows(np.frombuffer(padded, np.uint8))
        return [
            row.astype(np.uint8).tobytes()[:length]
            for row, length in zip(rows, lengths, strict=True)
        ]

    def _sum_rows(self, row: np.ndarray) -> np.ndarray:
        """The rows of all workers, as a matrix."""
        rows = np.zeros((self.workers, len(row)), np.float32)
        rows[self.rank] = row
        return self.run(self._total, tf.constant(rows)).numpy()

    @cached_property
    def _total(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The sum of a matrix over the workers; traced once per shape."""

        @tf.function
        def total(rows: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            number = context.replica_id_in_sync_group
            own = tf.where(number % self.devices == 0, rows, tf.zeros_like(rows))
            return context.all_reduce("SUM", [own])[0]

        return total


def _time_after(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """The time at which all these tensors exist, in seconds."""
    with tf.control_dependencies([tf.group(*tensors)]), tf.device("CPU:0"):
        return tf.timestamp()
