"""The three commands on a real corpus, shorter than the README's 20 minutes of training."""

import os
from pathlib import Path

import pytest
from commands import ROOT, run

pytestmark = [pytest.mark.system, pytest.mark.slow]

_FOLDER = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared/data")) / "multi30k"


def test_eight_minutes_on_multi30k(tmp_path: Path) -> None:
    if not _FOLDER.is_dir():
        pytest.skip(f"no Multi30k in {_FOLDER} (set NMT_DATA)")

    def file(part: str, language: str) -> Path:
        return _FOLDER / f"{part}.{language}.gz"

    data, training, output = (tmp_path / name for name in ("data", "run", "out"))
    options = ["--source", file("train", "en"), "--target", file("train", "de")]
    for part, name in (("valid", "val"), ("test", "test_2016_flickr")):
        options += [f"--{part}-source", file(name, "en"), f"--{part}-target", file(name, "de")]
    run("prepare", "--output", data, *options)
    run("train", "--data", data, "--output", training, "--preset", "small", "--max-minutes", "8")
    done = run("translate", "--model", training / "model", "--output", output, "--beam-size", "5",
               "--input", file("test_2016_flickr", "en"),
               "--references", file("test_2016_flickr", "de"))  # fmt: skip
    print(done.stdout, done.stderr[-600:])
    name, bleu = done.stdout.split()[:2]
    assert name == "BLEU"
    # 29.7 is what an untuned peer reaches in 16 minutes of one core (see the literature).
    assert float(bleu) >= 20
