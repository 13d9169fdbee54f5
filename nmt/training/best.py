"""RUN/best: the models of the best validations, each a whole MODEL folder."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from nmt import bundle
from nmt.settings import Metric
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS
from nmt.training.metric import score_of

_OURS = re.compile(r"step-\d+")


class BestModels:
    """Keeps ``best/step-0001500/`` and so on, as validations.tsv ranks them.

    Which ones belong there follows from the validations alone, so a training that continues
    needs no memory of its own: what belongs to steps that it does again goes with `tidy`.

    Args:
        location: the folder.
        count: how many models are kept.
        metric: by what they are ranked.
    """

    def __init__(self, location: Location, count: int, metric: Metric) -> None:
        self.location, self.count, self.metric = location, count, metric

    def place(self, step: int) -> Location:
        """Where the model of a step lies, or would."""
        return self.location / f"step-{step:07d}"

    def steps(self, validations: list[dict[str, Any]]) -> list[int]:
        """Steps of the best validations, best first; of equal ones that of the smaller loss, or the
        earlier, is better."""
        # As validations.tsv rounds it, so that a resumed training ranks as it did before.
        ranks = {
            line["step"]: (
                -round(score_of(line, self.metric), 4),
                round(line["valid_loss"], 4),
                line["step"],
            )
            for line in validations
        }
        return sorted(ranks, key=ranks.__getitem__)[: self.count]

    def tidy(self, validations: list[dict[str, Any]]) -> None:
        """Remove the models that are none of the best, as far as the store lets it."""
        wanted = {self.place(step).name for step in self.steps(validations)}
        with contextlib.suppress(*STORE_ERRORS):  # the next one removes them as well
            files = self.location.files(recursive=True)
            for name in {file.parts_below(self.location)[0] for file in files} - wanted:
                if _OURS.fullmatch(name):
                    (self.location / name).delete_own(bundle.FILES)

    def present(self, validations: list[dict[str, Any]]) -> dict[int, Location]:
        """Where the models lie, by step, best first.

        One is missing only where a crash came amid its writing and training ended otherwise.
        """
        places = {step: self.place(step) for step in self.steps(validations)}
        return {k: place for k, place in places.items() if (place / "model.json").is_file()}
