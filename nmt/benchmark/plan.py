"""Time and workers that a corpus needs, from measured speeds."""

from __future__ import annotations

from typing import NamedTuple

from nmt.errors import UnusableInput
from nmt.records.benchmark import Estimate, WorkerMeasurements

NIGHT = 8.0  # hours in which a nightly translation must be done


class Plan(NamedTuple):
    """The size of a corpus.

    Attributes:
        rows: sentences, or sentence pairs.
        tokens: target tokens per sentence.
    """

    rows: int
    tokens: float

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read ``ROWS,TOKENS``, e.g. ``5000000,25``.

        Raises:
            UnusableInput: anything else.
        """
        try:
            rows, tokens = text.split(",")
            plan = cls(int(rows.replace("_", "")), float(tokens))
        except ValueError:
            plan = cls(0, 0.0)
        if plan.rows < 1 or not 0 < plan.tokens < float("inf"):
            raise UnusableInput(f"--plan {text}: write ROWS,TOKENS-A-SENTENCE, e.g. 5000000,25")
        return plan

    def estimate(self, worker: WorkerMeasurements) -> list[Estimate]:
        """The hours of one worker, and the workers that finish in a night.

        It assumes that time is proportional to the number of target tokens, and that workers do not
        slow each other down; start-up and the exchange of gradients are not included.

        Args:
            worker: the measurements of a worker, or the mean of several.

        Returns:
            Estimates for an epoch of training, and for translation with each beam size.
        """
        speeds = [("an epoch of training", worker.training["tokens_per_second"])]
        speeds += [
            (f"translation, beam {beam}", decoding["tokens_per_second"])
            for beam, decoding in worker.decoding.items()
        ]
        hours = [(work, self.rows * self.tokens / speed / 3600) for work, speed in speeds]
        return [
            Estimate(work=work, hours=round(time, 2), workers=max(1, -int(-time // NIGHT)))
            for work, time in hours
        ]
