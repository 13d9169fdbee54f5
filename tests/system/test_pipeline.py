"""The three commands, one after another, as a user types them."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from browser import DESKTOP, PHONE, console_complaints, overflowing, requests_made, view_at
from commands import ROOT, TINY, command, run
from logged import messages
from ray_head import RayHead, environment
from rounding import SCORE

pytestmark = pytest.mark.system

OPTIONS = ["--reference-column", "target", "--alignment-column", "alignment"]
OPTIONS += ["--alignments", "--heatmaps", "4"]


def translations(output: Path) -> list[dict]:
    """All rows of an output, in the order of its manifest."""
    manifest = json.loads((output / "manifest.json").read_text())
    names = [name for name in manifest["files"] if name.startswith("translations/")]
    return [row for name in names for row in pq.read_table(output / name).to_pylist()]


def without_numbers(rows: list[dict]) -> list[dict]:
    """Rows without what is compared with a tolerance."""
    inexact = ("score", "attention_entropy", "coverage")
    return [{key: row[key] for key in row if key not in inexact} for row in rows]


@pytest.fixture(scope="module")
def translated(trained: Path, ray_head: RayHead) -> Path:
    """The test part of the demo corpus, translated."""
    output = trained / "out"
    done = run("translate", "--model", trained / "run/model", "--input", trained / "dataset/test",
               "--output", output, *OPTIONS, head=ray_head)  # fmt: skip
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["BLEU", "AER", "REPORT"]
    # Every line is of our log: TensorFlow and Ray are quiet.
    assert len(messages(done.stderr)) == len(done.stderr.splitlines()), done.stderr
    return output


def test_training_leaves_what_the_contract_says(trained: Path) -> None:
    folder = trained / "run"
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["settings"]["model"]["decoder_units"] == 64
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {"step", "epoch", "loss", "tokens_per_second", "learning_rate", "padding_share"} <= set(
        lines[0]
    )
    assert lines[-1]["loss"] < lines[0]["loss"]
    with (folder / "validations.tsv").open() as file:
        validations = list(csv.DictReader(file, delimiter="\t"))
    assert [line["epoch"] for line in validations] == ["1", "2"]
    assert [line["best"] for line in validations].count("yes") == 1
    assert (folder / "plots/learning.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "plots/attention").glob("step-*.png"))) == 6
    assert list((folder / "tensorboard").glob("events*"))
    assert all(path.is_dir() for path in folder.glob("checkpoint_*"))
    assert list(folder.glob("checkpoint_*/checkpoint.json"))
    assert not (folder / ".validate_storage_marker").exists()  # nor other files of Ray Train's
    model = json.loads((folder / "model/model.json").read_text())
    assert model["direction"] == {"source": "en", "target": "de"}
    best = next(line for line in validations if line["best"] == "yes")
    assert model["validation"]["bleu"] == pytest.approx(float(best["bleu"]), abs=1e-4)


def test_translation_leaves_what_the_contract_says(trained: Path, translated: Path) -> None:
    given = pq.read_table(trained / "dataset/test").to_pylist()
    rows = translations(translated)
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    assert [row["target"] for row in rows] == [row["target"] for row in given]
    assert all(row["score"] <= 0 for row in rows)
    report = json.loads((translated / "report/report.json").read_text())
    assert report["counts"]["rows"] == len(given)
    assert [score["metric"] for score in report["scores"]] == ["BLEU", "chrF", "chrF++", "TER"]
    assert all(score["signature"] for score in report["scores"])
    assert 0 <= report["alignment"]["aer"] <= 1
    assert len(list((translated / "report/heatmaps").glob("*.png"))) == 4
    assert pq.read_table(translated / "alignments").column_names == ["id", "alignment"]
    assert (translated / "_SUCCESS").read_bytes() == b""


def test_page_of_a_real_job_in_a_browser(translated: Path, browser, tmp_path: Path) -> None:
    for size in (DESKTOP, PHONE):
        view_at(browser, size)
        browser.get((translated / "report/index.html").as_uri())
        assert not overflowing(browser)
    assert not console_complaints(browser)
    assert not requests_made(browser)
    assert len(browser.find_elements("css selector", "img")) >= 4


def test_finished_jobs_end_at_once(trained: Path, translated: Path, ray_head: RayHead) -> None:
    done = run("train", "--data", trained / "dataset", "--output", trained / "run", *TINY,
               "--set", "training.epochs=2", head=ray_head)  # fmt: skip
    assert "already ended" in done.stderr
    assert "joining" not in done.stderr  # not even Ray is asked
    before = (translated / "manifest.json").read_bytes()
    done = run("translate", "--model", trained / "run/model", "--input", trained / "dataset/test",
               "--output", translated, *OPTIONS, head=ray_head)  # fmt: skip
    assert "already finished" in done.stderr
    assert "joining" not in done.stderr
    assert done.stdout.split()[0] == "BLEU"
    assert (translated / "manifest.json").read_bytes() == before


def test_other_settings_on_the_same_output_are_refused(
    trained: Path, translated: Path, ray_head: RayHead
) -> None:
    done = run("translate", "--model", trained / "run/model", "--input", trained / "dataset/test",
               "--output", translated, *OPTIONS, "--beam-size", "2",
               head=ray_head, status=2)  # fmt: skip
    assert "search.beam_size 1 → 2" in done.stderr
    done = run("train", "--data", trained / "dataset", "--output", trained / "run", *TINY,
               "--set", "training.learning_rate=0.5", head=ray_head, status=2)  # fmt: skip
    assert "learning_rate" in done.stderr


def test_more_epochs_continue_the_training(trained: Path, ray_head: RayHead) -> None:
    before = (trained / "run/metrics.jsonl").read_text().splitlines()
    done = run("train", "--data", trained / "dataset", "--output", trained / "run", *TINY,
               "--set", "training.epochs=3", head=ray_head)  # fmt: skip
    assert "continuing from step" in done.stderr
    after = (trained / "run/metrics.jsonl").read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) > len(before)


@pytest.mark.slow
def test_killed_translation_continues_to_the_same_output(
    trained: Path, ray_head: RayHead, tmp_path: Path
) -> None:
    text = tmp_path / "corpus.txt"
    sources = pq.read_table(trained / "dataset/train", columns=["source"])["source"].to_pylist()
    lines = [f"{source}\n" for source in sources * 3]
    lines[5] = "\n"
    data = "".join(lines).encode()
    text.write_bytes(data[:2000] + b"\xff\xfe broken\n" + data[2000:])
    options = ["--model", trained / "run/model", "--input", text, "--heatmaps", "2"]
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    run("translate", *options, "--output", clean, head=ray_head)
    process = subprocess.Popen(
        command("translate", *options, "--output", killed, head=ray_head),
        cwd=ROOT, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while len(list((killed / "_units").glob("*.json"))) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "_SUCCESS").exists()
    time.sleep(5)  # Ray ends the actors of a driver that is gone
    kept = {file.name: file.stat().st_mtime_ns for file in (killed / "_units").glob("*.json")}
    done = run("translate", *options, "--output", killed, head=ray_head)
    assert "units are done already" in done.stderr
    for name, changed in kept.items():
        assert (killed / "_units" / name).stat().st_mtime_ns == changed, "decoded again"
    one, other = translations(clean), translations(killed)
    assert without_numbers(one) == without_numbers(other)
    assert [row["score"] for row in one] == pytest.approx(
        [row["score"] for row in other], abs=SCORE
    )
    rejected = pq.read_table(killed / "rejected").to_pylist()
    assert [row["reason"] for row in rejected] == ["broken_utf8"]
    ids = sorted([row["id"] for row in other] + [row["id"] for row in rejected])
    assert ids == list(range(len(lines) + 1))
    assert other[5]["flags"] == ["empty"]
    assert other[5]["translation"] == ""


def test_too_many_rejections_end_with_status_3(
    trained: Path, ray_head: RayHead, tmp_path: Path
) -> None:
    text = tmp_path / "corpus.txt"
    text.write_bytes(b"The dog sleeps.\n\xff\xfe\n")
    options = ["--model", trained / "run/model", "--input", text, "--output", tmp_path / "out"]
    for _ in range(2):  # the verdict is stored
        done = run("translate", *options, head=ray_head, status=3)
        assert "more than --max-rejected" in done.stderr
    assert (tmp_path / "out/_SUCCESS").exists()
