"""What augmentation is worth on texts in capitals, in lower case and with typing errors.

Trains benchmarks/fast.yaml on Multi30k twice, without and with training.augment, and scores both
models on test_2016 as it is and changed: in capitals (the references, too), with and without
search.recase, in lower case, with every 15th letter of the source left out. Decoding is greedy.

    python benchmarks/augmentation.py FOLDER --data /data [--epochs 3]
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import sacrebleu

import nmt

CONFIG = Path(__file__).with_name("fast.yaml")
SHARES = "{upper: 0.1, title: 0.03, lower: 0.07, typos: 0.05, no_stop: 0.05, joined: 0.03}"


def run(*words: object) -> None:
    """Run a command, which continues what was begun."""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def thinned(text: str) -> str:
    """A text without every 15th letter."""
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    dropped = set(places[7::15])
    return "".join(letter for place, letter in enumerate(text) if place not in dropped)


def same(text: str) -> str:
    """The text itself."""
    return text


# Of the source, of the reference; and search.recase.
CHANGES: dict[str, tuple[Callable[[str], str], Callable[[str], str], bool]] = {
    "as it is": (same, same, True),
    "capitals": (str.upper, str.upper, True),
    "not recased": (str.upper, str.upper, False),
    "lower case": (str.lower, same, True),
    "letters left out": (thinned, same, True),
}


def main() -> None:
    """Train and score both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of multi30k/")
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    data, folder = asked.data / "multi30k", asked.folder
    run("prepare", "--source", data / "train.en.gz", "--target", data / "train.de.gz",
        "--valid-source", data / "val.en.gz", "--valid-target", data / "val.de.gz",
        "--output", folder / "data")  # fmt: skip
    sources, references = (
        gzip.decompress((data / f"test_2016_flickr.{language}.gz").read_bytes())
        .decode("utf-8")
        .splitlines()
        for language in ("en", "de")
    )
    print(f"{'training':<12}" + "".join(f"{name:>18}" for name in CHANGES), flush=True)
    for name, augment in (("plain", "{}"), ("augmented", SHARES)):
        run("train", "--data", folder / "data", "--output", folder / name, "--config", CONFIG,
            "--set", f"training.epochs={asked.epochs}",
            "--set", f"training.augment={augment}")  # fmt: skip
        model = nmt.load_model(folder / name / "model")
        scores = []
        for change, wanted, recase in CHANGES.values():
            results = model.translate(map(change, sources), recase=recase)
            translations = [one.text for one in results]
            bleu = sacrebleu.corpus_bleu(translations, [[wanted(text) for text in references]])
            scores.append(bleu.score)
        print(f"{name:<12}" + "".join(f"{score:18.2f}" for score in scores), flush=True)


if __name__ == "__main__":
    main()
