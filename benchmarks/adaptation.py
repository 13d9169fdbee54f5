"""What an adaptation gains and forgets: a Tatoeba model trained further on a few other pairs.

Trains a base model on Tatoeba; then, as docs/how-to/adapt.md does, on few pairs mixed with
Tatoeba, on them without Tatoeba, and from nothing on them alone. The tasks:

    captions     2,000 pairs of Multi30k; tested on test_2016_flickr
    manuals      2,000 pairs of manual pages; tested on 1,000 pairs of other pages
    corrections  500 pairs of manual pages; tested on the same

Translates the test sets of the task and of Tatoeba with each model by beam search, and prints BLEU,
what it gained on the base with its significance, the exit status of ``--gate`` (3: no model kept
what it had to, and MODEL is the base), and BLEU on the validation sets at the end of the training.
What is there already is not done again, so that an interrupted run can be continued.

    python benchmarks/adaptation.py FOLDER captions --data /data [--seeds 1 2] [--epochs 4]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

from nmt.records.report import EvaluationReport
from nmt.storage.location import Location
from nmt.training import validations

CONFIG = Path(__file__).with_name("fast.yaml")
PAIRS = {"captions": 2000, "manuals": 2000, "corrections": 500}
# Of 1,000 tokens per batch with the base's dropout; the mean of the weights is what is validated.
TRAINING = ["--set", "training.batch_tokens=1000", "--set", "training.dropout=0.1",
            "--set", "training.schedule=linear", "--set", "training.ema_decay=0.998",
            "--set", "training.validate_every=600", "--set", "training.patience=100"]  # fmt: skip


def nmt(*words: object, allowed: tuple[int, ...] = (0,)) -> int:
    """Run a command, which continues what was begun; returns its exit status."""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    begin = time.monotonic()
    status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    print(f"  {time.monotonic() - begin:6.0f} s  nmt {' '.join(map(str, words))}", flush=True)
    if status not in allowed:
        raise SystemExit(f"nmt {words[0]} ended with {status}")
    return status


def captions(data: Path, folder: Path) -> tuple[list[object], list[object]]:
    """The options of `prepare` for pairs and validation, and those of `translate` for the test."""
    multi30k = data / "multi30k"
    pairs = ["--source", multi30k / "train.en.gz", "--target", multi30k / "train.de.gz",
             "--valid-source", multi30k / "val.en.gz",
             "--valid-target", multi30k / "val.de.gz"]  # fmt: skip
    test = ["--input", multi30k / "test_2016_flickr.en.gz",
            "--references", multi30k / "test_2016_flickr.de.gz"]  # fmt: skip
    return pairs, test


def manuals(data: Path, folder: Path) -> tuple[list[object], list[object]]:
    """The same of the manual pages: no page is in two of training, validation and test."""
    split: dict[str, list[list[str]]] = {"train": [], "valid": [], "test": []}
    with gzip.open(data / "manpages" / "manpages.tsv.gz", "rt", encoding="utf-8") as file:
        for line in file:
            *row, page = line.rstrip("\n").split("\t")
            share = zlib.crc32(page.encode()) % 10
            split[{0: "test", 1: "valid"}.get(share, "train")].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in split.items():
        size = {"valid": 500, "test": 1000}.get(name, len(rows))
        chosen = random.Random(1).sample(rows, size)
        for side, suffix in enumerate(("en", "de")):
            texts = "".join(f"{row[side]}\n" for row in chosen)
            (folder / f"{name}.{suffix}").write_text(texts, encoding="utf-8")
    sides = {"source": "train.en", "target": "train.de"}
    sides |= {"valid-source": "valid.en", "valid-target": "valid.de"}
    pairs = [word for name, file in sides.items() for word in (f"--{name}", folder / file)]
    return pairs, ["--input", folder / "test.en", "--references", folder / "test.de"]


def show_scores(
    run: Path, output: Path, test: list[object], base: Path | None, status: int
) -> None:
    """Translate a test set with a model, and print its line of the table."""
    nmt("translate", "--model", run / "model", *test, "--output", output,
        "--set", "search.beam_size=5", "--heatmaps", 0, "--max-rejected", 1)  # fmt: skip
    compared = ["--baseline", base] if base else []
    nmt("evaluate", "--candidate", output, *test[2:], "--output", f"{output}-scores", *compared)
    report = json.loads(Path(f"{output}-scores", "report.json").read_text())
    scores = EvaluationReport.model_validate(report)
    paired = scores.comparison.metrics[0] if scores.comparison else None
    gain = f"{paired.difference:+8.2f}{paired.p or 0:8.3f}" if paired else " " * 16
    last = validations.read(Location(run))[-1]
    others = [f"{name} {validation.bleu:.1f}" for name, validation in last.others.items()]
    valid = ", ".join([f"{last.bleu:.1f}", *others])
    print(f"{output.name:<20}{scores.scores[0].score:7.2f}{gain}  {status:<4}  {valid}", flush=True)


def main() -> None:
    """Run all of it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("task", choices=PAIRS)
    parser.add_argument("--data", type=Path, required=True, help="tatoeba/, multi30k/, manpages/")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--passes", type=int, default=50, help="through the few pairs alone")
    parser.add_argument("--epochs", type=int, default=4, help="of the base model")
    asked = parser.parse_args()
    folder, task = asked.folder, asked.task
    base, tatoeba = folder / "base", folder / "tatoeba"
    nmt("prepare", "--pairs", asked.data / "tatoeba/deu-eng.zip", "--output", tatoeba,
        "--source-language", "en", "--target-language", "de",
        "--valid-fraction", 0.01, "--test-fraction", 0.01)  # fmt: skip
    nmt("train", "--data", tatoeba, "--output", base, "--config", CONFIG,
        "--set", f"training.epochs={asked.epochs}")  # fmt: skip
    if task == "captions":
        pairs, test = captions(asked.data, folder)
    else:
        pairs, test = manuals(asked.data, folder / "manpages")
    few = [*pairs, "--sample", PAIRS[task], "--source-language", "en", "--target-language", "de"]
    nmt("prepare", *few, "--vocabulary-from", base / "model", "--output", folder / task)
    nmt("prepare", *few, "--vocab-size", 3000, "--output", folder / f"{task}-alone")
    adapted = ["--data", folder / task, "--data", tatoeba, "--init-from", base / "model",
               *TRAINING, "--gate", "--set", "training.keep={tatoeba: 1}"]  # fmt: skip
    passes = ["--set", f"training.epochs={asked.passes}"]
    trainings = {
        # One pass through as many pairs as both datasets have, a third of them of the task.
        "mixed": [*adapted, "--set", "training.learning_rate=0.0005", "--set", "training.epochs=1",
                  "--set", "training.stages=[{weights: [1, 2]}]"],
        "unmixed": [*adapted, "--set", "training.learning_rate=0.001", *passes,
                    "--set", "training.stages=[{weights: [1, 0]}]"],
        "alone": ["--data", folder / f"{task}-alone", "--config", CONFIG, *TRAINING, *passes,
                  "--set", "training.learning_rate=0.002"],
    }  # fmt: skip
    tests = {task: test, "tatoeba": ["--input", tatoeba / "test", "--reference-column", "target"]}
    print(f"\n{'model':<20}{'BLEU':>7}{'gain':>8}{'p':>8}  gate  last validation")
    translated = folder / f"out-{task}"
    for name, options in tests.items():
        show_scores(base, translated / f"base-{name}", options, None, 0)
    for seed in asked.seeds:
        for training, words in trainings.items():
            run = folder / f"{task}-{training}-{seed}"
            status = nmt("train", "--output", run, *words, "--set", f"training.seed={seed}",
                         allowed=(0, 3))  # fmt: skip
            for name, options in tests.items():
                output = translated / f"{training}-{name}-{seed}"
                show_scores(run, output, options, translated / f"base-{name}", status)


if __name__ == "__main__":
    main()
