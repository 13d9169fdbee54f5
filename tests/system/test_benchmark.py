"""`jobs/benchmark.py` on a real cluster."""

import json
from pathlib import Path

import pytest
from commands import run
from ray_head import RayHead

pytestmark = pytest.mark.system


def test_benchmark_measures_training_and_decoding(
    trained: Path, ray_head: RayHead, tmp_path: Path
) -> None:
    output = tmp_path / "bench.json"
    done = run("benchmark", "--model", trained / "run/model", "--data", trained / "dataset",
               "--workers", "2", "--steps", "5", "--sentences", "40", "--beam-size", "3",
               "--plan", "1000000,20", "--output", output, head=ray_head)  # fmt: skip
    report = json.loads(output.read_text())
    assert report["conditions"]["architecture"]["decoder_units"] == 64  # the model's own
    assert len(report["workers"]) == 2
    for worker in report["workers"]:
        assert 0 < worker["share_of_peak"] < 1
        assert 0 <= worker["reading"]["padding_share"] < 0.5
        assert worker["memory"] > 2**28
        assert set(worker["decoding"]) == {"3"}
        assert worker["decoding"]["3"]["sentences_per_second"] > 0
    speeds = [worker["training"]["tokens_per_second"] for worker in report["workers"]]
    assert report["cluster"]["training_tokens_per_second"] == pytest.approx(sum(speeds))
    assert [line["work"] for line in report["plan"]["estimates"]] == [
        "an epoch of training", "translation, beam 3"
    ]  # fmt: skip
    for name in ("training", "decoding, beam 3", "padding of training batches", "plan:"):
        assert name in done.stdout


def test_benchmark_refuses_a_bad_plan_before_it_starts(tmp_path: Path) -> None:
    done = run("benchmark", "--plan", "many", status=2)
    assert "ROWS,TOKENS" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
