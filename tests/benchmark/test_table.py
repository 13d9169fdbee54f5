"""What several workers measured, of one and of all, and that the table shows just that."""

import pytest

from nmt.benchmark.plan import Plan
from nmt.benchmark.table import Summary, summarize, table
from nmt.records.benchmark import (
    BenchmarkReport,
    Conditions,
    PlanEstimates,
    StartUp,
    WorkerMeasurements,
)


def worker(speed: float, beams: tuple[str, ...] = ("1", "5"), **more: float) -> WorkerMeasurements:
    """What a worker of this speed measures; two thirds of its peak in training."""
    values = {
        "training": {
            "first_step_seconds": 8 / speed,
            "tokens_per_second": 1000 * speed,
            "tokens_per_cpu_second": 1200.0,
            "step_milliseconds": 400 / speed,
            "operations_per_second": 40e9 * speed,
            "parameters": 7_715_648,
            "memory_bytes": 2**30,
            **more,
        },
        "reading": {
            "rows_per_second": 50_000.0,
            "source_padding_share": 0.2,
            "target_padding_share": 0.125,
        },
        "products": {"operations_per_second": 60e9 * speed, "side": 2048},
        "decoding": {
            beam: {
                "first_sentence_seconds": 4 / speed,
                "sentences_per_second": 300 * speed / int(beam),
                "sentences_per_cpu_second": 280.0,
                "tokens_per_second": 4000 * speed / int(beam),
                "memory_bytes": 2**29,
                **more,
            }
            for beam in beams
        },
    }
    return WorkerMeasurements.model_validate(values)


def report(
    *workers: WorkerMeasurements, precision: str = "float32", plan: PlanEstimates | None = None
) -> BenchmarkReport:
    return BenchmarkReport(
        **summarize(workers)._asdict(),
        start_up=StartUp(ray_seconds=3.25, worker_seconds={"training": 4.5, "decoding": 4.0}),
        conditions=Conditions.model_construct(
            training={"precision": precision}, training_from="preset small"
        ),
        plan=plan,
    )


def cells(lines: list[str], name: str) -> list[str]:
    """The numbers behind a name that one line has."""
    (line,) = (line for line in lines if line.startswith(name + "  "))
    return line.removeprefix(name).split()


def test_speeds_and_memory_add_up_and_the_last_one_to_start_counts() -> None:
    actual = summarize([worker(1), worker(3)])
    one, whole = actual.worker, actual.cluster
    assert one.training["tokens_per_second"] == 2000
    assert whole.training["tokens_per_second"] == 4000
    assert whole.reading["rows_per_second"] == 100_000
    assert whole.decoding["5"]["sentences_per_second"] == pytest.approx(240)
    assert whole.decoding["1"]["memory_bytes"] == 2**30
    assert whole.training["first_step_seconds"] == 8
    assert whole.decoding["1"]["first_sentence_seconds"] == 4
    for same in ("reading", "training"):
        shares = [
            key
            for key in getattr(whole, same)
            if key.endswith(("_share", "_of_peak", "_cpu_second"))
        ]
        assert shares
        for key in shares:
            assert getattr(whole, same)[key] == pytest.approx(getattr(one, same)[key])
            assert getattr(one, same)[key] == pytest.approx(
                getattr(worker(1), same).get(key, 2 / 3)
            )
    assert [w.training["share_of_peak"] for w in actual.workers] == pytest.approx([2 / 3] * 2)


def test_one_worker_is_the_cluster() -> None:
    actual = summarize([worker(1)])
    assert actual.cluster == actual.worker == actual.workers[0]


def test_the_table_shows_a_worker_and_the_cluster() -> None:
    lines = table(report(worker(1), worker(3)))
    assert cells(lines, "training, target tokens/s") == ["2,000", "(1,000–3,000)", "4,000"]
    assert cells(lines, "training, % of the peak") == ["66.7", "(66.7–66.7)", "66.7"]
    assert cells(lines, "decoding, greedy, sentences/s") == ["600.0", "(300.0–900.0)", "1,200.0"]
    assert cells(lines, "decoding, beam 5, sentences/s") == ["120.0", "(60.0–180.0)", "240.0"]
    assert cells(lines, "input, pairs/s")[-1] == "100,000"
    assert cells(lines, "padding of source batches, %")[0] == "20.0"
    assert cells(lines, "padding of target batches, %")[0] == "12.5"
    assert cells(lines, "first training step, s")[-1] == "8.0"
    assert cells(lines, "first sentence, beam 5, s")[-1] == "4.0"
    assert cells(lines, "memory after training, GiB") == ["1.00", "(1.00–1.00)", "2.00"]
    assert cells(lines, "memory after decoding, greedy, GiB")[-1] == "1.00"
    assert cells(lines, "start of Ray, s") == ["3.2"]
    assert cells(lines, "start of the workers for decoding, s") == ["4.0"]
    assert any("exchange no gradients" in line for line in lines)
    assert "settings of the training: preset small" in lines
    assert not any("GPU" in line for line in lines)


def test_of_one_worker_there_is_no_range_and_no_sum() -> None:
    lines = table(report(worker(1)))
    assert cells(lines, "training, target tokens/s") == ["1,000", "1,000"]
    assert not any("gradients" in line for line in lines)


def test_the_table_says_in_which_precision_the_peak_is() -> None:
    lines = table(report(worker(1), precision="bfloat16"))
    assert cells(lines, "peak: 2048² products in bfloat16, GFLOP/s")[0] == "60.0"


def test_without_a_model_nothing_is_said_of_decoding() -> None:
    lines = table(report(worker(1, beams=())))
    assert not [line for line in lines if line.startswith(("decoding", "first sentence"))]


def test_gpus_have_a_memory_and_a_plan_of_their_own() -> None:
    measured: Summary = summarize([worker(1, gpu_memory_bytes=2**31)])
    plan = Plan(10_000_000, 20)
    estimates = plan.estimate(measured.worker)
    planned = PlanEstimates(**plan._asdict(), device="GPU", estimates=estimates)
    lines = table(report(*measured.workers, plan=planned))
    assert cells(lines, "GPU memory after training, GiB")[0] == "2.00"
    assert cells(lines, "memory after training, GiB")[0] == "1.00"
    assert lines[-3] == "plan: an epoch of training: 55.56 hours on a GPU; 7 GPUs for 8 hours"
