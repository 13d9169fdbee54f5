"""What a corpus will take, from what a worker measured."""

import pytest

from nmt.benchmark.plan import NIGHT, Plan
from nmt.errors import UnusableInput
from nmt.records.benchmark import Estimate, WorkerMeasurements

WORKER = WorkerMeasurements(
    training={"tokens_per_second": 2_000.0},
    reading={},
    products={},
    decoding={"1": {"tokens_per_second": 4_000.0}, "5": {"tokens_per_second": 500.0}},
)


def test_time_goes_with_rows_and_tokens() -> None:
    plan = Plan.parse("1_000_000,18")
    assert plan == Plan(1_000_000, 18.0)
    estimates = {line.work: line for line in plan.estimate(WORKER)}
    assert estimates["an epoch of training"].hours == pytest.approx(2.5)
    assert estimates["translation, beam 1"] == Estimate(
        work="translation, beam 1", hours=1.25, workers=1
    )
    assert estimates["translation, beam 5"].hours == 10.0
    for line in Plan(30_000_000, 18.0).estimate(WORKER):
        assert line.hours / line.workers <= NIGHT + 0.01
        assert line.workers == 1 or line.hours / (line.workers - 1) > NIGHT - 0.01


@pytest.mark.parametrize("text", ["5", "5,", "0,3", "5,0", "x,3", "5,nan", "5,inf", "1,2,3"])
def test_another_form_is_refused(text) -> None:
    with pytest.raises(UnusableInput, match="ROWS,TOKENS"):
        Plan.parse(text)
