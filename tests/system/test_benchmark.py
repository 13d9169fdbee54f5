"""`jobs/benchmark.py` on a real cluster."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from commands import ROOT, TINY, command, run
from processes import descendants
from ray_head import RayHead, environment

pytestmark = [pytest.mark.system, pytest.mark.slow]

_PATIENCE = 600  # seconds


def test_benchmark_measures_training_and_decoding(
    trained: Path, ray_head: RayHead, tmp_path: Path
) -> None:
    output = tmp_path / "bench.json"
    done = run("benchmark", "--model", trained / "run/model", "--data", trained / "dataset",
               "--workers", "2", "--steps", "5", "--sentences", "40", "--beam-size", "3",
               "--plan", "1000000,20", "--output", output, head=ray_head)  # fmt: skip
    report = json.loads(output.read_text())
    config = yaml.safe_load((trained / "run/config.yaml").read_text())
    assert report["conditions"]["architecture"] == config["settings"]["model"]
    assert report["conditions"]["training"] == config["settings"]["training"]
    assert report["conditions"]["training_from"] == str(trained / "run/config.yaml")
    assert len(report["workers"]) == 2
    for worker in report["workers"]:
        training, decoding = worker["training"], worker["decoding"]
        assert 0 < training["share_of_peak"] < 1
        assert 0 <= worker["reading"]["source_padding_share"] < 0.5
        assert 0 <= worker["reading"]["target_padding_share"] < 0.5
        assert set(decoding) == {"3"}
        assert decoding["3"]["sentences_per_second"] > 0
        # Of processes of their own: a training does not count for a decoding.
        assert 2**28 < decoding["3"]["memory_bytes"] != training["memory_bytes"] > 2**28
        assert training["first_step_seconds"] > 0
        assert decoding["3"]["first_sentence_seconds"] > 0
    assert set(report["start_up"]["worker_seconds"]) == {"training", "decoding"}
    speeds = [worker["training"]["tokens_per_second"] for worker in report["workers"]]
    together = report["cluster"]["training"]["tokens_per_second"]
    assert together == pytest.approx(sum(speeds))
    assert [line["work"] for line in report["plan"]["estimates"]] == [
        "an epoch of training", "translation, beam 3"
    ]  # fmt: skip
    # What is printed is what is written.
    (line,) = (one for one in done.stdout.splitlines() if one.startswith("training, target tok"))
    numbers = f"{sum(speeds) / 2:,.0f} ({min(speeds):,.0f}–{max(speeds):,.0f})"
    assert line.split("tokens/s")[1].split() == [*numbers.split(), f"{together:,.0f}"]
    for name in ("decoding, beam 3, sentences/s", "first sentence, beam 3", "plan: translation"):
        assert name in done.stdout
    assert "exchange no gradients" in done.stdout


def test_a_worker_that_is_killed_ends_the_benchmark_in_one_line(ray_head: RayHead) -> None:
    """On the built-in grammar, which the driver has sent to the workers by then."""
    words = command("benchmark", "--steps", "1000000", "--workers", "2", *TINY, head=ray_head)
    job = subprocess.Popen(
        words, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline, victims = time.monotonic() + _PATIENCE, []
    while not victims and job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
        titles = descendants(ray_head.pid)
        victims = [pid for pid, title in titles.items() if "Measurement.training" in title]
    try:
        os.kill(victims[0], signal.SIGKILL)
        printed, told = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode == 1, told
    assert "tokens/s" not in printed
    assert (
        told.splitlines()[-1]
        .partition(" ERROR ")[2]
        .startswith("benchmark: measuring: a task failed on the cluster: ")
    )
    assert "Traceback" not in told
    while left := [one for one in descendants(ray_head.pid).values() if "Meter" in one]:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_benchmark_refuses_a_bad_plan_before_it_starts(tmp_path: Path) -> None:
    done = run("benchmark", "--plan", "many", status=2)
    assert "ROWS,TOKENS" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
