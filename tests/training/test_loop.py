"""Whole trainings: they stop, and go on as if never interrupted."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import shutil
from typing import Any

import numpy as np
import pytest
from corpora import rows
from rounding import STEP
from trainings import (
    assert_same,
    events_of,
    instant,
    lines_of,
    training,
    validations_of,
)

from nmt import bundle
from nmt.errors import JobFailed
from nmt.storage.location import Location
from nmt.training.schedule import TrainingClock
from nmt.training.step import Outcome, TrainStep

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.system
def test_resumed_is_uninterrupted(dataset, tmp_path, monkeypatch) -> None:
    """With dropout, and interrupted amid an epoch."""
    from nmt.training import step

    settings = {"dropout": 0.3, "epochs": 2, "patience": 50, "report_every": 1}
    settings["validate_every"] = 3
    traced, original = [], step.objective
    monkeypatch.setattr(step, "objective", lambda *rest: traced.append(1) or original(*rest))

    whole = training(dataset, tmp_path / "whole", **settings)
    assert len(whole.shapes) > 1
    whole.run()
    steps, interrupted = whole.steps_per_epoch, 9
    assert whole.state.step == 2 * steps
    assert len(traced) == 1  # whatever the shapes of the batches

    folder = tmp_path / "resumed"
    shutil.copytree(tmp_path / "whole" / "run", folder / "run")  # what was written later must go
    resumed = training(dataset, folder, **settings)
    resumed.restore(tmp_path / "whole" / "kept" / f"checkpoint-{interrupted}")
    assert (resumed.state.epoch, resumed.state.batch) == (1, interrupted - steps)
    assert resumed.run().step == 2 * steps
    assert_same(resumed.model.get_weights(), whole.model.get_weights())
    actual, expected = validations_of(folder), validations_of(tmp_path / "whole")
    for name in ("step", "epoch", "valid_loss", "bleu", "chrf", "best"):
        assert [line[name] for line in actual] == [line[name] for line in expected]
    losses = [
        [(line["step"], line["loss"]) for line in lines_of(place)]
        for place in (folder, tmp_path / "whole")
    ]
    assert losses[0] == losses[1]


def test_the_seed_decides_about_weights_and_order(dataset, tmp_path) -> None:
    works = [training(dataset, tmp_path, seed=seed) for seed in (1, 1, 2)]
    first, same, other = ([np.ravel(w) for w in work.model.get_weights()] for work in works)
    assert_same(first, same)
    assert np.abs(np.concatenate(first) - np.concatenate(other)).max() > 1e-2
    first, same, other = (np.concatenate([np.ravel(b.source) for b in w.batches(0)]) for w in works)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_the_best_validations_model_is_kept(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=5)
    seen = instant(work, [5.0, 9.0, 3.0, 9.0, 8.0])
    progress = work.run()
    steps = work.steps_per_epoch
    assert (progress.best_score, progress.score, progress.stale) == (9.0, 8.0, 3)
    assert [report["bleu"] for report in work.hooks.reports] == [5.0, 9.0, 3.0, 9.0, 8.0]
    kept = bundle.load(Location(tmp_path / "run" / "model"))
    assert_same(kept.model.get_weights(), seen[1])
    assert kept.info.validation["step"] == 2 * steps
    assert kept.info.validation["bleu"] == 9.0
    assert [line["best"] for line in validations_of(tmp_path)] == ["no", "yes", "no", "no", "no"]


def test_patience_ends_training(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=50, patience=2)
    instant(work, [5.0, 4.0, 6.0, 6.0, 1.0])
    progress = work.run()
    assert progress.finished == "patience"
    assert progress.step == 5 * work.steps_per_epoch
    assert progress.best_score == 6.0


def test_an_ended_training_stays_ended_unless_a_larger_limit_is_asked_for(
    dataset, tmp_path
) -> None:
    """As after a crash between the last checkpoint and status.json."""
    limits: dict[str, Any] = {"epochs": 50, "patience": 1}
    work = training(dataset, tmp_path, **limits)
    instant(work, [5.0, 4.0])
    step = work.run().step
    kept = tmp_path / "kept" / f"checkpoint-{step}"
    before = validations_of(tmp_path)
    for epochs in (50, 60):
        again = training(dataset, tmp_path, **{**limits, "epochs": epochs})
        again.restore(kept)
        instant(again, [])  # to validate would fail
        assert again.run() == work.state
        assert again.state.finished == "patience"
    assert validations_of(tmp_path) == before

    limits = {"epochs": 10_000, "max_minutes": 0.002, "validate_every": 20}
    work = training(dataset, tmp_path / "b", **limits)
    instant(work, [float(n) for n in range(10_000)])
    assert work.run().finished == "max_minutes"
    kept = tmp_path / "b" / "kept" / f"checkpoint-{work.state.step}"
    again = training(dataset, tmp_path / "b", **{**limits, "max_minutes": 0.001})
    again.restore(kept)
    instant(again, [])
    assert again.run() == work.state
    assert again.state.max_minutes == 0.002


def test_the_display_follows_the_limit_that_comes_first(dataset, tmp_path, monkeypatch) -> None:
    limits = {"max_minutes": 12.0, "validate_every": 20, "report_every": 10}
    work = training(dataset, tmp_path, epochs=100_000, **limits)
    instant(work, [3.0, 7.0, *[5.0] * 100])
    elapsed = lambda self: 0.1 * work.state.step  # noqa: E731  (ten steps per minute)
    monkeypatch.setattr(TrainingClock, "elapsed", elapsed)
    progress = work.run()
    assert (progress.finished, progress.step) == ("max_minutes", 121)
    shown = {done: (total, detail) for done, total, detail in work.hooks.shown}
    assert {total for done, (total, _) in shown.items() if done <= 120} == {120}
    told = {done: detail for done, (_, detail) in shown.items()}
    assert told[10].startswith("11 min 00 s left  loss 2.500  epoch ")
    assert told[50].startswith("7 min 00 s left  best BLEU 7.0  loss 2.500  epoch ")
    assert told[120].startswith("0.0 s left")
    assert told[121].endswith(f"tokens/s  {progress.tokens / 1000:.3g}k tokens")


def test_a_costly_validation_is_told_once(dataset, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(TrainingClock, "costly_validation", lambda self: "costly")
    work = training(dataset, tmp_path, epochs=2)
    instant(work, [1.0, 2.0])
    work.run()
    assert capsys.readouterr().err.count("costly") == 1


def test_tokens_are_counted_over_all_attempts(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=3, patience=9)
    instant(work, [1.0, 2.0, 3.0])
    ends = sum(len(row["target_ids"]) + 1 for row in rows(dataset, "train"))
    assert work.run().tokens == 3 * ends
    again = training(dataset, tmp_path, epochs=4, patience=9)
    again.restore(tmp_path / "kept" / f"checkpoint-{work.state.step}")
    instant(again, [4.0])
    assert again.run().tokens == 4 * ends


def test_a_crash_while_the_best_model_is_written_is_made_good(dataset, tmp_path) -> None:
    """Then model.json is missing, and the checkpoint is that of the validation before."""
    settings: dict[str, Any] = {"epochs": 4, "patience": 9}
    work = training(dataset, tmp_path, **settings)
    seen = instant(work, [5.0, 9.0, 3.0, 10.0])
    work.run()
    steps, model = work.steps_per_epoch, tmp_path / "run" / "model"

    # The checkpoint's validation was the best: its weights are at hand.
    (model / "model.json").unlink()
    again = training(dataset, tmp_path, **{**settings, "epochs": 2})
    again.restore(tmp_path / "kept" / f"checkpoint-{2 * steps}")
    again.run()
    whole = bundle.load(Location(model))
    assert_same(whole.model.get_weights(), seen[1])
    assert whole.info.validation["bleu"] == 9.0
    assert [line["best"] for line in validations_of(tmp_path)] == ["no", "no", "no", "yes"]

    # It was not, and what comes now is no better than what was lost: a model there is.
    (model / "model.json").unlink()
    again = training(dataset, tmp_path, **settings)
    again.restore(tmp_path / "kept" / f"checkpoint-{3 * steps}")
    seen = instant(again, [8.0])
    again.run()
    whole = bundle.load(Location(model))
    assert_same(whole.model.get_weights(), seen[0])
    assert [line["best"] for line in validations_of(tmp_path)] == ["no", "no", "no", "yes"]


def test_a_crash_before_the_checkpoint_of_a_best_model_is_harmless(dataset, tmp_path) -> None:
    """The steps are done again; another best may be found, and then it has the mark."""
    work = training(dataset, tmp_path, epochs=3)
    instant(work, [5.0, 3.0, 9.0])
    work.run()
    kept = tmp_path / "kept" / f"checkpoint-{2 * work.steps_per_epoch}"
    for score, marks in ((9.0, ["no", "no", "yes"]), (4.0, ["yes", "no", "no"])):
        again = training(dataset, tmp_path, epochs=3)
        again.restore(kept)
        instant(again, [score])
        again.run()
        assert [line["best"] for line in validations_of(tmp_path)] == marks
        bundle.load(Location(tmp_path / "run" / "model"))


def test_a_time_limit_ends_training_in_good_order(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=10_000, max_minutes=0.004, validate_every=20)
    instant(work, [float(n) for n in range(10_000)])
    progress = work.run()
    assert progress.finished == "max_minutes"
    assert 0 < progress.step < 10_000 * work.steps_per_epoch
    assert progress.minutes < 1
    bundle.load(Location(tmp_path / "run" / "model"))
    actual = validations_of(tmp_path)
    assert int(actual[-1]["step"]) == progress.step  # what was trained last was validated too
    assert lines_of(tmp_path)[-1]["step"] == progress.step
    assert work.hooks.reports[-1]["step"] == progress.step  # and can be continued
    again = training(dataset, tmp_path, epochs=10_000, max_minutes=10.0, patience=1)
    again.restore(tmp_path / "kept" / f"checkpoint-{progress.step}")
    instant(again, [0.0])
    assert again.run().step > progress.step
    assert again.state.finished == "patience"


@pytest.mark.parametrize("every", [0, 3])
def test_every_step_is_validated_at_most_once_and_the_last_one_always(
    dataset, tmp_path, every
) -> None:
    an_epoch = training(dataset, tmp_path / "other").steps_per_epoch
    every = an_epoch if every == 0 else every  # once an epoch exactly, and out of step with it
    work = training(dataset, tmp_path, epochs=2, validate_every=every, patience=99)
    instant(work, [float(n) for n in range(99)])
    last = work.run().step
    steps = [int(line["step"]) for line in validations_of(tmp_path)]
    assert steps == sorted({*range(every, last + 1, every), last})


def test_what_is_reported_is_what_the_files_say(dataset, tmp_path) -> None:
    """To Ray with every checkpoint, and line by line to whoever listens."""
    work = training(dataset, tmp_path, epochs=3)
    instant(work, [1.0, 3.0, 2.0])
    work.run()
    lines, validations = lines_of(tmp_path), validations_of(tmp_path)
    told = [(step, values) for step, values in work.hooks.metrics if "training/loss" in values]
    assert [step for step, _ in told] == [line["step"] for line in lines]
    for (_, values), line in zip(told, lines, strict=True):
        assert values == {f"training/{k}": line[k] for k in line if k not in ("step", "epoch")}
    scores = [values for _, values in work.hooks.metrics if "validation/bleu" in values]
    assert [values["validation/bleu"] for values in scores] == [1.0, 3.0, 2.0]
    assert len(validations) == 3
    names = {"step", "epoch", "loss", "tokens_per_second", "data_wait_share", "bleu", "chrf"}
    for report, line in zip(work.hooks.reports, validations, strict=True):
        assert names <= set(report)
        assert (report["step"], report["bleu"]) == (int(line["step"]), float(line["bleu"]))


def test_events_are_whole_files_beside_the_metrics(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=2)
    instant(work, [1.0, 3.0])
    work.run()
    losses = {line["step"]: line["loss"] for line in lines_of(tmp_path)}
    assert events_of(tmp_path, "training/loss") == pytest.approx(losses, rel=STEP)
    assert list(events_of(tmp_path, "validation/bleu").values()) == [1.0, 3.0]


def test_a_short_training_reports_its_loss_too(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=1, report_every=1000)
    instant(work, [1.0])
    work.run()
    assert [line["step"] for line in lines_of(tmp_path)] == [work.steps_per_epoch]


def test_the_learning_rate_of_madness_ends_with_advice(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=3)
    instant(work, [])
    work.train_step = TrainStep(lambda *_: lambda: Outcome(float("nan"), 1.0))
    with pytest.raises(JobFailed, match=r"lower training\.learning_rate"):
        work.run()
