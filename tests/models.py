"""Small models with random weights."""

import os
from typing import Any

import pytest

# Before it multiplies bfloat16 TensorFlow asks the processor, not oneDNN, whether that is possible;
# where oneDNN is held back to less than the processor is, the process is aborted.
bfloat16 = pytest.param(
    "bfloat16",
    marks=pytest.mark.skipif(
        "ONEDNN_MAX_CPU_ISA" in os.environ, reason="TensorFlow aborts with bfloat16 then"
    ),
)

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

    Its arguments: the sizes of both vocabularies, the seed, the rates of dropout, and settings
    of the group model.
    Its initial weights would make all words about equally probable; these do not.
    """
    import keras
    import numpy as np

    import nmt.model  # noqa: F401
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import DropoutRates, ModelSettings

    def make(
        source: int = 30,
        target: int = 25,
        seed: int = 1,
        rates: DropoutRates = DropoutRates(),
        **settings: Any,
    ):
        keras.utils.set_random_seed(seed)
        model = Seq2Seq(ModelSettings.model_validate({**TINY, **settings}), source, target, rates)
        random = np.random.default_rng(seed)
        model.set_weights([0.6 * random.standard_normal(w.shape) for w in model.get_weights()])
        return model

    return make


def teacher_forced(model: Any, source: Any, target_inputs: Any, seed: Any = None) -> tuple:
    """Logits of every target position, shape (batch, target, words), and attention weights."""
    import tensorflow as tf

    readouts, weights = model(source, target_inputs, seed)
    logits = model.logits(tf.reshape(readouts, [-1, readouts.shape[-1]]))
    return tf.reshape(logits, [*readouts.shape[:2], model.target_size]), weights
