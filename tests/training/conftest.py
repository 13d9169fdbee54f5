"""Fixtures of the tests of training."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from corpora import make

if TYPE_CHECKING:
    from nmt.shards.dataset import Dataset


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """A job hides the GPUs from its own process, and a later test may need them."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings draw no learning curve, which takes longer than their steps."""
    monkeypatch.setattr("nmt.training.run_folder.learning_curve", lambda *_: b"")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> "Dataset":
    """About fifty pairs of the grammar, in words."""
    settings = {"tokenizer": "word", "min_frequency": 1, "vocab_size": 2000}
    settings |= {"valid_fraction": 0.1, "test_fraction": 0}
    return make(tmp_path_factory.mktemp("fifty") / "data", settings, demo=56)
