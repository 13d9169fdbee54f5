"""What the replicas of a training send per update, read from the graph of its step by two workers.

For each preset: the bytes of the gradients, the packs in which one all-reduce sends them, and how
many bytes are complete before the last loop of backpropagation has ended, so that sending them can
overlap with it. Then the calculated share of an update that the exchange takes on networks of 10
and 100 Gbit/s, with the assumptions of `benchmarks/scaling_model.py` on an A10G: once if nothing
overlaps, once if sending the early bytes is hidden. A step of one small batch is run.

    python benchmarks/gradient_packs.py
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scaling_model import A10G, MACHINES, TOKENS, VOCABULARY, WIDTH

from nmt.benchmark.flops import Flops
from nmt.benchmark.scaling import ring_seconds
from nmt.configuration import resolve

PRESETS = ("book", "small", "base")
REPLICAS, NETWORKS = 8, {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}
_LOOPS = {"While", "StatelessWhile"}


class Pack(NamedTuple):
    """A collective operation of the step.

    Attributes:
        size: bytes.
        early: whether it waits for fewer loops of the graph than the whole gradient does.
    """

    size: int
    early: bool


def packs_of(reduced: Sequence[Any]) -> list[Pack]:
    """The collective operations that some reduced tensors come from, in the order of sending."""
    graph = reduced[0].graph
    sends = [op for op in graph.get_operations() if op.type.startswith("CollectiveReduce")]
    ordered = [_loops_before(op.inputs[0].op) for op in sends]
    every = frozenset().union(*ordered)
    return [
        Pack(op.inputs[0].shape.num_elements() * op.inputs[0].dtype.size, loops != every)
        for op, loops in zip(sends, ordered, strict=True)
    ]


def _loops_before(operation: Any) -> frozenset[str]:
    """The loops that an operation needs the results of."""
    seen, waiting, loops = {operation}, [operation], set()
    while waiting:
        op = waiting.pop()
        if op.type in _LOOPS:
            loops.add(op.name)
        for other in [tensor.op for tensor in op.inputs] + op.control_inputs:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return frozenset(loops)


def trace(preset: str, rank: int) -> dict[str, Any]:
    """One of two workers: parameters and packs of the preset's step."""
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(1, 1, False)
    replicas = Replicas(2, rank)
    from nmt.model.seq2seq import Seq2Seq
    from nmt.shards.batches import Batch
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import make_train_step

    settings = resolve(preset=preset)
    with replicas.strategy.scope():
        model = Seq2Seq(settings.model, VOCABULARY, VOCABULARY, settings.training.dropout_rates)
        optimizer = SummedAdam.of(settings.training)
        optimizer.build(model.trainable_variables)
    packs: list[Pack] = []
    all_reduce = replicas.all_reduce

    def recorded(tensors: Any) -> Any:
        reduced = all_reduce(tensors)
        packs[:] = packs_of(reduced)
        return reduced

    replicas.all_reduce = recorded  # type: ignore[method-assign]
    step = make_train_step(model, optimizer, replicas, 1.0)
    step([Batch(*(np.full((2, 5), 7, np.int32) for _ in range(3)))], (1, 1))
    return {"parameters": int(model.count_params()), "packs": packs}


def traced(preset: str) -> dict[str, Any]:
    """What the first of two workers has traced."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
    cluster, started = {"worker": [f"127.0.0.1:{port}" for port in ports]}, []
    for rank in range(2):
        task = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}})
        started.append(
            subprocess.Popen(
                [sys.executable, __file__, preset, str(rank)],
                env={**os.environ, "TF_CONFIG": task, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    output, _ = [process.communicate()[0] for process in started]
    return json.loads(output.splitlines()[-1])


def shares(preset: str, packs: Sequence[Pack]) -> list[str]:
    """Compute; for each network, exchange and its share of an update, without and with overlap."""
    model, machine = resolve(preset=preset).model, MACHINES[A10G]
    flops = Flops.of(model, VOCABULARY)
    token = 3 * (flops.sentence / WIDTH + flops.source + flops.target + flops.pair * WIDTH)
    compute = token * TOKENS / machine.operations + machine.overhead
    cells = [f"{1000 * compute:.0f} ms"]
    for bandwidth in NETWORKS.values():
        early, late = (
            sum(
                ring_seconds(REPLICAS, pack.size, bandwidth, machine.latency)
                for pack in packs
                if pack.early == is_early
            )
            for is_early in (True, False)
        )
        whole = early + late
        cells += [
            f"{1000 * whole:.0f} ms",
            f"{whole / (compute + whole):.0%}",
            f"{late / (compute + late):.0%}",
        ]
    return cells


def main() -> None:
    """Print the tables; or be one of the processes that trace."""
    if len(sys.argv) > 1:
        print(json.dumps(trace(sys.argv[1], int(sys.argv[2]))))
        return
    rows = []
    print("| preset | parameters | sent | packs | before the last loop ends |")
    print("|---|---:|---:|---|---:|")
    for preset in PRESETS:
        answer = traced(preset)
        packs = [Pack(*pack) for pack in answer["packs"]]
        sizes = " + ".join(f"{pack.size / 1e6:.1f}" for pack in packs)
        early = sum(pack.size for pack in packs if pack.early)
        total = sum(pack.size for pack in packs)
        print(
            f"| `{preset}` | {answer['parameters'] / 1e6:.1f} M | {total / 1e6:.1f} MB "
            f"| {sizes} MB | {early / total:.0%} |",
            flush=True,
        )
        rows.append(f"| `{preset}` | " + " | ".join(shares(preset, packs)) + " |")
    print(
        "\n| preset | compute |" + "".join(f" {name} | share | overlapped |" for name in NETWORKS)
    )
    print("|---|" + "---:|" * 7)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
