"""Workers share a validation: each decodes its part, and the scores are those of one worker."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import pytest

from nmt.bundle import Bundle
from nmt.inference.translator import Translator
from nmt.settings import SearchSettings
from nmt.shards.dataset import Dataset
from nmt.training.strategy import Replicas
from nmt.training.validation import Validator


@pytest.fixture
def validator(demo_dataset: Dataset, demo_bundle: Bundle) -> Validator:
    translator = Translator(demo_bundle, SearchSettings().greedy(12))
    return Validator(demo_dataset, demo_bundle.model, translator, 1000, "13a", Replicas())


@pytest.mark.parametrize("workers", [3])
def test_any_number_of_workers_gives_the_same_scores(validator, workers, monkeypatch) -> None:
    alone = validator.validate()
    assert alone.loss > 0
    assert alone.chrf > 0
    decoded: list[int] = []
    translate = validator._translator.translate
    monkeypatch.setattr(
        validator._translator,
        "translate",
        lambda texts, tag: decoded.append(len(texts)) or translate(texts),
    )
    parts = [validator.part(rank, workers) for rank in range(workers)]
    assert sum(decoded) == len(validator)
    assert max(len(part.texts) for part in parts) < len(validator)
    shared = validator.score(parts)
    assert shared._replace(seconds=0) == alone._replace(seconds=0)


def test_a_worker_alone_gathers_what_it_has() -> None:
    assert Replicas().gather(b"abc") == [b"abc"]
