"""Japanese on a real corpus, both ways: one BLEU wherever it is computed, and it rises."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from commands import ROOT, run

from nmt.evaluation.tokenizers import tokenizer_for
from nmt.storage.location import Location
from nmt.training import validations

pytestmark = [pytest.mark.system, pytest.mark.slow]

_FOLDER = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared/data")) / "enja"
_SMALL = {
    "model": {
        **{"embedding_dim": 160, "readout_units": 160, "encoder_units": 192},
        **{"decoder_units": 320, "attention_units": 128},
    },
    "training": {
        **{"epochs": 2, "learning_rate": 0.002, "dropout": 0.1, "batch_tokens": 1600},
        "validate_every": 300,
    },
}


def _split(name: str, folder: Path) -> dict[str, Path]:
    """A file of the corpus as one file a language."""
    files = {language: folder / f"{name}.{language}" for language in ("en", "ja")}
    lines = gzip.decompress((_FOLDER / f"{name}.tsv.gz").read_bytes()).decode().splitlines()
    for side, file in enumerate(files.values()):
        file.write_text("".join(line.split("\t")[side] + "\n" for line in lines))
    return files


@pytest.mark.parametrize(("source", "target"), [("en", "ja"), ("ja", "en")])
def test_japanese_is_scored_alike_everywhere(source: str, target: str, tmp_path: Path) -> None:
    if not _FOLDER.is_dir():
        pytest.skip(f"no enja in {_FOLDER} (set NMT_DATA)")
    train, dev = (_split(name, tmp_path) for name in ("train", "dev"))
    data, training, output = (tmp_path / name for name in ("data", "run", "out"))
    run("prepare", "--output", data, "--vocab-size", "4000", "--source", train[source],
        "--target", train[target], "--valid-source", dev[source],
        "--valid-target", dev[target])  # fmt: skip
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(_SMALL))
    run("train", "--data", data, "--output", training, "--preset", "small",
        "--config", tmp_path / "small.yaml")  # fmt: skip
    lines = validations.read(Location(training))
    (best,) = (line for line in lines if line.best)
    assert best.bleu == max(line.bleu for line in lines) > lines[0].bleu > 0
    done = run("translate", "--model", training / "model", "--input", data / "valid",
               "--reference-column", "target", "--output", output, "--heatmaps", "0")  # fmt: skip
    again = run("evaluate", "--candidate", output, "--reference-column", "target",
                "--output", tmp_path / "report")  # fmt: skip
    rows = pq.read_table(output / "translations").to_pylist()
    for name in ("translation", "target"):
        (tmp_path / name).write_text("".join(f"{row[name]}\n" for row in rows))
    tokenize = tokenizer_for("auto", target)
    printed = subprocess.run(
        [sys.executable, "-m", "sacrebleu", "target", "-i", "translation", "-m", "bleu", "-b",
         "-w", "4", "--tokenize", tokenize],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert f"{best['bleu']:.4f}" == printed
    for job in (done, again):
        assert f"BLEU {float(printed):.2f}" in job.stdout
    reports = (output / "report" / "report.json", tmp_path / "report" / "report.json")
    for report in reports:
        (bleu, *_) = Location(report).read_json()["scores"]
        assert f"{bleu['score']:.4f}" == printed
        assert bleu["signature"].replace("|bs:1000|seed:12345", "") == best["signature"]
