"""Corpora of one dataset with weights: pairs of weight 2 are seen twice as often as others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from corpora import make, pair_lines, rows, write_lines

from nmt.errors import UnusableInput
from nmt.settings import TrainingSettings
from nmt.shards import Dataset
from nmt.shards.batches import batch_ids, choose_shapes, epoch_batches
from nmt.shards.mixture import Mixture, Shares
from nmt.shards.weighted import parts_of
from nmt.storage.location import Location
from nmt.training.schedule import mixture_of, plan_steps, tell_weights

WEIGHTS = {"news": 0.5, "books": 1, "laws": 4}


def prepared(folder: Path, weights: dict[str, float], name: str = "data") -> Dataset:
    """A dataset of three corpora, in units of 40 pairs; ids tell the corpora apart."""
    lines = []
    for number, (corpus, weight) in enumerate(weights.items()):
        file = folder / f"{name}-{corpus}.tsv"
        write_lines(file, pair_lines(110, seed=number))
        lines.append(f"{corpus}: {{pairs: {file}, weight: {weight}}}\n")
    (folder / f"{name}.yaml").write_text("".join(lines))
    return make(folder / name, {"shard_rows": 40}, corpora=Location(folder / f"{name}.yaml"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepared(tmp_path_factory.mktemp("weighted"), WEIGHTS)


def drawn(mixture: Mixture, epoch: int) -> Counter[tuple[int, int]]:
    shapes = choose_shapes(mixture.widths(epoch), 3, 400)
    batches = batch_ids(mixture, shapes, 1, epoch, 60)
    return Counter(pair for batch in batches for pair in batch)


def test_pairs_are_seen_by_their_weights_and_each_once_a_pass(dataset: Dataset) -> None:
    mixture = mixture_of([dataset], TrainingSettings())
    owners = {row["id"]: row["corpus"] for row in rows(dataset, "train")}
    own = Counter(owners.values())
    total = sum(own[name] * weight for name, weight in WEIGHTS.items())
    seen: Counter[int] = Counter()
    for epoch in range(6):
        counts = drawn(mixture, epoch)
        assert {number for number, _ in counts} == {0}
        assert abs(counts.total() - len(owners)) <= len(WEIGHTS)  # an epoch is as long as ever
        seen.update({pair: count for (_, pair), count in counts.items()})
        for name, weight in WEIGHTS.items():
            turns = [seen[pair] for pair, owner in owners.items() if owner == name]
            expected = (epoch + 1) * len(owners) * weight * own[name] / total
            assert abs(sum(turns) - expected) < 1
            assert max(turns) - min(turns) <= 1
    assert mixture.pairs(0) == [len(owners)]
    assert drawn(mixture, 2) == drawn(mixture_of([dataset], TrainingSettings()), 2)


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_sees_the_same_batches(dataset: Dataset, workers: int) -> None:
    mixture = mixture_of([dataset], TrainingSettings())
    shapes, _ = plan_steps(mixture, TrainingSettings())
    whole = list(epoch_batches(mixture, shapes, 1, 1, 60))
    parts = [
        list(epoch_batches(mixture, shapes, 1, 1, 60, 2, rank=rank, workers=workers))
        for rank in range(workers)
    ]
    for batch, *shares in zip(whole[2:], *parts, strict=True):
        for rank, share in enumerate(shares):
            own = batch.source[rank::workers]
            np.testing.assert_array_equal(share.source[: len(own)], own)


def test_equal_weights_are_read_as_one_dataset(tmp_path: Path) -> None:
    plain = prepared(tmp_path, dict.fromkeys(WEIGHTS, 3.0))
    assert parts_of([plain]).corpora == [plain]
    assert not any(record.lengths for record in plain.info.corpora.values())


def test_shares_of_datasets_hold_beside_weights_of_corpora(
    dataset: Dataset, tmp_path: Path
) -> None:
    other = prepared(tmp_path, {"talks": 1.0}, "other")
    sizes = [one.rows("train") for one in (dataset, other)]
    training = TrainingSettings.model_validate({"stages": [{"weights": [1, 3]}]})
    mixture = mixture_of([dataset, other], training)
    counts = drawn(mixture, 0)
    shares = [sum(n for (own, _), n in counts.items() if own == number) for number in (0, 1)]
    assert abs(shares[1] - 0.75 * sum(sizes)) <= 1
    assert mixture.pairs(0) == pytest.approx([sum(sizes) / 4, 3 * sum(sizes) / 4], abs=1)
    plain = drawn(mixture_of([dataset, other], TrainingSettings()), 0)
    assert abs(sum(n for (own, _), n in plain.items() if own == 1) - sizes[1]) <= 1
    alone = parts_of([other])
    assert alone.stages([Shares(2, (1.0,))], [5]) == [Shares(2, (1.0,))]


def test_counts_that_do_not_fit_are_one_line(dataset: Dataset) -> None:
    corpora = dict(dataset.info.corpora)
    counts = corpora["news"].counts
    counts = counts.model_copy(update={"train": counts.train - 1})
    corpora["news"] = corpora["news"].model_copy(update={"counts": counts})
    info = dataset.info.model_copy(update={"corpora": corpora})
    sides = dataset.source_vocabulary, dataset.target_vocabulary
    damaged = Dataset(dataset.location, info, dataset.settings, *sides)
    with pytest.raises(UnusableInput, match=r"damaged \(the counts of its corpora"):
        drawn(mixture_of([damaged], TrainingSettings()), 0)


def test_it_is_told_how_often_each_corpus_is_seen(dataset: Dataset) -> None:
    mixture = mixture_of([dataset], TrainingSettings())
    (line,) = tell_weights(mixture, 3)
    own = Counter(row["corpus"] for row in rows(dataset, "train"))
    scale = own.total() / sum(own[name] * weight for name, weight in WEIGHTS.items())
    assert line.startswith("weights   epochs 1 to 3: ")
    assert line.endswith(" per epoch")
    for name, weight in WEIGHTS.items():
        told = f"{round(own[name] * weight * scale):,} pairs ({weight * scale:.2f} times each)"
        assert f"data/{name} {told}" in line
    assert not [*tell_weights(Mixture([dataset]), 3)]
