"""The cost model: what must hold of it whatever the machines are."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from nmt.benchmark.scaling import Job, Machine, cost, ring_seconds

MACHINE = Machine(1e12, 0.001, 4, 1e11, 1e9, 1e-5, 1e9, 1e9)
JOB = Job(10_000_000, 1e8, 4000, 20)


@pytest.mark.parametrize("replicas", [2, 3, 8, 256])
def test_a_ring_is_its_hops(replicas) -> None:
    """2 (n - 1) rounds, in each of which every link carries an n-th of the bytes."""
    rounds = 2 * (replicas - 1)
    expected = rounds * (1e6 / replicas / 1e9 + 1e-5)
    assert ring_seconds(replicas, 1e6, 1e9, 1e-5) == pytest.approx(expected)


def test_one_replica_exchanges_nothing() -> None:
    actual = cost(JOB, MACHINE, 1)
    assert actual.all_reduce == 0
    assert actual.efficiency == 1
    assert actual.step == pytest.approx(1e8 * 4000 / 1e12 + 0.001)


def test_more_replicas_are_faster_and_less_efficient() -> None:
    costs = [cost(JOB, MACHINE, n) for n in (1, 2, 4, 8, 16, 64, 256)]
    speeds = [actual.tokens_per_second for actual in costs]
    assert speeds == sorted(speeds)
    shares = [actual.efficiency for actual in costs]
    assert shares == sorted(shares, reverse=True)
    assert costs[-1].tokens_per_second < 256 * costs[0].tokens_per_second
    # Inside one machine the exchange costs next to nothing; between two it does not.
    assert costs[2].efficiency > 0.99 > costs[3].efficiency


def test_bytes_of_the_exchange_are_at_most_twice_the_gradients() -> None:
    actual = cost(JOB, replace(MACHINE, latency=0), 1000)
    assert actual.all_reduce == pytest.approx(2 * 4 * JOB.parameters / MACHINE.network, rel=0.01)


def test_accumulation_exchanges_less_often() -> None:
    once, rarely = (cost(replace(JOB, accumulate=n), MACHINE, 64) for n in (1, 8))
    assert rarely.all_reduce == once.all_reduce
    assert rarely.efficiency > once.efficiency


def test_input_is_waited_for_only_where_it_is_slower_than_the_rest() -> None:
    assert cost(JOB, MACHINE, 64).wait == 0
    slow = replace(MACHINE, reads=10_000)
    actual = cost(JOB, slow, 64)
    assert actual.limit == "input"
    assert actual.step == pytest.approx(64 * 4000 / 20 / 10_000, rel=1e-3)
    assert actual.tokens_per_second == pytest.approx(20 * 10_000, rel=1e-3)


def test_all_workers_read_everything_and_share_the_padding() -> None:
    """So more of them, with a batch that grows with them, pad each as much as before."""
    padding = replace(MACHINE, pads=1000)
    assert cost(JOB, padding, 64).step == pytest.approx(cost(JOB, padding, 4).step, rel=1e-3)
    reading = replace(MACHINE, reads=1000)
    assert cost(JOB, reading, 64).step == pytest.approx(16 * cost(JOB, reading, 4).step, rel=1e-3)


def test_the_tables_of_the_docs_are_those_of_the_model() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs/results/scaling.md").read_text("utf-8")
    model = runpy.run_path(str(root / "benchmarks/scaling_model.py"))
    for title, text in model["tables"]([]).items():
        assert f"**{title}**\n\n{text}\n" in page, title
