"""`make demo` trains for a number of updates, not for a time."""

import itertools
import time

from trainings import instant, training

from nmt.configuration import resolve
from nmt.presets import PRESETS


def test_the_clock_has_no_say_in_the_demo(demo_dataset, tmp_path, monkeypatch) -> None:
    """All updates are made where every look at the clock finds that an hour has passed."""
    settings = resolve(preset="demo").training
    work = training(demo_dataset, tmp_path, **PRESETS["demo"]["training"], heatmaps=0)
    updates = work.steps_per_epoch * settings.epochs
    validations = updates // settings.validate_every + 1 if settings.validate_every else 0
    instant(work, [50.0] * max(validations, settings.epochs))  # none is better than the first
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(hours))
    progress = work.run()
    assert (progress.step, progress.finished) == (updates, "epochs")
