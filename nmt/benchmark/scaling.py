"""What a training step costs on many replicas: a model from shapes, bandwidths and latencies.

A step is made of three parts. *Compute*: the model's operations at the speed that one replica
reaches, and what a batch takes whatever its size. *All-reduce*: the gradients of all
replicas are summed in a ring, which sends 2 (n - 1) / n of their bytes over every link in
2 (n - 1) hops (Patarasuk and Yuan 2009); it begins when the gradients are there, so nothing
overlaps. *Input*: each machine has one worker, which reads and plans the whole global batch and
pads its own part of it; ahead of time, so training waits only where that takes longer than the
other two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

_FLOAT = 4  # bytes of a gradient; float32 whatever the precision of the products


@dataclass(frozen=True)
class Machine:
    """What the model assumes of the machines.

    Attributes:
        operations: floating-point operations a second that one replica reaches in training.
        overhead: seconds of each batch that do not depend on its size: launches of kernels, and
            waits for the device.
        node: replicas of a machine.
        inside: bytes a second, each way, between two replicas of a machine.
        network: bytes a second, each way, between two machines.
        latency: seconds of a hop of the ring.
        reads: sentence pairs a second that a worker reads, and plans the batches of.
        pads: sentence pairs a second that a worker pads.
    """

    operations: float
    overhead: float
    node: int
    inside: float
    network: float
    latency: float
    reads: float
    pads: float


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        parameters: of the model.
        operations: floating-point operations of a training step for each target token.
        tokens: target tokens of a replica's share of a batch.
        row: target tokens of a sentence pair.
        accumulate: batches of one update.
    """

    parameters: int
    operations: float
    tokens: float
    row: float
    accumulate: int = 1


class Cost(NamedTuple):
    """Seconds of one update and what comes of it.

    Attributes:
        compute: all batches of the update.
        all_reduce: the exchange of the gradients.
        wait: for input.
        tokens_per_second: of all replicas.
        efficiency: speed over that of as many replicas that exchange nothing.
    """

    compute: float
    all_reduce: float
    wait: float
    tokens_per_second: float
    efficiency: float

    @property
    def step(self) -> float:
        """The whole update."""
        return self.compute + self.all_reduce + self.wait

    @property
    def limit(self) -> str:
        """The part that takes the most of it."""
        parts = {"compute": self.compute, "network": self.all_reduce, "input": self.wait}
        return max(parts, key=lambda name: parts[name])


def ring_seconds(replicas: int, size: float, bandwidth: float, latency: float) -> float:
    """Time of a ring all-reduce of `size` bytes over links of `bandwidth` bytes a second."""
    if replicas < 2:
        return 0.0
    share = 2 * (replicas - 1) / replicas
    return share * size / bandwidth + 2 * (replicas - 1) * latency


def cost(job: Job, machine: Machine, replicas: int) -> Cost:
    """The cost of an update on so many replicas, each with `Job.tokens` tokens a batch."""
    one = job.operations * job.tokens / machine.operations + machine.overhead
    compute = job.accumulate * one
    # One ring through all machines: its slowest link is the one between two of them.
    bandwidth = machine.inside if replicas <= machine.node else machine.network
    all_reduce = ring_seconds(replicas, _FLOAT * job.parameters, bandwidth, machine.latency)
    tokens = job.accumulate * job.tokens * replicas
    pairs, workers = tokens / job.row, math.ceil(replicas / machine.node)
    reading = pairs / machine.reads + pairs / workers / machine.pads
    wait = max(0.0, reading - compute - all_reduce)
    step = compute + all_reduce + wait
    return Cost(compute, all_reduce, wait, tokens / step, compute / step)
