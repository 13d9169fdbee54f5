"""Fixtures that tests of several packages share."""

import leave_probes  # noqa: F401  (before any module of nmt)

# isort: split
import gc
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from browser import browser
from hypothesis import HealthCheck
from models import tiny_model
from ray_head import ray_head
from s3 import s3, s3_server

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.shards.dataset import Dataset

# The same examples in every run, and none fails because it takes long: machines are shared.
# `make test-all` draws others with --hypothesis-profile=random.
hypothesis.settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile(
    "random", hypothesis.settings.get_profile("repeatable"), derandomize=False
)
hypothesis.settings.load_profile("repeatable")

__all__ = ["browser", "ray_head", "s3", "s3_server", "tiny_model"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What modules hold once they are imported is never looked through for garbage again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _impatient_again() -> Iterator[None]:
    """A job that began in one test's process leaves the next one no patience with stores."""
    from nmt.storage.retry import wait_for_stores

    yield
    wait_for_stores(0.0)


@pytest.fixture(autouse=True)
def _log_on_standard_error() -> None:
    """As a command does, so that tests see what people see."""
    from nmt import logs

    logs.configure(job="test")


@pytest.fixture
def eagerly() -> Iterator[None]:
    """TensorFlow's functions run without a graph, whose tracing takes most of a short test."""
    import nmt.model  # noqa: F401  (quiets TensorFlow)

    # isort: split
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> "Dataset":
    """A few hundred pairs of the built-in grammar, in subwords."""
    from corpora import make

    folder = tmp_path_factory.mktemp("demo") / "data"
    settings = {"vocab_size": 300, "valid_fraction": 0.05, "test_fraction": 0.05}
    return make(folder, settings, demo=300)


@pytest.fixture(scope="session")
def demo_bundle(tiny_model: Any, demo_dataset: "Dataset") -> "Bundle":
    """A model with random weights for the demo dataset's vocabularies."""
    from nmt.bundle import Bundle
    from nmt.records.model import ModelInfo

    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    info = ModelInfo(model_id="random", data=demo_dataset.described_settings)
    return Bundle(tiny_model(source.size, target.size), source, target, info)


@pytest.fixture(scope="session")
def saved_models(
    demo_dataset: "Dataset", tiny_model: Any, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Two MODEL folders of other random weights, for the demo dataset's vocabularies."""
    from nmt import bundle
    from nmt.storage.location import Location

    folder = tmp_path_factory.mktemp("models")
    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    info = {
        "data": demo_dataset.described_settings,
        "direction": {"source": "en", "target": "de"},
        "validation": {},
    }
    for seed in (1, 2):
        model = tiny_model(source.size, target.size, seed)
        bundle.save(model, source, target, info, Location(folder / str(seed)))
    return [folder / "1", folder / "2"]


@pytest.fixture
def night(saved_models: list[Path], tmp_path: Path) -> Path:
    """A finished output."""
    from outputs import translate

    (tmp_path / "in.txt").write_text("A dog sleeps.\nThe cat sees a dog.\n")
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out")
    return tmp_path / "out"
