"""Speed of workers × devices on this machine, without Ray, in turn: training, and decoding.

Each device gets one core and the same share of the global batch, `training.batch_tokens`. "1 × 1,
2 threads" is one device with two cores and the batch of two; "apart" are two workers that exchange
nothing. Prints target tokens per second of wall time, the milliseconds of a step, the ratio to the
mean of the runs of one device before and after, the time of an all-reduce of the gradients alone,
and the prediction of `nmt.benchmark.scaling` for 2 × 1. With a MODEL it measures decoding: greedy,
the test split, in workers that exchange nothing.

    python benchmarks/scaling.py DATASET [group.key=value …]
    python benchmarks/scaling.py DATASET MODEL
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from itertools import islice
from typing import Any, NamedTuple

_WARM_UP, _STEPS, _EXCHANGES = 14, 40, 20
_ROUNDS = 5  # times that the test split is translated


class Layout(NamedTuple):
    """Processes and what each has; `size` is the global batch in batches of one device."""

    workers: int
    devices: int
    threads: int
    size: int
    apart: bool = False

    def __str__(self) -> str:
        apart = ", apart" if self.apart else ""
        return f"{self.workers} × {self.devices}, {self.threads} thread(s){apart}"


ONE = Layout(1, 1, 1, 1)
TWO, APART = Layout(2, 1, 1, 2), Layout(2, 1, 1, 2, apart=True)
LAYOUTS = [ONE, TWO, APART, ONE, Layout(1, 1, 2, 2), Layout(1, 2, 2, 2), ONE]
DECODING = [ONE, APART, ONE, Layout(1, 1, 2, 1), ONE]


def measure(data: str, assignments: list[str], rank: int, layout: Layout) -> dict[str, float]:
    """One worker's process: tokens and seconds of a step, and the model's parameters."""
    from nmt.training.strategy import Replicas, set_up_devices

    workers, devices, threads, size, apart = layout
    if apart:
        rank, workers, size = 0, 1, 1
    set_up_devices(threads, devices, False)
    replicas = Replicas(workers, rank, devices)
    from nmt.configuration import resolve
    from nmt.model.seq2seq import Seq2Seq
    from nmt.shards.batches import choose_shapes, epoch_batches
    from nmt.shards.dataset import Dataset
    from nmt.storage.location import Location
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import make_train_step

    dataset = Dataset.open(Location(data))
    settings = resolve(preset="small", assignments=assignments)
    training = settings.training
    sizes = dataset.source_vocabulary.size, dataset.target_vocabulary.size
    with replicas.strategy.scope():
        model = Seq2Seq(settings.model, *sizes, training.dropout_rates)
        optimizer = SummedAdam.of(training)
        optimizer.build(model.trainable_variables)
    step = make_train_step(model, optimizer, replicas, training.clip_norm)
    shapes = choose_shapes(dataset.widths(), training.buckets, size * training.batch_tokens)
    place = {"rank": rank, "workers": workers}
    batches = epoch_batches(dataset, shapes, training.seed, 0, training.window, **place)
    for batch in islice(batches, _WARM_UP):
        float(step([batch], (1, 1)).loss)
    start = time.monotonic()
    tokens = sum(float(step([batch], (1, 1)).tokens) for batch in islice(batches, _STEPS))
    seconds = time.monotonic() - start
    parameters = float(model.count_params())
    return {"tokens": tokens / _STEPS, "seconds": seconds / _STEPS, "parameters": parameters}


def decode(data: str, model: str, threads: int) -> dict[str, float]:
    """One worker's process: sentences, and the seconds that they took."""
    from nmt.training.strategy import set_up_devices

    set_up_devices(threads, 1, False)
    from nmt.inference.translator import load_model
    from nmt.shards.dataset import Dataset
    from nmt.storage.location import Location

    tables = Dataset.open(Location(data)).read("test", ["source"])
    texts = [text for table in tables for text in table["source"].to_pylist()]
    translator = load_model(model)
    translator.translate(texts)
    start = time.monotonic()
    for _ in range(_ROUNDS):
        translator.translate(texts)
    return {"sentences": _ROUNDS * len(texts), "seconds": time.monotonic() - start}


def exchange(rank: int, parameters: int) -> float:
    """One of two processes: seconds of an all-reduce of so many gradients, median."""
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(1, 1, False)
    replicas = Replicas(2, rank, 1)
    import tensorflow as tf

    pieces = [tf.ones([parameters // 16]) for _ in range(16)]

    @tf.function
    def reduce() -> Any:
        return replicas.strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce("SUM", pieces)
        )

    times = []
    for _ in range(_EXCHANGES):
        start = time.monotonic()
        float(reduce()[0][0])
        times.append(time.monotonic() - start)
    return sorted(times)[len(times) // 2]


def run(work: list[Any], processes: int, joined: bool) -> list[Any]:
    """Start the processes of a measurement; returns the result of each."""
    ports = []
    for _ in range(processes):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
    addresses = [f"127.0.0.1:{port}" for port in ports]
    started = []
    for rank in range(processes):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if joined and processes > 1:
            task = {"type": "worker", "index": rank}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = [sys.executable, __file__, "--worker", json.dumps([rank, *work])]
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    return [json.loads(process.communicate()[0].strip().splitlines()[-1]) for process in started]


def work_of(rank: int, kind: str, *rest: Any) -> Any:
    """The work of a process that `run` starts."""
    if kind == "exchange":
        return exchange(rank, *rest)
    if kind == "decode":
        return decode(*rest)
    data, assignments, layout = rest
    return measure(data, assignments, rank, Layout(*layout))


def compare(layouts: list[Layout], speeds: list[float]) -> None:
    """Print the ratio of each layout to the mean of the runs of one device before and after it."""
    for i, layout in enumerate(layouts):
        if layout != ONE:
            before = max(k for k in range(i) if layouts[k] == ONE)
            after = min(k for k in range(i, len(layouts)) if layouts[k] == ONE)
            one = (speeds[before] + speeds[after]) / 2
            print(f"{layout}: {speeds[i] / one:.2f} × one = {speeds[i]:,.1f} : {one:,.1f}")


def decoding(data: str, model: str) -> None:
    """Measure decoding, one layout after the other."""
    speeds = []
    for layout in DECODING:
        measurements = run(["decode", data, model, layout.threads], layout.workers, False)
        speeds.append(sum(worker["sentences"] / worker["seconds"] for worker in measurements))
        print(f"{layout}: {speeds[-1]:,.1f} sentences/s", flush=True)
    compare(DECODING, speeds)


def training(data: str, assignments: list[str]) -> None:
    """Measure training, one layout after the other, and the all-reduce alone."""
    speeds, steps, one = [], {}, {}
    for layout in LAYOUTS:
        measurements = run(["train", data, assignments, layout], layout.workers, not layout.apart)
        one = measurements[0]
        # Workers that are joined all count the tokens of the global batch.
        counted = measurements if layout.apart else measurements[:1]
        speeds.append(sum(worker["tokens"] / worker["seconds"] for worker in counted))
        steps[layout] = one["seconds"]
        print(f"{layout}: {speeds[-1]:,.0f} tokens/s, {1000 * steps[layout]:,.0f} ms", flush=True)
    compare(LAYOUTS, speeds)
    parameters = int(one["parameters"])
    alone = max(run(["exchange", parameters], 2, True))
    expected = steps[APART] + alone
    print(
        f"all-reduce of {4 * parameters / 1e6:.0f} MB: {1000 * alone:,.0f} ms alone, "
        f"{4 * parameters / alone / 1e9:.2f} GB/s; a step of 2 × 1 should take "
        f"{1000 * expected:,.0f} ms and takes {1000 * steps[TWO]:,.0f}"
    )


def main() -> None:
    """Measure training or decoding; or be one of the processes that do."""
    first, *rest = sys.argv[1:]
    if first == "--worker":
        print(json.dumps(work_of(*json.loads(rest[0]))))
    elif rest and "=" not in rest[0]:
        decoding(first, rest[0])
    else:
        training(first, rest)


if __name__ == "__main__":
    main()
