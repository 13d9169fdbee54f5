"""The tables of docs/results/scaling.md: an estimate of training on 8 to 256 GPUs.

python benchmarks/scaling_model.py [group.key=value …]
"""

from __future__ import annotations

import sys

from nmt.benchmark.flops import Flops
from nmt.benchmark.scaling import Cost, Job, Machine, cost
from nmt.configuration import resolve
from nmt.settings import ModelSettings

REPLICAS = (1, 8, 16, 64, 256)
TOKENS, WIDTH, VOCABULARY = 4096, 25, 16_000
READS, PADS = 1_000_000, 333_000  # pairs per second that one core reads and plans; that it pads

# Counted by benchmarks/launches.py for `base`: launches of the decoder per target position, and
# launches and crossings to the host elsewhere, per batch.
PER_POSITION, PER_BATCH, WAITS = 48, 515, 16
CUDNN = 8  # launches per source position: two per direction and pass; assumed

# Bandwidths are the vendors'. The rest is assumed, not measured: a fifth of the peak of bfloat16
# products, the time of a launch, and what the host takes to go on after it has waited.


def overhead(launch: float, wait: float = 20e-6) -> float:
    """Seconds of a batch that do not depend on its size."""
    return ((PER_POSITION + CUDNN) * WIDTH + PER_BATCH) * launch + WAITS * wait


A10G = "g5.2xlarge: one A10G, 10 Gbit/s"
MACHINES = {
    A10G: Machine(14e12, overhead(6e-6), 1, 1.25e9, 1.25e9, 50e-6, READS, PADS),
    "g5.48xlarge: eight A10G on PCIe, 100 Gbit/s": Machine(
        14e12, overhead(6e-6), 8, 12e9, 12.5e9, 30e-6, READS, PADS
    ),
    "p5.48xlarge: eight H100 on NVLink, 3,200 Gbit/s": Machine(
        198e12, overhead(4e-6), 8, 450e9, 400e9, 10e-6, READS, PADS
    ),
}


def count_parameters(model: ModelSettings, source: int, target: int) -> int:
    """The parameters of the model."""
    from nmt.model.seq2seq import Seq2Seq

    return Seq2Seq(model, source, target).count_params()


def job_of(assignments: list[str], accumulate: int = 1) -> Job:
    """The preset ``base``, with both sides of a pair equally long."""
    model = resolve(preset="base", assignments=assignments).model
    flops = Flops.of(model, VOCABULARY)
    forward = flops.sentence / WIDTH + flops.source + flops.target + flops.pair * WIDTH
    parameters = count_parameters(model, VOCABULARY, VOCABULARY)
    return Job(parameters, 3 * forward, TOKENS, WIDTH, accumulate)


def table(job: Job, machine: Machine) -> str:
    """The Markdown table of a machine."""
    lines = [
        "| GPUs | compute | all-reduce | waiting for input | an update | target tokens/s | "
        "efficiency | limit |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for replicas in REPLICAS:
        estimate: Cost = cost(job, machine, replicas)
        times = (estimate.compute, estimate.all_reduce, estimate.wait, estimate.step)
        cells = [f"{1000 * seconds:,.0f} ms" for seconds in times]
        cells.append(f"{estimate.tokens_per_second:,.0f}")
        cells += [f"{100 * estimate.efficiency:.0f} %", estimate.limit]
        lines.append(f"| {replicas} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(assignments: list[str]) -> dict[str, str]:
    """Every table by its title."""
    once, rarely = (job_of(assignments, accumulate) for accumulate in (1, 8))
    titles = {name: table(once, machine) for name, machine in MACHINES.items()}
    return {**titles, f"{A10G}, training.accumulate=8": table(rarely, MACHINES[A10G])}


def main() -> None:
    """Print the assumptions on the model, and the tables."""
    job = job_of(sys.argv[1:])
    print(f"{job.parameters / 1e6:.1f} M parameters, {job.operations / 1e6:.0f} MFLOP per token\n")
    for title, text in tables(sys.argv[1:]).items():
        print(f"**{title}**\n\n{text}\n")


if __name__ == "__main__":
    main()
