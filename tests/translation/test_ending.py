"""A job that has to end before its end: a deadline, a signal."""

import datetime
import os
import signal
import threading
import time

import pytest

from nmt.errors import DeadlineReached, Interrupted, UnusableInput
from nmt.translation.ending import ends_in_order, parse_deadline


def test_a_deadline_is_a_time_of_day_or_a_date() -> None:
    now = datetime.datetime.now().astimezone()
    for minutes in (-90, -1, 2, 90):
        then = now + datetime.timedelta(minutes=minutes)
        parsed = parse_deadline(then.strftime("%H:%M"))
        assert now < parsed <= now + datetime.timedelta(days=1, minutes=1)
        assert (parsed.hour, parsed.minute, parsed.second) == (then.hour, then.minute, 0)
    assert parse_deadline("2030-12-24T06:00+02:00").timestamp() == 1924315200
    assert parse_deadline("2030-12-24 06:00").tzinfo is not None
    for text in ("", "6", "24:00", "6:60", "tomorrow", "06:00:00:00", "9999999-01-01"):
        with pytest.raises(UnusableInput, match=f"--deadline '{text}': write HH:MM, or a date"):
            parse_deadline(text)


def test_a_job_ends_when_its_time_is_over() -> None:
    soon = datetime.datetime.now().astimezone() + datetime.timedelta(seconds=0.2)
    past, far = parse_deadline("2020-01-01"), parse_deadline("2900-01-01")
    for limits in ((0.0, None), (None, past), (5.0, past), (0.003, far), (5.0, soon)):
        with (
            pytest.raises(DeadlineReached, match="run the same command again") as caught,
            ends_in_order(time.monotonic(), *limits),
        ):
            threading.Event().wait(60)
        assert caught.value.exit_status == 4
        assert ("--deadline" in str(caught.value)) == (limits[1] in (past, soon))
    before = signal.getsignal(signal.SIGTERM)
    with ends_in_order(time.monotonic(), 0.003, None):
        pass
    time.sleep(0.3)  # the timer is off
    assert signal.getsignal(signal.SIGTERM) is before


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)
    threading.Event().wait(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_too(number) -> None:
    with (
        pytest.raises(Interrupted, match=f"ended by {number.name}; the units") as caught,
        ends_in_order(time.monotonic(), 5, None),
    ):
        end_by(number)
    assert caught.value.exit_status == 128 + number


def test_a_ctrl_c_of_others_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), ends_in_order(time.monotonic(), None, None):
        raise KeyboardInterrupt


def test_another_thread_is_not_ended() -> None:
    ends = []

    def work() -> None:
        with ends_in_order(0.0, 0.0, None):
            ends.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ends == ["done"]
