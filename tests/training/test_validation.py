"""Workers share a validation: each decodes its part, and the scores are those of one worker."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest

from nmt.bundle import Bundle
from nmt.inference.batching import BATCH_TOKENS
from nmt.inference.translator import Translator
from nmt.settings import SearchSettings
from nmt.shards.dataset import Dataset
from nmt.training import validation
from nmt.training.strategy import Replicas
from nmt.training.validation import Validator, share_batches


@pytest.fixture
def validator(demo_dataset: Dataset, demo_bundle: Bundle, monkeypatch) -> Validator:
    """With batches so small that a few sentences are many."""
    monkeypatch.setattr(validation, "BATCH_TOKENS", 60)
    monkeypatch.setattr(validation, "_ROWS", 3)
    translator = Translator(demo_bundle, SearchSettings().greedy(12))
    return Validator(demo_dataset, demo_bundle.model, translator, 1000, "13a", Replicas())


@pytest.mark.parametrize("workers", [2, 3, 40])
def test_any_number_of_workers_gives_the_same_scores(validator, workers, monkeypatch) -> None:
    alone = validator.validate()
    assert alone.loss > 0
    assert alone.chrf > 0
    decoded: list[int] = []
    translate = validator._translator.translate
    monkeypatch.setattr(
        validator._translator,
        "translate",
        lambda texts: decoded.append(len(texts)) or translate(texts),
    )
    parts = [validator.part(rank, workers) for rank in range(workers)]
    assert sum(decoded) == len(validator)
    assert max(len(part.texts) for part in parts) < len(validator)
    shared = validator.score(parts)
    assert shared._replace(seconds=0) == alone._replace(seconds=0)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize(("mean", "spread"), [(14, 0.33), (9, 0.45)])
def test_a_workers_part_is_hardly_larger_than_its_share(mean, spread, workers) -> None:
    """In tokens of 2,000 sentences as those of Multi30k and of Tatoeba."""
    random = np.random.default_rng(3)
    lengths = np.clip(np.round(np.exp(random.normal(np.log(mean), spread, 2000))), 1, 100)
    batches = list(validation.batches_by_length(lengths.astype(int), batch_tokens=BATCH_TOKENS))
    costs = [len(rows) * int(lengths[rows].max()) for rows in batches]
    shares = share_batches(costs, workers)
    assert sorted(number for share in shares for number in share) == list(range(len(batches)))
    largest = max(sum(costs[number] for number in share) for share in shares)
    assert largest <= 1.1 * sum(costs) / workers
    counts = [sum(len(batches[number]) for number in share) for share in shares]
    assert max(counts) <= (1 / workers + 0.1) * len(lengths)


def test_a_worker_alone_gathers_what_it_has() -> None:
    assert Replicas().gather(b"abc") == [b"abc"]
