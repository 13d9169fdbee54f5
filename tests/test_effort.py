"""The counting of steps that other tests rely on."""

import gc

from effort import steps


class Looped:
    """Garbage that only the collector finds, with a finalizer that runs lines."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(10):
            pass


def test_finalizers_of_earlier_garbage_are_no_steps() -> None:
    def work() -> list[list[int]]:
        return [[] for _ in range(200_000)]  # enough for a collection of all generations

    before = steps(work)[0]
    kept = [Looped() for _ in range(1000)]
    gc.collect()
    kept.clear()
    assert steps(work)[0] == before
