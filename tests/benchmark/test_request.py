"""With which settings is measured, and what is refused before anything starts."""

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from corpora import make
from models import TINY

from nmt import bundle
from nmt.benchmark.job import benchmark
from nmt.benchmark.request import BenchmarkRequest, measured_settings
from nmt.cluster import connection
from nmt.errors import UnusableInput
from nmt.settings import Settings, TrainingSettings
from nmt.storage.location import Location

TRAINED = {"batch_tokens": 777, "accumulate": 3, "precision": "bfloat16", "label_smoothing": 0.1}


@pytest.fixture
def run(saved_models, demo_dataset, tmp_path) -> Path:
    """A RUN as far as a benchmark looks at it: MODEL, one of the best models, config.yaml."""
    for place in ("run/model", "run/best/step-9"):
        copytree(saved_models[0], tmp_path / place)
        location = Location(tmp_path / place)
        actual = bundle.load(location)
        vocabularies = actual.source_vocabulary, actual.target_vocabulary
        info = {"dataset_hash": demo_dataset.hash, "data": demo_dataset.described_settings}
        bundle.save(actual.model, *vocabularies, info, location)
    settings = Settings.model_validate({"training": TRAINED, "model": {"encoder_units": 99}})
    write_config(tmp_path / "run", demo_dataset.hash, settings.model_dump())
    return tmp_path / "run"


def write_config(folder: Path, dataset: str, settings: dict[str, Any]) -> None:
    content = {"datasets": [{"hash": dataset}], "settings": settings}
    (folder / "config.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("place", ["model", "best/step-9"])
def test_a_model_is_trained_as_its_run_was(run, place) -> None:
    settings, origin = measured_settings(Location(run / place))
    assert settings.training == TrainingSettings.model_validate(TRAINED)
    assert settings.model.encoder_units == TINY["encoder_units"]  # the model's own
    assert origin == str(run / "config.yaml")


def test_what_is_named_wins_over_the_run(run) -> None:
    model, config = Location(run / "model"), {"training": {"accumulate": 4, "batch_tokens": 800}}
    settings, _ = measured_settings(model, None, config, ["training.batch_tokens=900"])
    assert settings.training == TrainingSettings(
        **{**TRAINED, "accumulate": 4, "batch_tokens": 900}
    )
    settings, origin = measured_settings(model, "small")
    assert settings.training == TrainingSettings(batch_tokens=1000, dropout=0.2, epochs=20)
    assert settings.model.encoder_units == TINY["encoder_units"]
    assert origin == "preset small"


def test_a_model_that_was_copied_away_has_no_training(run, tmp_path) -> None:
    copytree(run / "model", tmp_path / "elsewhere/model")
    settings, origin = measured_settings(Location(tmp_path / "elsewhere/model"))
    assert settings.training == TrainingSettings()
    assert origin.startswith("the defaults (no config.yaml")


@pytest.mark.parametrize("content", ["- a list", "a: {", "dataset: 3", "{dataset: {hash: x}}"])
def test_a_config_of_something_else_is_none(run, content) -> None:
    (run / "config.yaml").write_text(content)
    settings, origin = measured_settings(Location(run / "model"))
    assert settings.training == TrainingSettings()
    assert origin.startswith("the defaults")


def test_without_a_model_the_preset_is_measured() -> None:
    settings, origin = measured_settings(None, "book", None, ["model.attention=none"])
    assert settings.model.attention == "none"
    assert settings.training.batch_tokens == 128 * 12
    assert origin == "preset book"
    assert measured_settings(None)[1] == "the defaults"


def refused(**request: Any) -> str:
    settings = request.pop("settings", {"model": TINY})
    with pytest.raises(UnusableInput) as caught:
        benchmark(BenchmarkRequest(Settings.model_validate(settings), **request))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_would_fail_in_the_end_is_refused_before_ray_starts(
    demo_dataset, saved_models, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    data = demo_dataset.location
    (tmp_path / "file").write_text("x")
    assert "a folder; name a file" in refused(data=data, output=Location(tmp_path))
    line = refused(output=Location(tmp_path / "file" / "report.json"))
    assert "file is a file; give another path" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    sizes = {"model": {**TINY, "bridge": "concat"}}
    assert "model.bridge=concat needs" in refused(data=data, settings=sizes)
    line = refused(data=data, settings={"model": TINY, "search": {"n_best": 3}})
    assert "needs a beam" in line
    all_training = {"vocab_size": 120, "valid_fraction": 0.0, "test_fraction": 0.0}
    bare = make(tmp_path / "bare", all_training, demo=100).location
    line = refused(data=bare, model=Location(saved_models[0]))
    assert "nothing to translate" in line
