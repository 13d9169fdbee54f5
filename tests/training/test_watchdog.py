"""The watchdog beside a worker's training, and signals to the driver."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from nmt.training.ray import watchdog as module
from nmt.training.ray.policies import describe
from nmt.training.ray.trainer import Signals, in_thread
from nmt.training.ray.watchdog import Watchdog, long_phase_seconds


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.01)


class Process:
    """Stands for the process that a watchdog ends."""

    def __init__(self) -> None:
        self.reasons, self.ended = [], threading.Event()

    def watchdog(
        self, stop_requested: Callable[[], bool], step: float, phase: float = 60
    ) -> Watchdog:
        end = lambda _: self.ended.set()  # noqa: E731
        return Watchdog(stop_requested, step, phase, self.reasons.append, end)


def test_a_worker_that_makes_no_step_ends_and_says_why() -> None:
    process = Process()
    watchdog = process.watchdog(lambda: False, 0.1)
    watchdog.heartbeat(41)
    assert process.ended.wait(30)
    watchdog.close()
    assert "made no step" in process.reasons[0]
    assert "after step 41 (training.stall_seconds)" in process.reasons[0]


@pytest.mark.parametrize("begun", [False, True])
def test_a_long_phase_without_an_end_ends_too(begun) -> None:
    """Of the start-up, and of a validation or checkpoint."""
    process = Process()
    watchdog = process.watchdog(lambda: False, 0.05, phase=0.4)
    if begun:
        watchdog.heartbeat(7)
        watchdog.expect_long_phase()
    assert process.ended.wait(30)
    watchdog.close()
    assert "did not finish starting, validating or storing" in process.reasons[0]
    assert f"after step {7 if begun else 0} (at most 2 hours, or 12 times" in process.reasons[0]


def test_each_long_phase_has_the_whole_time(monkeypatch) -> None:
    now, looked = [0.0], threading.Event()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    process = Process()
    watchdog = process.watchdog(lambda: bool(looked.set()), 60, phase=3)
    for _ in range(8):
        watchdog.expect_long_phase()
        now[0] += 2.5
        for _ in range(2):  # at the second one it has compared the times
            looked.clear()
            assert looked.wait(30)
    assert not process.ended.is_set()
    now[0] += 1
    assert process.ended.wait(30)
    watchdog.close()


def test_a_long_phase_may_take_hours() -> None:
    """However soon a step that stalls is to be noticed."""
    assert long_phase_seconds(5) == 2 * 3600
    assert long_phase_seconds(3600) == 12 * 3600


def test_a_long_phase_may_take_longer_than_a_step() -> None:
    process = Process()
    watchdog = process.watchdog(lambda: False, 0.05)  # in a long phase until the first step
    time.sleep(0.3)
    watchdog.expect_long_phase()
    time.sleep(0.3)
    watchdog.close()
    assert not process.ended.is_set()


def test_it_takes_the_request_to_stop_though_asking_fails_at_times() -> None:
    answers = iter([OSError(), False, OSError(), True])

    def stop_requested() -> bool:
        answer = next(answers, False)
        if isinstance(answer, OSError):
            raise answer
        return answer

    watchdog = Process().watchdog(stop_requested, 60)
    deadline = time.monotonic() + 30
    while not watchdog.should_stop() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert watchdog.should_stop()  # and it stays
    watchdog.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_and_the_second_ends(number) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), number)
        assert signals.received == number
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_work_in_a_thread_is_waited_for() -> None:
    def fail() -> None:
        raise ValueError("x")

    *waiting, last = in_thread(lambda: time.sleep(0.7) or 5)
    assert (set(waiting), last) == ({None}, 5)
    *_, last = in_thread(fail)
    assert isinstance(last, ValueError)


def test_the_cause_of_a_failure_is_named_before_its_consequences() -> None:
    silent = type("WorkerHealthCheckTimeoutError", (Exception,), {})()
    dead = type("WorkerHealthCheckFailedError", (Exception,), {})()
    assert describe({0: ValueError("peer\nis gone"), 1: dead}) == "worker 1 was lost"
    assert describe({0: ValueError("x"), 2: silent}) == "worker 2 does not answer"
    missed = ValueError(
        "Collective ops is aborted by: The following tasks are unhealthy (stopped sending "
        "heartbeats):\n/job:worker/replica:0/task:1\n/job:worker/replica:0/task:3\nThe tasks"
    )
    assert describe({0: missed, 2: missed}) == "worker 1, 3 does not answer"
    assert describe({0: missed, 1: dead}) == "worker 1 was lost"
    aborted = "Graph execution error:\n\nCollective ops is aborted by: "
    missed = ValueError(
        f"{aborted}Deadline Exceeded\n\nRPC: /tensorflow.CoordinationService/Heartbeat"
    )
    assert describe({1: missed}) == "worker 0 does not answer"
    reset = ValueError(f"{aborted}Connection reset by peer\nAdditional …")
    assert describe({1: reset}) == "worker 1 failed (Connection reset by peer)"
    assert describe({0: ValueError("peer\nis gone")}) == "worker 0 failed (peer is gone)"
