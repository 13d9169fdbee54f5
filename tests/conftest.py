"""Fixtures that tests of several packages share."""

from typing import TYPE_CHECKING, Any

import pytest
from browser import browser
from ray_head import ray_head
from s3 import s3, s3_server

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.shards.dataset import Dataset

__all__ = ["browser", "ray_head", "s3", "s3_server"]

TINY = {
    "embedding_dim": 16,
    "encoder_units": 12,
    "decoder_units": 20,
    "attention_units": 14,
    "bridge": "dense",
    "readout": "deep",
    "readout_units": 16,
    "readout_activation": "tanh",
}


@pytest.fixture(scope="session")
def tiny_model() -> Any:
    """A function that makes a small model with random weights, some of them large.

    Its arguments: the sizes of both vocabularies, the seed, and settings of the group model.
    Its initial weights would make all words about equally probable; these do not.
    """
    import keras
    import numpy as np

    import nmt.model  # noqa: F401
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings

    def make(source: int = 30, target: int = 25, seed: int = 1, rate: float = 0.0, **settings: Any):
        keras.utils.set_random_seed(seed)
        model = Seq2Seq(ModelSettings.model_validate({**TINY, **settings}), source, target, rate)
        random = np.random.default_rng(seed)
        model.set_weights([0.6 * random.standard_normal(w.shape) for w in model.get_weights()])
        return model

    return make


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

    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    info = {"model_id": "random", "data": demo_dataset.settings}
    return Bundle(tiny_model(source.size, target.size), source, target, info)
