"""Decoding with TensorFlow beside ONNX Runtime in float32 and int8, in turn, on one core.

MODEL has its graphs (`nmt export`); SOURCE and TARGET are text files, line for line, perhaps .gz.
Prints for each search the sentences per CPU-second (text to text, median of three), BLEU, and how
many translations are those of TensorFlow; then for each runtime the CPU-seconds and the memory of
`nmt translate` with one sentence.

    python benchmarks/runtimes.py MODEL SOURCE TARGET
"""

from __future__ import annotations

import gzip
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import sacrebleu

_RUNTIMES = {
    "TensorFlow": {"runtime": "tensorflow"},
    "ONNX float32": {"runtime": "onnx"},
    "ONNX int8": {"runtime": "onnx", "precision": "int8"},
}
_SEARCHES = {
    "greedy": {"beam_size": 1},
    "beam 5": {"beam_size": 5, "shortlist": 0},
    "beam 5, shortlist 20": {"beam_size": 5, "shortlist": 20},
}
_ROUNDS = 3
_MEASURED = """
import atexit, sys, time
from nmt.process import peak_bytes
atexit.register(lambda: print(f"{time.process_time():.2f}", peak_bytes(), file=sys.stderr))
from nmt.cli.application import main
main()
"""
_ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def main(model: str, source: str, target: str) -> None:
    """Print the tables."""
    os.environ.update(_ONE_THREAD)
    from nmt.inference.translator import load_model
    from nmt.settings import SearchSettings

    texts, references = _lines(source), _lines(target)
    translators = {
        name: load_model(model, SearchSettings.model_validate(settings), threads=1)
        for name, settings in _RUNTIMES.items()
    }
    print("| search | runtime | sentences per CPU-second | ratio | BLEU | as TensorFlow |")
    print("|---|---|---:|---:|---:|---:|")
    for search, options in _SEARCHES.items():
        seconds: dict[str, list[float]] = {name: [] for name in translators}
        results: dict[str, list[str]] = {}
        for number in range(1 + _ROUNDS):
            for name, translator in translators.items():
                start = time.process_time()
                results[name] = [t.text for t in translator.translate(texts, **options)]
                if number:  # the first one traces
                    seconds[name].append(time.process_time() - start)
        first = statistics.median(seconds["TensorFlow"])
        for name in translators:
            median = statistics.median(seconds[name])
            bleu = sacrebleu.corpus_bleu(results[name], [references]).score
            same = sum(map(str.__eq__, results[name], results["TensorFlow"]))
            print(
                f"| {search} | {name} | {len(texts) / median:,.0f} | {first / median:.2f} | "
                f"{bleu:.2f} | {same:,} of {len(texts):,} |"
            )
    print("\n| one sentence | CPU-seconds | seconds | MB |\n|---|---:|---:|---:|")
    for name, settings in _RUNTIMES.items():
        print(f"| {name} | {_first_sentence(model, texts[0], settings)} |")


def _lines(name: str) -> list[str]:
    data = Path(name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    return text.splitlines()


def _first_sentence(model: str, text: str, settings: dict[str, str]) -> str:
    """CPU-seconds, seconds and peak memory of a command that translates one sentence."""
    command = [sys.executable, "-c", _MEASURED, "translate", "--model", model]
    for key, value in settings.items():
        command += ["--set", f"search.{key}={value}"]
    start = time.monotonic()
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=True)
    processor, peak = done.stderr.split()[-2:]
    return f"{processor} | {time.monotonic() - start:.2f} | {int(peak) / 2**20:.0f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
