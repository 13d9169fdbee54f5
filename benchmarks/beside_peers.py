"""Speed beside OpenNMT-py and joeynmt, in turn, on one core.

PEERS is a folder with both toolkits, their scripts and the segmented Multi30k; DATASET the same
corpus, prepared with `nmt prepare --joint-vocabulary`; MODEL a model of ours on it; RUN the name of
a run of OpenNMT-py in PEERS/runs. Prints target tokens, or sentences, per CPU-second.

    python benchmarks/beside_peers.py training PEERS DATASET [group.key=value …]
    python benchmarks/beside_peers.py decoding PEERS DATASET MODEL RUN
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from nmt.cluster.connection import MALLOC

_CORE, _BATCH, _BEAMS, _STEPS = "1", 64, (1, 5), 60
_SHORTLIST = 20  # target tokens per source token
_PEER = {"PEERS_CLOCK": "cpu", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def ours(what: str, *arguments: str) -> float:
    """Measure this project in a process of its own."""
    command = ["taskset", "-c", _CORE, sys.executable, __file__, "--ours", what, *arguments]
    environment = {**os.environ, **MALLOC}
    printed = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return _show(f"ours, {what}", json.loads(printed.strip().splitlines()[-1]))


def measure(what: str, data: str, model: str, *assignments: str) -> float:
    """What `ours` starts: training, or decoding with a beam size."""
    from nmt.benchmark.measurement import Measurement, Workload
    from nmt.configuration import resolve

    settings = resolve(preset="small", assignments=assignments)
    workload = Workload(data, settings, threads=1, steps=_STEPS, sentences=1000, batch_size=_BATCH)
    worker = Measurement(workload)
    worker.start()
    if what == "training":
        return worker.training()["tokens_per_cpu_second"]
    return worker.decoding(model, int(what))["sentences_per_cpu_second"]


def peer(place: Path, name: str, pattern: str, *command: str) -> float:
    """Measure a peer; the pattern finds the number in its output."""
    printed = subprocess.run(
        command, cwd=place, env={**os.environ, **_PEER}, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.STDOUT, check=True,
    ).stdout  # fmt: skip
    match = re.search(pattern, printed)
    if match is None:
        raise SystemExit(f"{name}: no number in its output:\n{printed[-2000:]}")
    return _show(name, float(match[1]))


def training(place: Path, data: str, *assignments: str) -> None:
    """Ours, OpenNMT-py, ours, joeynmt, ours: each peer against the mean of its neighbours."""

    def own() -> float:
        return ours("training", data, "", *assignments)

    speeds = [own()]
    for name, script, arguments in (
        ("OpenNMT-py", "scripts/onmt.sh", (str(_BATCH), "1", str(_STEPS))),
        ("joeynmt", "scripts/joey.sh", (str(_BATCH),)),
    ):
        median = r"median (?:tgt )?tok/s (\d+)"
        theirs = peer(place, name, median, script, "throughput", *arguments)
        speeds.append(own())
        _ratio(f"training vs {name}", (speeds[-2] + speeds[-1]) / 2, theirs)


def decoding(place: Path, data: str, model: str, run: str) -> None:
    """For each beam size: ours, OpenNMT-py, ours with a shortlist, ours."""
    checkpoint = max(
        (place / "runs" / run).glob("m_step_*.pt"), key=lambda file: file.stat().st_mtime
    )
    for beam in _BEAMS:
        before = ours(str(beam), data, model, "search.shortlist=0")
        theirs = 1000 / peer(
            place, f"OpenNMT-py, seconds for 1,000 sentences, beam {beam}",
            r"Total translation time \(s\): ([\d.]+)",
            "taskset", "-c", _CORE, "venv-onmt/bin/python", "scripts/onmt_launch.py", "translate",
            "-model", str(checkpoint), "-src", "data/test_2016_flickr.bpe.en",
            "-output", os.devnull, "-beam_size", str(beam), "-batch_size", str(_BATCH),
            "-batch_type", "sents", "-max_length", "60", "-length_penalty", "avg", "-report_time",
        )  # fmt: skip
        shortlist = ours(str(beam), data, model, f"search.shortlist={_SHORTLIST}")
        exact = (before + ours(str(beam), data, model, "search.shortlist=0")) / 2
        _ratio(f"beam {beam} vs OpenNMT-py, exact", exact, theirs)
        _ratio(f"beam {beam} vs OpenNMT-py, shortlist of {_SHORTLIST}", shortlist, theirs)


def _show(name: str, value: float) -> float:
    print(f"{name}: {value:,.1f}", flush=True)
    return value


def _ratio(name: str, own: float, theirs: float) -> None:
    print(f"{name}: {own / theirs:.2f} = {own:,.1f} : {theirs:,.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--ours":
        print(measure(*sys.argv[2:]))
    elif sys.argv[1] == "training":
        training(Path(sys.argv[2]), *sys.argv[3:])
    else:
        decoding(Path(sys.argv[2]), *sys.argv[3:6])
