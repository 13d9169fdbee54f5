"""A training on several datasets: what it forgets is measured, and may not be too much."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpora import make, pair_lines, write_lines
from trainings import FAST, SIZES, MemoryHooks, assert_same, instant, validations_of

from nmt import model_folder
from nmt.errors import UnusableInput
from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training import checks, validations
from nmt.training.loop import Training
from nmt.training.preview import preview
from nmt.training.ray import job
from nmt.training.request import TrainRequest
from nmt.training.state import TrainingState
from nmt.training.strategy import Replicas
from nmt.training.validation import Validation

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture(scope="module")
def other(dataset, tmp_path_factory) -> Dataset:
    """Other pairs in the vocabularies of `dataset`."""
    folder = tmp_path_factory.mktemp("other")
    pairs = write_lines(folder / "pairs.tsv", pair_lines(40))
    settings = {"valid_fraction": 0.2, "test_fraction": 0}
    from nmt.corpus.prepare import prepare
    from nmt.corpus.request import PrepareRequest
    from nmt.settings import DataSettings

    chosen = DataSettings.model_validate(settings)
    request = PrepareRequest(
        Location(folder / "other"), chosen, pairs=pairs, vocabulary_from=dataset.location
    )
    return prepare(request)


def mixed(
    datasets: list[Dataset], folder: Path, init_from: Location | None = None, **settings: Any
) -> Training:
    chosen = Settings.model_validate({"model": SIZES, "training": {**FAST, **settings}})
    output, hooks = Location(folder / "run"), MemoryHooks(folder / "kept")
    return Training(datasets, chosen, output, Replicas(), hooks, init_from)


@pytest.fixture(scope="module")
def model(dataset, tmp_path_factory) -> Location:
    work = mixed([dataset], tmp_path_factory.mktemp("first"), epochs=1)
    instant(work, [1.0])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("nmt.training.run_folder.learning_curve", lambda *_: b"")
        work.run()
    return work.output / "model"


def scores(work: Training, own: list[float], others: list[float]) -> None:
    instant(work, list(own))
    (validator,) = work.selection._others.values()
    remaining = iter(others)
    validator.validate = lambda: Validation(1.0, 0.5, next(remaining), 30.0, 0.1)


STAGES = [{"epochs": 1, "weights": [1, 1]}, {"weights": [1, 0]}]


def test_the_best_is_the_best_that_keeps_the_other(dataset, other, model, tmp_path, capsys) -> None:
    work = mixed([dataset, other], tmp_path, model, epochs=4, keep={"other": 2}, stages=STAGES)
    scores(work, [10.0, 15.0, 20.0, 18.0, 14.0], [30.0, 29.0, 27.9, 28.0, 30.0])
    state = work.run()
    lines = validations_of(tmp_path)
    assert lines[0]["step"] == "0"
    assert [line["kept"] for line in lines] == ["yes", "yes", "no", "yes", "yes"]
    assert [line["best"] for line in lines] == ["no", "no", "no", "yes", "no"]
    assert [line["other:bleu"] for line in lines][2] == "27.9000"
    assert state.best_score == 18.0
    assert "other: 2.10 BLEU lost, more than the 2 that training.keep allows" in (
        capsys.readouterr().err
    )
    info = model_folder.check(work.output / "model")
    assert info.validation["bleu"] == 18.0
    assert info.validation["others"]["other"]["bleu"] == 28.0
    assert info.dataset_hash == dataset.hash
    read = validations.read(work.output)
    assert [line.others["other"].bleu for line in read] == [30.0, 29.0, 27.9, 28.0, 30.0]


def test_where_none_keeps_it_the_first_model_stays(dataset, other, model, tmp_path) -> None:
    work = mixed([dataset, other], tmp_path, model, epochs=2, keep={"other": 2, "data": 0})
    scores(work, [10.0, 15.0, 20.0], [30.0, 1.0, float("nan")])
    state = work.run()
    assert state.best_step == 0
    info = model_folder.check(work.output / "model")
    assert info.validation["bleu"] == 10.0
    (work.output / "status.json").write_json(state.to_json())
    request = TrainRequest((dataset.location,), work.output, Settings(), init_from=model)
    assert job._exit_status(request) == 0
    assert job._exit_status(replace(request, gate=True)) == 3
    better = TrainingState(best_step=7)
    (work.output / "status.json").write_json(better.to_json())
    assert job._exit_status(replace(request, gate=True)) == 0


def edited(run: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Change the last line of validations.tsv, and with it the columns of the others."""
    lines = validations_of(run.parent)
    change(lines[-1])
    rows = [[*lines[-1]], *([line[name] for name in lines[-1]] for line in lines)]
    (run / "validations.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


DAMAGES: dict[str, Callable[[dict[str, str]], object]] = {
    "step 0: has no scores on dataset 'other'": lambda line: [
        line.pop(f"other:{score}") for score in ("valid_loss", "accuracy", "bleu", "chrf")
    ],
    "its 'kept' is not what its scores say": lambda line: line.update(kept="yes"),
    "step 6: its 'kept' is not": lambda line: line.update({"other:bleu": "nan", "kept": "yes"}),
}


@pytest.mark.parametrize("problem", DAMAGES)
def test_validations_that_do_not_fit_are_named_when_the_run_is_opened(
    dataset, other, model, tmp_path, problem
) -> None:
    settings = {"epochs": 1, "keep": {"other": 2}}
    work = mixed([dataset, other], tmp_path, model, **settings)
    scores(work, [10.0, 20.0], [30.0, 27.9])
    step = work.run().step
    edited(tmp_path / "run", DAMAGES[problem])
    request = replace(
        request_of([dataset, other], settings, init_from=model), output=Location(tmp_path / "run")
    )
    again = mixed([dataset, other], tmp_path, model, **settings)
    again.state = replace(again.state, step=step)
    for opened in (again.run, lambda: job._with_tokenizer(request, [dataset, other])):
        with pytest.raises(UnusableInput) as caught:
            opened()
        assert str(caught.value).startswith(f"{tmp_path}/run/validations.tsv: damaged (step ")
        assert problem.replace("step 6: ", "") in str(caught.value)


@pytest.mark.slow
def test_resumed_is_uninterrupted(dataset, other, model, tmp_path) -> None:
    settings: dict[str, Any] = {"epochs": 3, "stages": STAGES, "validate_every": 5, "l2_sp": 0.1}
    settings |= {"keep": {"other": 50}, "freeze": ["encoder"], "dropout": 0.2}
    whole = mixed([dataset, other], tmp_path / "whole", model, **settings)
    last = whole.run().step
    assert last > 10
    for step in (0, 5, 10):
        shutil.copytree(tmp_path / "whole/run", tmp_path / f"from-{step}" / "run")
        resumed = mixed([dataset, other], tmp_path / f"from-{step}", model, **settings)
        resumed.restore(tmp_path / "whole" / "kept" / f"checkpoint-{step}")
        assert resumed.run().step == last
        assert_same(resumed.model.get_weights(), whole.model.get_weights())


def test_a_dry_run_says_what_an_epoch_draws(dataset, other) -> None:
    training = {"epochs": 5, "stages": [{"epochs": 2, "weights": [1, 0]}, {"weights": [1, 3]}]}
    settings = Settings.model_validate({"model": SIZES, "training": training})
    first, both = dataset.rows("train"), dataset.rows("train") + other.rows("train")
    lines = [line for line in preview([dataset, other], settings, (1, 1), 1) if "epochs  " in line]
    assert lines == [
        f"epochs    1 to 2: data {first:,} pairs (100.0%), other 0 pairs (0.0%)",
        f"epochs    3 to 5: data {round(both / 4):,} pairs ({round(both / 4) / both:.1%}), "
        f"other {round(3 * both / 4):,} pairs ({round(3 * both / 4) / both:.1%})",
    ]


def request_of(datasets: list[Dataset], training: dict[str, Any], **more: Any) -> TrainRequest:
    settings = Settings.model_validate({"training": training})
    return TrainRequest(tuple(d.location for d in datasets), Location("/run"), settings, **more)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"stages": [{"weights": [1]}]}, "1 weights for 2 --data"),
        ({"keep": {"othr": 1}}, "no --data is called 'othr'; .*other"),
        ({"keep": {"other": 1}}, "training.keep is about a model to begin with; give --init-from"),
        ({"freeze": ["encoder"]}, "training.freeze is about a model to begin with"),
        ({"l2_sp": 1}, "training.l2_sp is about a model to begin with"),
    ],
)
def test_what_does_not_fit_is_refused(dataset, other, training, expected) -> None:
    with pytest.raises(UnusableInput, match=expected) as caught:
        checks.check(request_of([dataset, other], training), [dataset, other])
    assert "\n" not in str(caught.value)


def test_datasets_that_cannot_be_mixed_are_refused(dataset, other, tmp_path) -> None:
    pairs = write_lines(tmp_path / "pairs.tsv", pair_lines(40))
    foreign = make(tmp_path / "foreign", pairs=pairs)
    with pytest.raises(UnusableInput, match=r"another source vocabulary than .*; prepare it w"):
        checks.check(request_of([dataset, foreign], {}), [dataset, foreign])
    with pytest.raises(UnusableInput, match=re.escape("two datasets are called data")):
        checks.check(request_of([dataset, dataset], {}), [dataset, dataset])
    with pytest.raises(ValueError, match="all weights are 0"):
        request_of([dataset, other], {"stages": [{"weights": [0, 0]}]})


@pytest.mark.parametrize("own", [True, False])
def test_a_model_knows_whether_each_pair_of_its_training_had_a_tag(
    dataset, other, tmp_path, monkeypatch, own
) -> None:
    tagged = {dataset.location: own, other.location: True}
    always = property(lambda self: tagged[self.location])
    monkeypatch.setattr(Dataset, "always_tagged", always)
    work = mixed([dataset, other], tmp_path, epochs=1)
    scores(work, [10.0], [20.0])
    work.run()
    assert model_folder.check(work.output / "model").always_tagged == own
