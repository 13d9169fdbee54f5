"""Trained models as a filter of pairs: dual conditional cross-entropy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import rows

from nmt import load_model
from nmt.bundle import save
from nmt.corpus.filters.cross_entropy import CROSS_ENTROPY, PairModels
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.errors import UnusableInput
from nmt.inference.pair_scores import open_scorer
from nmt.model_folder import describe
from nmt.settings import DataSettings, FilterSettings
from nmt.shards import Dataset
from nmt.storage.location import Location

Models = tuple[Location, Location]


@pytest.fixture(scope="module")
def models(
    saved_models: list[Path],
    demo_dataset: Dataset,
    tiny_model: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Models:
    """A model from English to German, and one back."""
    backward = Location(tmp_path_factory.mktemp("backward") / "model")
    source, target = demo_dataset.target_vocabulary, demo_dataset.source_vocabulary
    info = {"data": demo_dataset.described_settings, "direction": {"source": "de", "target": "en"}}
    save(tiny_model(source.size, target.size, seed=3), source, target, info, backward)
    return Location(saved_models[0]), backward


@pytest.fixture(scope="module")
def pairs(demo_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Location:
    """Pairs, the third of which no model takes."""
    own = rows(demo_dataset, "train")[:60]
    sources, targets = [row["source"] for row in own], [row["target"] for row in own]
    sources[2] = "The dog sleeps. " * 200
    file = tmp_path_factory.mktemp("pairs") / "pairs.parquet"
    pq.write_table(pa.table({"source": sources, "target": targets}), file)
    return Location(file)


def make(folder: Path, pairs: Location, **request: Any) -> Dataset:
    settings = DataSettings(
        vocab_size=200, byte_fallback=False, source_language="en", target_language="de"
    )
    thresholds = FilterSettings(**request.pop("thresholds", {}))
    return prepare(
        PrepareRequest(Location(folder), settings, thresholds, pairs=pairs, **request), open_scorer
    )


def scores_of(dataset: Dataset) -> np.ndarray:
    (entry,) = dataset.info.files.scores
    with (dataset.location / entry.name).open() as file:
        return pq.read_table(file)["cross_entropy"].to_numpy()


def test_the_score_is_that_of_forced_decoding(
    models: Models, pairs: Location, tmp_path: Path
) -> None:
    forward, backward = models
    dataset = make(tmp_path / "both", pairs, forward_model=forward, backward_model=backward)
    table = pq.read_table(pairs.uri)
    sources, targets = table["source"].to_pylist(), table["target"].to_pylist()
    del sources[2], targets[2]
    one, other = (
        [-score.score for score in load_model(str(model)).score(*sides)]
        for model, sides in ((forward, (sources, targets)), (backward, (targets, sources)))
    )
    expected = [abs(a - b) + (a + b) / 2 for a, b in zip(one, other, strict=True)]
    scores = scores_of(dataset)
    assert np.isnan(scores[2])
    np.testing.assert_allclose(np.delete(scores, 2), expected, rtol=1e-4)
    assert dataset.info.drops == {"too_long": 1}  # without a threshold none rejects anything
    ids = {"forward": describe(forward).model_id, "backward": describe(backward).model_id}
    assert dataset.info.request.inputs["models"] == ids
    alone = make(tmp_path / "one", pairs, forward_model=forward)
    np.testing.assert_allclose(np.delete(scores_of(alone), 2), one, rtol=1e-4)

    limit = float(np.median(expected))
    strict = make(
        tmp_path / "strict",
        pairs,
        forward_model=forward,
        backward_model=backward,
        thresholds={"cross_entropy": limit},
    )
    rejected = {row["id"] for row in rows(strict, "rejected") if row["reason"] == "improbable"}
    assert rejected == set(np.flatnonzero(scores > limit).tolist())
    assert strict.info.corpora["all"].scores["cross_entropy"].threshold == pytest.approx(limit)


def test_what_does_not_go_together_is_one_line(
    models: Models, pairs: Location, tmp_path: Path
) -> None:
    forward, backward = models
    with pytest.raises(UnusableInput, match=r"filter\.cross_entropy needs a trained model"):
        make(tmp_path / "o", pairs, thresholds={"cross_entropy": 3})
    with pytest.raises(UnusableInput, match=r"--forward-model .*: translates from de to en"):
        make(tmp_path / "o", pairs, forward_model=backward)
    with pytest.raises(UnusableInput, match=r"--backward-model .*: translates from en to de"):
        make(tmp_path / "o", pairs, backward_model=forward)
    with pytest.raises(UnusableInput, match="no model here"):
        make(tmp_path / "o", pairs, forward_model=Location(tmp_path / "nothing"))
    assert not (tmp_path / "o").exists()
    make(tmp_path / "o", pairs, forward_model=forward)
    with pytest.raises(UnusableInput, match="--backward-model not set"):
        make(tmp_path / "o", pairs, forward_model=forward, backward_model=backward)


def test_of_equal_means_the_models_that_agree_are_better() -> None:
    def models(first: float, second: float) -> PairModels:
        values = {"forward": -first, "backward": -second}
        return PairModels(
            lambda model: lambda sources, _: np.full(len(sources), values[model.name], np.float32),
            Location("/forward"),
            Location("/backward"),
        )

    agreeing, differing, dearer = (
        float(CROSS_ENTROPY.score(models(*pair), ["a"], ["b"])[0])
        for pair in ((2.0, 2.0), (1.0, 3.0), (4.0, 4.0))
    )
    assert (agreeing, differing, dearer) == (2.0, 4.0, 4.0)
