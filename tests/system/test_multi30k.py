"""The three commands on a real corpus reach what docs/results.json has measured."""

import json
import os
from pathlib import Path

import pytest
from commands import ROOT, run

pytestmark = [pytest.mark.system, pytest.mark.slow]

_FOLDER = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared/data")) / "multi30k"
_NAME = "Multi30k en→de test_2016, benchmarks/fast.yaml, 3 epochs, with attention, greedy"


def test_three_epochs_on_multi30k(tmp_path: Path) -> None:
    if not _FOLDER.is_dir():
        pytest.skip(f"no Multi30k in {_FOLDER} (set NMT_DATA)")
    results = json.loads((ROOT / "docs/results.json").read_text("utf-8"))
    (measured,) = (result for result in results if result["name"].startswith(_NAME))

    def file(part: str, language: str) -> Path:
        return _FOLDER / f"{part}.{language}.gz"

    data, training, output = (tmp_path / name for name in ("data", "run", "out"))
    options = ["--joint-vocabulary", "--set", "data.byte_fallback=false"]
    options += ["--source", file("train", "en"), "--target", file("train", "de")]
    for part, name in (("valid", "val"), ("test", "test_2016_flickr")):
        options += [f"--{part}-source", file(name, "en"), f"--{part}-target", file(name, "de")]
    run("prepare", "--output", data, *options)
    run("train", "--data", data, "--output", training, "--config", ROOT / "benchmarks/fast.yaml")
    done = run("translate", "--model", training / "model", "--output", output,
               "--input", file("test_2016_flickr", "en"),
               "--references", file("test_2016_flickr", "de"))  # fmt: skip
    print(done.stdout, done.stderr[-600:])
    name, bleu = done.stdout.split()[:2]
    assert name == "BLEU"
    # Two seeds differ by the spread; another processor's rounding does no more than a seed.
    assert float(bleu) >= measured["value"] - 3 * measured["spread"]
