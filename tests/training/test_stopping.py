"""A signal while a failed worker is replaced: the workers are told as soon as they can be."""

import signal
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError

from nmt.errors import Interrupted
from nmt.training.ray import trainer


class Ray:
    """Gives these errors for what is asked of an actor, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]

    def get(self, _: Any, timeout: float) -> None:
        if self.errors:
            raise self.errors.pop(0)


class Channel:
    class request_stop:  # noqa: N801
        @staticmethod
        def remote() -> None:
            pass


def test_a_channel_that_is_away_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    away = ActorUnavailableError("the actor is temporarily unavailable", b"0" * 16)
    ray = Ray(away, GetTimeoutError("slow"))
    answers = [trainer._request_stop(ray, Channel, signal.SIGTERM) for _ in range(3)]
    assert answers == [False, False, True]
    assert capsys.readouterr().err.count("SIGTERM: ending after this step") == 1


def test_where_the_channel_is_gone_the_job_ends_in_order() -> None:
    with pytest.raises(Interrupted, match="stopped by SIGTERM; run the same command") as caught:
        trainer._request_stop(Ray(ActorDiedError()), Channel, signal.SIGTERM)
    assert caught.value.exit_status == 128 + signal.SIGTERM
