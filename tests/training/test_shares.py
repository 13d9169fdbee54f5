"""The batches of a validation: of the same cost, so that workers have equal parts."""

import numpy as np
import pytest

from nmt.inference.batching import BATCH_TOKENS
from nmt.training.validation import even_batches, share_batches

# Tokens of a pair's longer side with its end, in NMT_DATA: 1.25 per word, and one per 1.8
# characters of Japanese.
SHARES = [*np.arange(0, 1, 0.1), 0.95, 0.99, 0.999, 1]  # of the training pairs
QUANTILES = {
    "multi30k": [5, 11, 12, 13, 15, 16, 17, 19, 20, 22, 25, 31, 40, 50],
    "enja": [6, 9, 9, 10, 10, 11, 11, 12, 13, 15, 15, 17, 20, 21],
}


def widths_of(corpus: str, sentences: int) -> np.ndarray:
    places = np.random.default_rng(3).random(sentences)
    return np.round(np.interp(places, SHARES, QUANTILES[corpus])).astype(int)


def lognormal(mean: float, spread: float, sentences: int) -> np.ndarray:
    """Lengths like those of Multi30k (14, 0.33), of Tatoeba (9, 0.45), or more different."""
    lengths = np.exp(np.random.default_rng(3).normal(np.log(mean), spread, sentences))
    return np.clip(np.round(lengths), 1, 100).astype(int)


def largest_part(widths: np.ndarray, workers: int, rest_of_a_step: int) -> float:
    """The cost of the largest part over an equal one; each batch is in one part."""
    batches = even_batches(widths.tolist(), BATCH_TOKENS)
    parts = [share_batches(len(batches), rank, workers) for rank in range(workers)]
    assert sorted(number for part in parts for number in part) == list(range(len(batches)))
    sizes = [sum(len(batches[number]) for number in part) for part in parts]
    assert max(sizes) <= (1 / workers + 0.1) * len(widths)
    costs = [(len(rows) + rest_of_a_step) * widths[rows[-1]] for rows in batches]
    return max(sum(costs[number] for number in part) for part in parts) * workers / sum(costs)


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("sentences", [500, 1000, 2000])
@pytest.mark.parametrize("corpus", QUANTILES)
def test_a_workers_part_is_hardly_larger_than_its_share(corpus, sentences, workers) -> None:
    """In tokens with padding, and where a step costs as much as 8 or 16 sentences besides."""
    widths = widths_of(corpus, sentences)
    assert max(largest_part(widths, workers, rest) for rest in (0, 8, 16)) <= 1.1


@pytest.mark.parametrize("workers", [2, 3, 4, 6, 8])
@pytest.mark.parametrize(("mean", "spread"), [(14, 0.33), (9, 0.45), (14, 0.8)])
def test_parts_are_equal_for_widely_spread_lengths_too(mean, spread, workers) -> None:
    widths = lognormal(mean, spread, 2000)
    assert max(largest_part(widths, workers, rest) for rest in (0, 8)) <= 1.1
    assert largest_part(lognormal(mean, spread, 500), workers, 8) <= 1.1


@pytest.mark.parametrize("sentences", [1, 5, 24, 25, 500, 20_000])
def test_every_sentence_is_in_one_batch_that_fits(sentences) -> None:
    widths = lognormal(14, 0.8, sentences)
    batches = even_batches(widths.tolist(), 512)
    assert sorted(row for rows in batches for row in rows) == list(range(sentences))
    assert all(np.all(np.diff(widths[rows]) >= 0) for rows in batches)
    assert all(len(rows) * widths[rows[-1]] <= 512 for rows in batches if len(rows) > 1)
    used = sum(widths) / sum(len(rows) * widths[rows[-1]] for rows in batches)
    assert used > 0.9
    assert len(batches) == {1: 1, 5: 5, 500: 48}.get(sentences, len(batches))


def test_a_sentence_of_more_tokens_than_a_batch_is_a_batch() -> None:
    batches = even_batches([3] * 100 + [900], 300)
    assert batches[-1] == [100]
    assert all(3 * len(rows) <= 300 for rows in batches[:-1])
