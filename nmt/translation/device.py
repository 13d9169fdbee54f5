"""What an actor decodes on: cores, and a GPU or its share of one."""

from __future__ import annotations

import os
import subprocess

_TAKEN = 0.9  # share of a GPU's memory that its actors divide; CUDA itself needs the rest


def set_up(threads: int, gpus: float) -> None:
    """Give TensorFlow this process's share of the machine; before it is used at all.

    Args:
        threads: cores of the actor.
        gpus: GPUs of the actor: 0 hides them, and of less than 1 it gets that share of the memory.
    """
    import nmt.model  # noqa: F401  (quiets TensorFlow before it is imported)

    import tensorflow as tf  # isort: skip

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if not gpus:
        tf.config.set_visible_devices([], "GPU")
        return
    limit = memory_limit(gpus)
    for gpu in tf.config.list_physical_devices("GPU"):
        if limit is None:
            tf.config.experimental.set_memory_growth(gpu, True)
        else:
            share = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
            tf.config.set_logical_device_configuration(gpu, [share])


def memory_limit(gpus: float) -> int | None:
    """MiB of GPU memory for an actor that shares one; None for a whole GPU, or if unknown."""
    if gpus >= 1:
        return None
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            [*command, "-i", first], capture_output=True, text=True, timeout=60, check=True
        )
        return int(_TAKEN * gpus * float(done.stdout.split()[0]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
