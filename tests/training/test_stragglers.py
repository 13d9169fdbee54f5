"""Which worker the others wait for, and when it is named; processes are in `test_workers`."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from collections.abc import Sequence
from typing import Any

import pytest
from logged import messages

from nmt.training.stragglers import StragglerCheck, slowest


class Workers:
    """Stands for `Replicas`: each call gives the next row of all workers' seconds."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self.workers = len(rows[0])
        self._rows = iter(rows)

    def take_all_reduce_seconds(self) -> float:
        return 0.0

    def gather(self, _: bytes) -> list[bytes]:
        return [f"{seconds} host{rank}".encode() for rank, seconds in enumerate(next(self._rows))]


def warnings(rows: Sequence[Sequence[float]], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is logged when the workers are compared every 20 s."""
    workers: Any = Workers(rows)
    check = StragglerCheck(workers)
    for step in range(len(rows) + 1):
        check.check(step, 20)
    return messages(capsys.readouterr().err, "WARNING")


def test_the_slowest_worker_is_the_one_that_waits_least() -> None:
    assert slowest([0.9, 0.1, 0.9]) == (1, pytest.approx(0.8))
    assert slowest([0.2, 0.2]) == (0, 0.0)


def test_a_slow_worker_is_named_once_with_its_host_and_what_it_costs(capsys) -> None:
    assert warnings([(18, 1, 18)] * 6, capsys) == [
        "step 2: worker 1 on host1 is slower than the others, which wait for it 85% of the time"
    ]


def test_it_is_named_again_after_it_was_as_fast_as_the_others(capsys) -> None:
    rows = [(18, 1), (18, 1), (2, 2), (2, 2), (18, 1), (18, 1)]
    assert [line.split(":")[0] for line in warnings(rows, capsys)] == ["step 2", "step 6"]


def test_a_moment_of_slowness_is_no_reason(capsys) -> None:
    assert warnings([(18, 1), (1, 12), (3, 2), (2, 3)], capsys) == []


def test_one_worker_is_compared_with_nobody(capsys) -> None:
    assert warnings([(0,)] * 4, capsys) == []
