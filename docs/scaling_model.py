"""The tables of docs/distributed.md: what training should cost on 8 to 256 GPUs.

python docs/scaling_model.py [group.key=value …]
"""

from __future__ import annotations

import sys

from nmt.benchmark.flops import Flops
from nmt.benchmark.scaling import Cost, Job, Machine, cost
from nmt.configuration import resolve
from nmt.settings import ModelSettings

REPLICAS = (1, 8, 16, 32, 64, 128, 256)
TOKENS, WIDTH, VOCABULARY = 4096, 25, 16_000

# Bandwidths are the vendors'; the speeds of training and the overheads are assumptions, for no GPU
# was at hand: a fifth of the peak of bfloat16 products, and 60 kernels of 6 µs for each of the
# recurrent steps of encoder and decoder, forward and backward.
MACHINES = (
    Machine("g5.2xlarge: one A10G, 10 Gbit/s", 14e12, 2 * WIDTH * 360e-6, 1, 1.25e9, 1.25e9, 5e-5,
            250_000),
    Machine("g5.48xlarge: eight A10G on PCIe, 100 Gbit/s", 14e12, 2 * WIDTH * 360e-6, 8, 12e9,
            12.5e9, 3e-5, 250_000),
    Machine("p5.48xlarge: eight H100 on NVLink, 3,200 Gbit/s", 198e12, 2 * WIDTH * 240e-6, 8, 450e9,
            400e9, 1e-5, 250_000),
)  # fmt: skip


def count_parameters(model: ModelSettings, source: int, target: int) -> int:
    """Those of the model itself."""
    from nmt.model.seq2seq import Seq2Seq

    return Seq2Seq(model, source, target).count_params()


def job_of(assignments: list[str], accumulate: int = 1) -> Job:
    """The preset ``base``, with both sides of a pair as long as each other."""
    model = resolve(preset="base", assignments=assignments).model
    flops = Flops.of(model, VOCABULARY)
    forward = flops.sentence / WIDTH + flops.source + flops.target + flops.pair * WIDTH
    parameters = count_parameters(model, VOCABULARY, VOCABULARY)
    return Job(parameters, 3 * forward, TOKENS, WIDTH, accumulate)


def table(job: Job, machine: Machine) -> str:
    """A table of Markdown."""
    lines = [
        "| GPUs | compute | all-reduce | waiting for input | an update | target tokens/s | "
        "efficiency | limit |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for replicas in REPLICAS:
        found: Cost = cost(job, machine, replicas)
        times = (found.compute, found.all_reduce, found.wait, found.step)
        cells = [f"{1000 * seconds:,.0f} ms" for seconds in times]
        cells += [f"{found.tokens_per_second:,.0f}", f"{100 * found.efficiency:.0f} %", found.limit]
        lines.append(f"| {replicas} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables for one batch an update, and for several."""
    for accumulate in (1, 8):
        job = job_of(sys.argv[1:], accumulate)
        print(
            f"{job.parameters / 1e6:.1f} M parameters, {job.operations / 1e6:.0f} MFLOP a token, "
            f"{TOKENS:,} target tokens a replica and batch, accumulate={accumulate}\n"
        )
        for machine in MACHINES:
            print(f"**{machine.name}**\n\n{table(job, machine)}\n")


if __name__ == "__main__":
    main()
