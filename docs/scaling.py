"""Training speed of workers × devices on this machine, without Ray, in turn.

Each device gets one core and the same share of the global batch: `--batch-tokens` a device. "1 × 1,
2 threads" is one device with two cores and the batch of two. Prints target tokens a second of wall
time, and the ratio to the mean of the runs of one device before and after.

    python docs/scaling.py DATASET [group.key=value …]
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from itertools import islice

# Workers, devices a worker, threads of a worker, batches in one.
LAYOUTS = [(1, 1, 1, 1), (2, 1, 1, 2), (1, 1, 1, 1), (1, 1, 2, 2), (1, 2, 2, 2), (1, 1, 1, 1)]
_WARM_UP, _STEPS = 14, 40


def measure(
    data: str,
    assignments: list[str],
    rank: int,
    workers: int,
    devices: int,
    threads: int,
    size: int,
) -> None:
    """One worker's process; the first prints its speed."""
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(threads, devices, False)
    replicas = Replicas(workers, rank, devices)
    from nmt.configuration import resolve
    from nmt.model.seq2seq import Seq2Seq
    from nmt.shards.batches import choose_shapes, epoch_batches
    from nmt.shards.dataset import Dataset
    from nmt.storage import Location
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
    batches = epoch_batches(dataset, shapes, training.seed, 0, training.window)
    for batch in islice(batches, _WARM_UP):
        float(step([batch], (1, 1)).loss)
    start = time.monotonic()
    tokens = sum(float(step([batch], (1, 1)).tokens) for batch in islice(batches, _STEPS))
    if rank == 0:
        print(json.dumps(tokens / (time.monotonic() - start)))


def run(data: str, assignments: list[str], layout: tuple[int, int, int, int]) -> float:
    """Start the workers of a layout; returns target tokens a second."""
    ports = []
    for _ in range(layout[0]):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
    addresses = [f"127.0.0.1:{port}" for port in ports]
    processes = []
    for rank in range(layout[0]):
        environment = dict(os.environ)
        if layout[0] > 1:
            task = {"type": "worker", "index": rank}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        place = json.dumps([data, assignments, rank, *layout])
        command = [sys.executable, __file__, "--worker", place]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    printed = [process.communicate()[0] for process in processes]
    return float(json.loads(printed[0].strip().splitlines()[-1]))


def main() -> None:
    """Measure the layouts one after the other."""
    if sys.argv[1] == "--worker":
        measure(*json.loads(sys.argv[2]))
        return
    data, assignments = sys.argv[1], sys.argv[2:]
    speeds = []
    for layout in LAYOUTS:
        speeds.append(run(data, assignments, layout))
        print(f"{layout[0]} × {layout[1]}, {layout[2]} thread(s): {speeds[-1]:,.0f}", flush=True)
    for i, layout in enumerate(LAYOUTS):
        if layout[3] > 1:
            before = max(k for k in range(i) if LAYOUTS[k][3] == 1)
            after = min(k for k in range(i, len(LAYOUTS)) if LAYOUTS[k][3] == 1)
            ratio = 2 * speeds[i] / (speeds[before] + speeds[after])
            print(f"{layout[0]} × {layout[1]}, {layout[2]} thread(s): {ratio:.2f} × one")


if __name__ == "__main__":
    main()
