"""RUN/best: the models of the best validations, and how validations are ranked."""

from __future__ import annotations

import contextlib
import re

from nmt import model_folder
from nmt.records.run import Scores, ValidationLine
from nmt.settings import Metric
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS

METRIC_TITLES = {"bleu": "BLEU", "chrf": "chrF", "loss": "validation loss"}
_STEP_FOLDER = re.compile(r"step-\d+")


def score_of(validation: ValidationLine | Scores, metric: Metric) -> float:
    """The score by which validations are ranked; the greatest is the best, so a loss is negated.

    Args:
        validation: its line of validations.tsv, or its scores on another dataset.
        metric: ``training.metric``.
    """
    return {"bleu": validation.bleu, "chrf": validation.chrf, "loss": -validation.valid_loss}[
        metric
    ]


def format_score(score: float, metric: Metric) -> str:
    """A score for people: ``BLEU 12.3``, ``validation loss 2.345``."""
    value = f"{-score:.3f}" if metric == "loss" else f"{score:.1f}"
    return f"{METRIC_TITLES[metric]} {value}"


class BestModels:
    """Keeps ``best/step-0001500/`` and so on, each a MODEL folder.

    The validations alone decide which models belong there, so a training that continues needs no
    other state: `tidy` removes the models of steps that are repeated.

    Args:
        location: the folder.
        count: models that are kept.
        metric: ranks them.
    """

    def __init__(self, location: Location, count: int, metric: Metric) -> None:
        self.location, self.count, self.metric = location, count, metric

    def folder(self, step: int) -> Location:
        """The folder for the model of a step."""
        return self.location / f"step-{step:07d}"

    def steps(self, validations: list[ValidationLine]) -> list[int]:
        """Steps of the best validations, best first; ties go to the smaller loss, then the earlier
        step."""
        # Rounded as in validations.tsv, so that a resumed training ranks as before.
        ranks = {
            line.step: (
                -round(score_of(line, self.metric), 4),
                round(line.valid_loss, 4),
                line.step,
            )
            for line in validations
            if line.kept
        }
        return sorted(ranks, key=ranks.__getitem__)[: self.count]

    def tidy(self, validations: list[ValidationLine]) -> None:
        """Remove the models that are not among the best, if the store allows it."""
        best = {self.folder(step).name for step in self.steps(validations)}
        with contextlib.suppress(*STORE_ERRORS):  # the next call removes them as well
            files = self.location.files(recursive=True)
            for name in {file.parts_below(self.location)[0] for file in files} - best:
                if _STEP_FOLDER.fullmatch(name):
                    (self.location / name).delete_own(model_folder.FILES)

    def present(self, validations: list[ValidationLine]) -> dict[int, Location]:
        """Folders of the best models by step, best first.

        One is missing only after a crash while it was written, if training then ended otherwise.
        """
        folders = {step: self.folder(step) for step in self.steps(validations)}
        return {k: folder for k, folder in folders.items() if (folder / "model.json").is_file()}
