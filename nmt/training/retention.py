"""Whether a model keeps what ``training.keep`` asks for: how much it loses on which dataset."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.errors import UnusableInput
from nmt.records.run import ValidationLine
from nmt.settings import TrainingSettings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.best_models import score_of

_ROUNDING = 2e-4  # of a difference of two scores in validations.tsv


def validated_names(datasets: Sequence[Dataset]) -> list[str]:
    """The names of the datasets on which models are validated, the one that ranks them first."""
    return [datasets[0].name, *(one.name for one in datasets[1:] if one.rows("valid"))]


def losses(
    first: ValidationLine, line: ValidationLine, name: str, training: TrainingSettings
) -> dict[str, float]:
    """What is lost of the metric since the first validation, by the datasets of ``keep``.

    Args:
        first: the validation of the model that training begins with; empty if its step is not 0.
        line: that of another model.
        name: of the dataset whose scores are those of the line itself.
        training: has ``keep`` and the metric.
    """

    def score(validation: ValidationLine, dataset: str) -> float:
        scores = validation if dataset == name else validation.others[dataset]
        return score_of(scores, training.metric)

    if first.step:
        return {}
    return {one: score(first, one) - score(line, one) for one in training.keep}


def check_validations(
    run: Location, lines: Sequence[ValidationLine], names: Sequence[str], training: TrainingSettings
) -> None:
    """Make sure that a run's validations have what those that follow are compared with.

    Args:
        run: the RUN folder.
        lines: of its validations.tsv.
        names: of the datasets that are validated; the first one's scores have no name there.
        training: has ``keep`` and the metric.

    Raises:
        UnusableInput: one lacks the scores on a dataset, or says otherwise than its scores whether
            they are kept.
    """
    for line in lines:
        if lacking := [name for name in names[1:] if name not in line.others]:
            problem = f"has no scores on dataset '{lacking[0]}'"
        else:
            lost = {} if line is lines[0] else losses(lines[0], line, names[0], training)
            if _may_be(line.kept, lost, training):
                continue
            problem = "its 'kept' is not what its scores say"
        raise UnusableInput(
            f"{run / 'validations.tsv'}: damaged (step {line.step}: {problem}); restore it from a "
            "copy"
        )


def _may_be(kept: bool, lost: dict[str, float], training: TrainingSettings) -> bool:
    """Whether a model may be said to keep enough, or not to; NaN is no score that was kept."""
    slack = _ROUNDING if kept else -_ROUNDING
    return kept == all(loss <= training.keep[name] + slack for name, loss in lost.items())
