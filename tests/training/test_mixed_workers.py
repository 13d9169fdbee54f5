"""Two datasets on one worker, on two and on three: the same weights."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
from corpora import make
from test_workers import apart, told_of, train


@pytest.mark.slow
def test_any_number_of_workers_mixes_two_datasets_to_the_same_weights(dataset, tmp_path) -> None:
    """A dataset of 1/4 of the pairs, with half of the weight, and augmented pairs."""
    settings = {"tokenizer": "word", "min_frequency": 1, "vocab_size": 2000}
    other = make(tmp_path / "small", settings, demo=14, vocabulary_from=dataset.location)
    more = {"epochs": 2, "learning_rate": 0.003, "report_every": 1}
    more |= {"stages": [{"weights": [1, 1]}], "augment": {"lower": 0.3, "joined": 0.2}}
    steps = set()
    for workers in (1, 2, 3):
        said = train(dataset, tmp_path / str(workers), workers, others=(other,), **more)
        steps |= {each["step"] for each in said}
        assert apart(tmp_path / str(workers), tmp_path / "1") < more["learning_rate"] / 10
        told, alone = (told_of(tmp_path / place, "loss") for place in (str(workers), "1"))
        np.testing.assert_allclose(told, alone, rtol=2e-3)
    assert len(steps) == 1
