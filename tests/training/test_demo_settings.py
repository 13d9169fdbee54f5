"""`make demo` trains for a number of updates, not for a time."""

import itertools
import re
import time
from pathlib import Path

from trainings import instant, training

from nmt.configuration import resolve
from nmt.yaml_text import parse_yaml

ROOT = Path(__file__).parents[2]


def test_the_clock_has_no_say_in_the_demo(demo_dataset, tmp_path, monkeypatch) -> None:
    """All updates are made where every look at the clock finds that an hour has passed."""
    config = parse_yaml((ROOT / "docs/demo.yaml").read_text("utf-8"))
    settings = resolve(config=config).training
    work = training(demo_dataset, tmp_path, **config["training"], heatmaps=0)
    updates = work.steps_per_epoch * settings.epochs
    validations = updates // settings.validate_every + 1 if settings.validate_every else 0
    instant(work, [50.0] * max(validations, settings.epochs))  # none is better than the first
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(hours))
    progress = work.run()
    assert (progress.step, progress.finished) == (updates, "epochs")


def test_the_command_of_the_demo_has_no_limit_of_its_own() -> None:
    recipe = re.search(r"^demo: .*?\n\n", (ROOT / "Makefile").read_text("utf-8"), re.M | re.S)
    assert recipe is not None
    assert "docs/demo.yaml" in recipe[0]
    assert "minutes" not in recipe[0]
