"""Splitting and sampling: seeded, of the right size, spread evenly."""

from __future__ import annotations

from collections import Counter

import pytest

from nmt.corpus.splitting import draw, lopsided, source_key, split_keys, split_of


def test_shares_are_about_right_and_the_seed_matters() -> None:
    def splits(seed: int) -> list[str]:
        return [split_of(source_key(f"s{n}", seed), 0.1, 0.2) for n in range(5000)]

    first, other = splits(1), splits(2)
    assert first == splits(1) != other
    for counts in (Counter(first), Counter(other)):
        assert 420 < counts["valid"] < 580
        assert 890 < counts["test"] < 1110
    assert {split_of(source_key(f"{n}", 1), 0, 0) for n in range(100)} == {"train"}


def test_keys_survive_joining() -> None:
    keys = {source_key(text, 1) for text in ("a", "b", "ä\ud800")}
    assert split_keys(b"".join(keys)) == keys


@pytest.mark.parametrize(("total", "size"), [(10, 1), (10, 10), (1000, 7), (1000, 999), (5, 0)])
def test_a_sample_is_exact(total: int, size: int) -> None:
    for seed in range(20):
        flags = list(draw(total, size, seed))
        assert len(flags) == total
        assert sum(flags) == size
        assert flags == list(draw(total, size, seed))


def test_a_sample_larger_than_the_corpus_or_none_is_all_of_it() -> None:
    assert sum(draw(10, 11, 1)) == sum(draw(10, None, 1)) == 10


def test_every_row_is_equally_likely() -> None:
    hits = Counter(n for seed in range(4000) for n, f in enumerate(draw(10, 3, seed)) if f)
    assert all(1080 < hits[n] < 1320 for n in range(10)), hits  # 1200 ± 4 standard deviations


def test_a_split_far_from_its_share_is_named() -> None:
    drawn = {"valid": 0.1, "test": 0.0}
    assert lopsided({"train": 90, "valid": 10, "test": 0}, drawn) == []
    assert lopsided({"train": 70, "valid": 30, "test": 0}, drawn) == []  # three times as many
    assert lopsided({"train": 69, "valid": 31, "test": 500}, drawn) == [  # test has files
        "valid has 31.0% of 100 pairs, not 10.0%"
    ]
    assert lopsided({"train": 195, "valid": 1103, "test": 2}, {"valid": 0.01, "test": 0.01}) == [
        "train has 15.0% of 1,300 pairs, not 98.0%",
        "valid has 84.8% of 1,300 pairs, not 1.0%",
    ]
    assert lopsided({"train": 0, "valid": 0, "test": 0}, drawn) == []
