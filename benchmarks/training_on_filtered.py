"""What filters are worth to a training: BLEU after one on a corpus with noise put in.

Puts the noise of benchmarks/corpus_filters.py into the training pairs of a corpus, and trains
benchmarks/fast.yaml on

    clean     the pairs that the noise left as they were
    filtered  all pairs, prepared with --filters
    noisy     all pairs

Each has vocabularies of its own. Prints the number of pairs, and BLEU of greedy search on 1,000
clean pairs whose sources are in no training. What is there already is not done again.

    python benchmarks/training_on_filtered.py FOLDER PAIRS [--messages FOLDER] [--most 60000]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import zlib
from pathlib import Path

import sacrebleu
from corpus_filters import Pair, read, read_messages, spoil

import nmt
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

CONFIG = Path(__file__).with_name("fast.yaml")
HELD_OUT = 1000  # pairs of the validation set, and of the test set


def run(*words: object) -> None:
    """Run a command, which continues what was begun."""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def write(file: Path, pairs: list[Pair]) -> None:
    """Write pairs as TSV."""
    lines = ["\t".join(side.replace("\t", " ") for side in pair) for pair in pairs]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> None:
    """Prepare, train and score all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", type=Location)
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--share", type=float, default=0.06)
    parser.add_argument("--most", type=int, help="pairs of the corpus, drawn at random")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--filters", default="web")
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    # All pairs of a source lie in one split.
    splits: tuple[list[Pair], ...] = ([], [], [])
    rng = random.Random(1)
    pairs_read = read(asked.pairs)
    if asked.most and asked.most < len(pairs_read):
        pairs_read = rng.sample(pairs_read, asked.most)
    for pair in pairs_read:
        splits[max(0, zlib.crc32(pair[0].lower().encode()) % 100 - 97)].append(pair)
    train, *held_out = splits
    for name, pairs in zip(("valid", "test"), held_out, strict=True):
        write(folder / f"{name}.tsv", pairs[:HELD_OUT])
    noisy, kinds = spoil(train, read_messages(asked.messages), asked.share, rng)
    write(folder / "noisy.tsv", noisy)
    write(
        folder / "clean.tsv", [p for p, kind in zip(train, kinds, strict=True) if kind == "clean"]
    )
    test = held_out[1][:HELD_OUT]
    print(f"{'training':<10}{'pairs':>9}{'BLEU':>8}", flush=True)
    for name in ("clean", "filtered", "noisy"):
        file = "clean.tsv" if name == "clean" else "noisy.tsv"
        preset = asked.filters if name == "filtered" else "none"
        run("prepare", "--pairs", folder / file, "--valid-pairs", folder / "valid.tsv",
            "--source-language", "en", "--target-language", "de",
            "--filters", preset, "--output", folder / name)  # fmt: skip
        run("train", "--data", folder / name, "--output", folder / f"{name}-run",
            "--config", CONFIG, "--set", f"training.epochs={asked.epochs}")  # fmt: skip
        model = nmt.load_model(folder / f"{name}-run" / "model")
        texts = [translation.text for translation in model.translate(s for s, _ in test)]
        bleu = sacrebleu.corpus_bleu(texts, [[target for _, target in test]]).score
        pairs_left = Dataset.open(Location(folder / name)).rows("train")
        print(f"{name:<10}{pairs_left:>9,}{bleu:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
