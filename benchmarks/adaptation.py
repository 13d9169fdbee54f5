"""What an adaptation gains and forgets: a Tatoeba model trained further on 2,000 Multi30k pairs.

Runs the commands of docs/how-to/adapt.md: a base model on Tatoeba; then on 2,000 captions mixed
with Tatoeba, on them without Tatoeba, and from nothing on them alone. Translates both test sets
with each model, and prints BLEU, what it gained on the base with its significance, the exit status
of ``--gate``, and BLEU on the validation sets at the end: where the gate says 3, MODEL is the base.
What is there already is not done again, so that an interrupted run can be continued.

    python benchmarks/adaptation.py FOLDER --data /data [--seed 1] [--passes 50] [--epochs 6]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from nmt.records.report import EvaluationReport
from nmt.storage.location import Location
from nmt.training import validations

PAIRS = 2000
CONFIG = Path(__file__).with_name("fast.yaml")


def nmt(*words: object, allowed: tuple[int, ...] = (0,)) -> int:
    """Run a command, which continues what was begun; returns its exit status."""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    begin = time.monotonic()
    status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    print(f"  {time.monotonic() - begin:6.0f} s  nmt {' '.join(map(str, words))}", flush=True)
    if status not in allowed:
        raise SystemExit(f"nmt {words[0]} ended with {status}")
    return status


def main() -> None:
    """Run all of it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of tatoeba/, multi30k/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--passes", type=int, default=50, help="through the captions alone")
    parser.add_argument("--epochs", type=int, default=6, help="of the base model")
    asked = parser.parse_args()
    folder, captions = asked.folder, asked.data / "multi30k"
    seed = ["--set", f"training.seed={asked.seed}"]

    def run(name: str) -> Path:
        return folder / f"{name}-{asked.seed}"

    def train(name: str, *words: object, allowed: tuple[int, ...] = (0,)) -> int:
        return nmt("train", "--output", run(name), *words, *seed, allowed=allowed)

    nmt("prepare", "--pairs", asked.data / "tatoeba/deu-eng.zip", "--output", folder / "tatoeba",
        "--source-language", "en", "--target-language", "de",
        "--valid-fraction", 0.01, "--test-fraction", 0.01)  # fmt: skip
    train("base", "--data", folder / "tatoeba", "--config", CONFIG,
          "--set", f"training.epochs={asked.epochs}")  # fmt: skip
    base = run("base") / "model"
    few = ["--source", captions / "train.en.gz", "--target", captions / "train.de.gz",
           "--sample", PAIRS, "--valid-source", captions / "val.en.gz",
           "--valid-target", captions / "val.de.gz"]  # fmt: skip
    nmt("prepare", *few, "--vocabulary-from", base, "--output", folder / "multi30k")
    nmt("prepare", *few, "--vocab-size", 3000, "--output", folder / "alone")
    both = ["--data", folder / "multi30k", "--data", folder / "tatoeba", "--init-from", base]
    short = ["--set", "training.validate_every=300", "--set", "training.patience=100",
             "--set", "training.batch_tokens=1000", "--set", "training.dropout=0.2",
             "--set", "training.schedule=linear", "--set", "training.ema_decay=0.998"]  # fmt: skip
    gated = [*both, *short, "--gate", "--set", "training.keep={tatoeba: 1}"]
    passes = ["--set", f"training.epochs={asked.passes}"]
    trainings = {
        "base": [],
        # One pass through as many pairs as both datasets have, a quarter of them captions.
        "mixed": [*gated, "--set", "training.learning_rate=0.0003", "--set", "training.epochs=1",
                  "--set", "training.stages=[{weights: [1, 3]}]"],
        "unmixed": [*gated, "--set", "training.learning_rate=0.001", *passes,
                    "--set", "training.stages=[{weights: [1, 0]}]"],
        "alone": ["--data", folder / "alone", "--config", CONFIG, *short,
                  "--set", "training.learning_rate=0.002", *passes],
    }  # fmt: skip
    tests = {
        "multi30k": ["--input", captions / "test_2016_flickr.en.gz",
                     "--references", captions / "test_2016_flickr.de.gz"],
        "tatoeba": ["--input", folder / "tatoeba" / "test", "--reference-column", "target"],
    }  # fmt: skip
    print(f"\n{'model':<10}{'test set':<10}{'BLEU':>7}{'gain':>8}{'p':>8}  gate  last validation")
    for name, words in trainings.items():
        gate = train(name, *words, allowed=(0, 3)) if words else 0
        last = validations.read(Location(run(name)))[-1]
        told = ", ".join(
            [f"{last.bleu:.1f}", *(f"{n} {s.bleu:.1f}" for n, s in last.others.items())]
        )
        for test, options in tests.items():
            output = folder / f"out-{asked.seed}" / f"{name}-{test}"
            nmt("translate", "--model", run(name) / "model", *options, "--output", output,
                "--set", "search.beam_size=5", "--heatmaps", 0, "--max-rejected", 1)  # fmt: skip
            compared = ["--baseline", folder / f"out-{asked.seed}" / f"base-{test}"]
            nmt("evaluate", "--candidate", output, *options[2:], "--output", f"{output}-scores",
                *compared)  # fmt: skip
            report = json.loads(Path(f"{output}-scores", "report.json").read_text())
            scores = EvaluationReport.model_validate(report)
            paired = scores.comparison.metrics[0] if scores.comparison else None
            gain = f"{paired.difference:+8.2f}{paired.p or 0:8.3f}" if paired else " " * 16
            bleu = scores.scores[0].score
            print(f"{name:<10}{test:<10}{bleu:7.2f}{gain}  {gate:<4}  {told}", flush=True)


if __name__ == "__main__":
    main()
