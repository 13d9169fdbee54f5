"""What is validated and kept: moving averages, the best models, their mean; resumed or not."""

import re

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rounding import STEP
from trainings import assert_same, instant, lines_of, training, validations_of

from nmt import bundle, model_folder
from nmt.errors import StoreAway
from nmt.storage.location import Location
from nmt.training.best_models import BestModels
from nmt.training.loop import Training
from nmt.training.validation import Validation

pytestmark = pytest.mark.usefixtures("no_curves")


def weights_of(folder: Path) -> list[np.ndarray]:
    return bundle.load(Location(folder)).model.get_weights()


def kept(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("run/best/*"))


def interrupted(whole: Training, folder: Path, step: int, **settings: Any) -> Training:
    """The training that continues from a checkpoint of another one, whose output it takes over."""
    source = Path(whole.output.path).parent
    shutil.copytree(source / "run", folder / "run")
    work = training(whole.datasets[0], folder, **settings)
    work.restore(source / "kept" / f"checkpoint-{step}")
    return work


@pytest.mark.system
def test_resumed_is_uninterrupted(dataset, tmp_path) -> None:
    """With everything at once that has a memory."""
    settings: dict[str, Any] = {"dropout": 0.3, "epochs": 2, "patience": 50, "report_every": 1}
    settings |= {"validate_every": 3, "ema_decay": 0.9, "label_smoothing": 0.1, "keep_best": 2}
    settings |= {"schedule": "plateau", "plateau_patience": 1, "warmup_steps": 4}
    whole = training(dataset, tmp_path / "whole", **settings)
    last = whole.run().step
    resumed = interrupted(whole, tmp_path / "resumed", 9, **settings)
    assert resumed.run().step == last
    assert_same(resumed.model.get_weights(), whole.model.get_weights())
    assert_same(
        resumed.selection.evaluation_model.get_weights(),
        whole.selection.evaluation_model.get_weights(),
    )
    places = tmp_path / "resumed", tmp_path / "whole"
    assert_same(*(weights_of(place / "run/model") for place in places))
    actual, expected = ([line["learning_rate"] for line in lines_of(place)] for place in places)
    assert actual == expected
    assert max(actual) == 0.01 > actual[-1]  # the warm-up is over, and BLEU stood still
    assert kept(places[0]) == kept(places[1])


@pytest.mark.system
def test_the_average_is_what_is_validated_and_saved(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=1, ema_decay=0.9, valid_sentences=2)
    work.run()
    averages = [average.numpy() for average in work.optimizer.averages]
    assert_same(weights_of(tmp_path / "run/model"), averages)
    assert_same(work.selection.evaluation_model.get_weights(), averages)
    apart = [np.abs(a - w).max() for a, w in zip(averages, work.model.get_weights(), strict=True)]
    assert max(apart) > 1e-3  # and training has gone on with its own


def test_an_average_begins_with_the_model_that_training_begins_with(dataset, tmp_path) -> None:
    first = training(dataset, tmp_path / "a", epochs=1)
    instant(first, [1.0])
    first.run()
    model = Location(tmp_path / "a/run/model")
    work = training(dataset, tmp_path / "b", model, ema_decay=0.9, seed=2)
    work.selection.refresh()
    assert_same(work.selection.evaluation_model.get_weights(), weights_of(tmp_path / "a/run/model"))


SCORES = [5.0, 9.0, 3.0, 9.0, 7.0]


@pytest.mark.parametrize(("mean", "wins"), [(9.5, True), (9.0, False)])
def test_the_best_models_are_kept_and_their_mean_may_be_the_model(
    dataset, tmp_path, mean, wins
) -> None:
    work = training(dataset, tmp_path, epochs=5, keep_best=3)
    seen = instant(work, [*SCORES, mean])
    progress = work.run()
    steps = work.steps_per_epoch
    assert kept(tmp_path) == [2 * steps, 4 * steps, 5 * steps]
    for number in (2, 4, 5):
        folder = tmp_path / f"run/best/step-{number * steps:07d}"
        assert_same(weights_of(folder), seen[number - 1])
        assert model_folder.check(Location(folder)).validation["bleu"] == SCORES[number - 1]
    expected = [np.mean(w, axis=0) for w in zip(seen[1], seen[3], seen[4], strict=True)]
    info = model_folder.check(Location(tmp_path / "run/model"))
    actual = weights_of(tmp_path / "run/model")
    if wins:
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=STEP)
        assert info.validation["averaged"] == kept(tmp_path)
    else:
        assert_same(actual, seen[1])
    assert info.validation["bleu"] == max(mean, 9.0)
    assert progress.best_score == 9.0
    assert len(validations_of(tmp_path)) == 5
    assert_same(work.model.get_weights(), seen[4])  # training could go on

    # A later model must be better than the mean, too, and than a mean of models to come.
    again = training(dataset, tmp_path, epochs=7, keep_best=3)
    again.restore(tmp_path / "kept" / f"checkpoint-{progress.step}")
    instant(again, [9.2, 1.0, 9.1])
    again.run()
    best = 9.5 if wins else 9.2
    assert model_folder.check(Location(tmp_path / "run/model")).validation["bleu"] == best
    assert kept(tmp_path) == [2 * steps, 4 * steps, 6 * steps]


def test_a_store_that_removes_nothing_ends_no_training(dataset, tmp_path, monkeypatch) -> None:
    delete = Location.delete_own

    def away(place: Location, names: re.Pattern[str]) -> None:
        if place.name.startswith("step-"):
            raise StoreAway("s3://b/x: the store failed")
        delete(place, names)

    work = training(dataset, tmp_path, epochs=3, keep_best=2, average_best=False)
    instant(work, [1.0, 2.0, 3.0])
    with monkeypatch.context() as patch:
        patch.setattr(Location, "delete_own", away)
        assert work.run().finished == "epochs"
    steps = work.steps_per_epoch
    assert kept(tmp_path) == [steps, 2 * steps, 3 * steps]
    work.selection.best.tidy(work.run_folder.validations)  # as the next validation does
    assert kept(tmp_path) == [2 * steps, 3 * steps]


def test_the_mean_is_made_once(dataset, tmp_path) -> None:
    """Also where a crash came before the end was noted down."""
    work = training(dataset, tmp_path, epochs=2, keep_best=2)
    instant(work, [1.0, 2.0, 3.0])
    progress = work.run()
    again = training(dataset, tmp_path, epochs=2, keep_best=2)
    again.restore(tmp_path / "kept" / f"checkpoint-{progress.step}")
    instant(again, [])  # to validate would fail
    assert again.run() == progress
    # The checkpoint before the mean was the last one that was kept.
    again.state.averaged, again.state.average_score = -1, None
    instant(again, [3.0])
    again.run()
    info = model_folder.check(Location(tmp_path / "run/model"))
    assert info.validation["averaged"] == kept(tmp_path)


def test_models_of_steps_that_are_done_again_go(dataset, tmp_path) -> None:
    settings: dict[str, Any] = {"epochs": 4, "keep_best": 2, "average_best": False}
    whole = training(dataset, tmp_path / "whole", **settings)
    instant(whole, [5.0, 9.0, 3.0, 10.0])
    whole.run()
    steps = whole.steps_per_epoch
    assert kept(tmp_path / "whole") == [2 * steps, 4 * steps]
    resumed = interrupted(whole, tmp_path / "resumed", 3 * steps, **settings)
    instant(resumed, [1.0])
    resumed.run()
    # The best but one was gone by then; none takes its place, and none of the lost time is left.
    assert kept(tmp_path / "resumed") == [2 * steps]
    best = BestModels(resumed.output / "best", 2, "bleu")
    assert list(best.present(resumed.run_folder.validations)) == [2 * steps]


@pytest.mark.parametrize(("metric", "best"), [("bleu", 2), ("chrf", 3), ("loss", 4)])
def test_the_metric_decides_which_validation_is_best(dataset, tmp_path, metric, best) -> None:
    """MODEL, RUN/best, validations.tsv and patience follow it, also when training is continued."""
    values = [(4, 0, 10), (3, 9, 20), (2, 8, 30), (1, 7, 25), (5, 6, 5), (6, 5, 4)]
    actual = [Validation(float(loss), 0.5, bleu, chrf, 0.1) for loss, bleu, chrf in values]
    settings: dict[str, Any] = {"epochs": 9, "metric": metric, "patience": 2, "keep_best": 1}
    whole = training(dataset, tmp_path / "whole", **settings)
    instant(whole, actual)
    progress, steps = whole.run(), whole.steps_per_epoch
    assert progress.best_step == best * steps
    assert (progress.finished, progress.step) == ("patience", (best + 2) * steps)
    assert kept(tmp_path / "whole") == [best * steps]
    marks = [line["best"] for line in validations_of(tmp_path / "whole")]
    assert marks == ["yes" if epoch == best else "no" for epoch in range(1, best + 3)]
    validation = model_folder.check(Location(tmp_path / "whole/run/model")).validation
    assert (validation["step"], validation["metric"]) == (best * steps, metric)
    assert "|tok:13a|" in validation["signature"]
    resumed = interrupted(whole, tmp_path / "resumed", best * steps, **settings)
    instant(resumed, actual[best:])
    again = resumed.run()
    assert (again.best_step, again.best_score) == (progress.best_step, progress.best_score)
    assert [line["best"] for line in validations_of(tmp_path / "resumed")] == marks
