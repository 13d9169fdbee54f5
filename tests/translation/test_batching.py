"""Batches hold every sentence once, little padding, and no more than fits."""

import numpy as np
import pytest

from nmt.inference.batching import BATCH_TOKENS, BatchTuning, batches_by_length


@pytest.mark.parametrize("tokens", [64, 500, BATCH_TOKENS])
@pytest.mark.parametrize("count", [0, 1, 5, 300, 5000])
def test_every_sentence_is_in_one_batch_that_fits(count, tokens) -> None:
    random = np.random.default_rng(count)
    lengths = np.minimum(1 + random.poisson(12, count) ** 2 // 8, 400)
    batches = list(batches_by_length(lengths, None, tokens))
    assert sorted(place for batch in batches for place in batch) == list(range(count))
    for batch in batches:
        sizes = lengths[batch]
        assert (np.diff(sizes) >= 0).all()
        assert len(batch) == 1 or len(batch) * sizes.max() <= tokens
    flat = [lengths[place] for batch in batches for place in batch]
    assert flat == sorted(flat)


@pytest.mark.parametrize("spread", [2, 8, 30, 100])
def test_padding_is_below_a_tenth(spread) -> None:
    """Of as many sentences as units have, also where lengths vary far more than in any text."""
    random = np.random.default_rng(spread)
    for count in (1024, 4096, 8192):
        lengths = 3 + random.integers(0, spread, count)
        batches = list(batches_by_length(lengths))
        places = sum(len(batch) * lengths[batch].max() for batch in batches)
        assert 1 - lengths.sum() / places < 0.1
        assert len(batches) <= 2 * lengths.sum() / BATCH_TOKENS + 3 * spread


def test_a_batch_size_is_kept_where_it_is_asked_for() -> None:
    sizes = [len(batch) for batch in batches_by_length(np.arange(1, 100), 8)]
    assert sizes == [8] * 12 + [3]


def test_few_sentences_are_one_batch() -> None:
    assert len(list(batches_by_length([3, 9, 4, 30, 1]))) == 1


def found(speeds: dict[int, float]) -> int:
    """The size that is settled on where batches of these sizes have these speeds."""
    tuning = BatchTuning(settled=False)
    for _ in range(20):
        tuning.record_speed(speeds.get(tuning.tokens, 0.0))
    assert tuning.settled
    return tuning.tokens


def test_the_batch_grows_while_that_is_faster() -> None:
    sizes = [BATCH_TOKENS * 2**n for n in range(8)]
    for best in range(7):
        speeds = {size: min(n, best) + 1.0 for n, size in enumerate(sizes)}
        assert found(speeds) == sizes[best]
        speeds = {size: n + 1.0 for n, size in enumerate(sizes) if n <= best}  # then too large
        assert found(speeds) == sizes[best]
    fixed = BatchTuning()
    fixed.record_speed(1e9)
    assert fixed.tokens == BATCH_TOKENS
