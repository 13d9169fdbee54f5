"""Time a training step on this machine's device, and what one more position costs.

Written for a GPU and not yet run on one: until then the GPU numbers of docs/results/scaling.md
are an estimate from counted launches. It was run on CPUs (`--cpu`), to see that it works.

Prints the milliseconds of a step for short and long sentences of equally many rows. Their
difference over the difference of lengths is the time of a position: its launches
(docs/results/launches.md), or its arithmetic if that takes longer.

    python benchmarks/time_step.py [--cpu] [PRESET] [group.key=value …]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from nmt.configuration import resolve
from nmt.presets import PRESETS

_VOCABULARY, _SHORT, _WARM_UP, _STEPS = 16_000, 20, 3, 10


def sentences(rows: int, length: int) -> Any:
    """A batch of random sentences that are all equally long."""
    from nmt.shards.batches import Batch
    from nmt.vocabulary.base import BOS, EOS

    words = np.random.default_rng(length).integers(4, _VOCABULARY, (2, rows, length), np.int32)
    words[:, :, -1] = EOS
    inputs = np.roll(words[1], 1, axis=1)
    inputs[:, 0] = BOS
    return Batch(words[0], inputs, words[1])


def main() -> None:
    """Train a few steps on batches of two lengths, and time them."""
    arguments = sys.argv[1:]
    on_cpu = "--cpu" in arguments
    presets = [word for word in arguments if word in PRESETS]
    assignments = [word for word in arguments if "=" in word]
    preset = presets[0] if presets else "base"
    settings = resolve(preset=preset, assignments=assignments)
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(1, 1, use_gpu=not on_cpu)
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import dtype_policy, make_train_step

    training = settings.training
    policy = dtype_policy(training.precision)
    model = Seq2Seq(settings.model, *[_VOCABULARY] * 2, training.dropout_rates, dtype=policy)
    optimizer = SummedAdam.of(training)
    optimizer.build(model.trainable_variables)
    step = make_train_step(model, optimizer, Replicas(use_gpu=not on_cpu), training.clip_norm)
    rows, seconds = training.batch_tokens // (2 * _SHORT), []
    for length in (_SHORT, 2 * _SHORT):
        batch = sentences(rows, length)
        for number in range(_WARM_UP):
            step([batch], (1, number))
        start = time.monotonic()
        launched = [step.launch([batch], (1, number)) for number in range(_STEPS)]
        launched[-1]()  # waits for the device
        seconds.append((time.monotonic() - start) / _STEPS)
        print(f"{rows} sentences of {length} positions: {1000 * seconds[-1]:.2f} ms", flush=True)
    print(f"one more source and target position: {1e6 * (seconds[1] - seconds[0]) / _SHORT:.0f} µs")


if __name__ == "__main__":
    main()
