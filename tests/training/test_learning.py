"""Whole trainings of a small model: what it learns, and what it leaves behind."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from pathlib import Path

import numpy as np
import pytest
from corpora import make, rows
from sacrebleu import corpus_bleu, corpus_chrf
from trainings import (
    FAST,
    assert_same,
    lines_of,
    scripted,
    training,
    validations_of,
)

from nmt import bundle, model_folder
from nmt.inference.translator import Translator, load_model
from nmt.records.model import ModelInfo
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.training.loop import Training

pytestmark = pytest.mark.system  # whole trainings


@pytest.fixture(scope="module")
def overfitted(dataset, tmp_path_factory) -> tuple[Training, Path]:
    """A model that has seen the same fifty pairs again and again."""
    folder = tmp_path_factory.mktemp("overfitted")
    work = training(dataset, folder, epochs=60, validate_every=250, heatmaps=2)
    assert work.run().finished == "epochs"
    return work, folder


def test_a_small_model_learns_fifty_pairs_by_heart(overfitted, dataset) -> None:
    work, folder = overfitted
    assert lines_of(folder)[-1]["loss"] < 0.1
    info = ModelInfo(model_id="x", data=dataset.described_settings)
    vocabularies = dataset.source_vocabulary, dataset.target_vocabulary
    translator = Translator(bundle.Bundle(work.model, *vocabularies, info))
    pairs = rows(dataset, "train")
    references = [dataset.target_vocabulary.standardise(row["target"]) for row in pairs]
    for beam in (1, 4):
        actual = translator.translate([row["source"] for row in pairs], beam_size=beam)
        assert corpus_bleu([result.text for result in actual], [references]).score > 95


def test_its_shortlist_loses_nothing(overfitted, dataset) -> None:
    _, folder = overfitted
    pairs = rows(dataset, "train")
    actual = []
    for search in (SearchSettings(), SearchSettings(shortlist=20, shortlist_common=10)):
        translator = load_model(folder / "run" / "model", search)
        actual.append([t.text for t in translator.translate([row["source"] for row in pairs])])
    assert actual[0] == actual[1]


def test_the_run_folder_is_complete(overfitted) -> None:
    work, folder = overfitted
    run = folder / "run"
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    last = work.state.step
    assert {"metrics.jsonl", "validations.tsv", "plots/learning.png"} <= names
    assert any(name.startswith("tensorboard/events.out.tfevents") for name in names)
    heatmaps = [name for name in names if name.startswith("plots/attention/step-")]
    assert {f"plots/attention/step-{last:07d}-{n}.png" for n in (1, 2)} <= set(heatmaps)
    for name in ("plots/learning.png", heatmaps[0]):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
    metrics = lines_of(folder)
    assert {"step", "epoch", "loss", "tokens_per_second", "learning_rate", "padding_share"} <= set(
        metrics[0]
    )
    steps = [line["step"] for line in metrics]
    assert steps == sorted(set(steps))
    assert all(0 <= line["padding_share"] < 1 for line in metrics)
    assert metrics[0]["learning_rate"] == pytest.approx(0.01)
    actual = validations_of(folder)
    assert {"step", "epoch", "valid_loss", "bleu", "chrf", "seconds", "best"} <= set(actual[0])
    assert int(actual[-1]["step"]) == last
    assert [line["best"] for line in actual].count("yes") == 1
    info = model_folder.check(Location(run / "model"))
    best = next(line for line in actual if line["best"] == "yes")
    assert info.validation["step"] == int(best["step"])
    assert f"{info.validation['bleu']:.4f}" == best["bleu"]
    assert info.direction.to_json() == {"source": "en", "target": "de"}
    assert info.dataset_hash == work.datasets[0].hash


def test_the_events_hold_loss_and_bleu(overfitted) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, folder = overfitted
    events = EventAccumulator(str(folder / "run" / "tensorboard"), {"tensors": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {"training/loss", "validation/bleu", "validation/valid_loss"} <= tags
    steps = [event.step for event in events.Tensors("validation/bleu")]
    assert steps == [int(line["step"]) for line in validations_of(folder)]


def test_loss_is_a_mean_over_tokens(dataset, tmp_path) -> None:
    """So an untrained model's loss is about the logarithm of the vocabulary's size."""
    work = training(dataset, tmp_path, epochs=1, report_every=1, learning_rate=1e-9)
    scripted(work, [1.0])
    work.run()
    losses = [line["loss"] for line in lines_of(tmp_path)]
    assert np.mean(losses) == pytest.approx(np.log(dataset.target_vocabulary.size), rel=0.1)
    assert len(losses) == work.steps_per_epoch


def test_a_training_can_begin_with_another_model(overfitted, dataset, tmp_path) -> None:
    _, folder = overfitted
    model = Location(folder / "run" / "model")
    taken = training(dataset, tmp_path / "a", model)
    assert_same(taken.model.get_weights(), bundle.load(model).model.get_weights())


def test_without_attention_it_trains_as_well(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=1, heatmaps=2, model={"attention": "none"})
    assert work.run().finished == "epochs"
    loaded = bundle.load(Location(tmp_path / "run" / "model"))
    assert loaded.model.settings.attention == "none"
    assert not list((tmp_path / "run").glob("plots/attention/*"))
    (result,) = Translator(loaded, SearchSettings()).translate(["The dog sleeps."])
    assert result.attention is None


def test_validation_decodes_for_real(overfitted, dataset) -> None:
    """BLEU is that of the model's own translations, not of teacher-forced words."""
    work, _ = overfitted
    actual = work.selection.validator.validate()
    every, count = rows(dataset, "valid"), FAST["valid_sentences"]
    assert len(every) > count
    pairs = [every[i * (len(every) - 1) // (count - 1)] for i in range(count)]  # first to last
    info = ModelInfo(model_id="x", data=dataset.described_settings)
    vocabularies = dataset.source_vocabulary, dataset.target_vocabulary
    longest = SearchSettings(max_source_length=100)
    translator = Translator(bundle.Bundle(work.model, *vocabularies, info), longest)
    texts = [result.text for result in translator.translate([row["source"] for row in pairs])]
    references = [dataset.target_vocabulary.standardise(row["target"]) for row in pairs]
    assert actual.bleu == pytest.approx(corpus_bleu(texts, [references]).score)
    assert len(work.selection.validator) == len(pairs)
    assert 0 <= actual.accuracy <= 1


def test_validation_leaves_unknown_words_unknown(tmp_path) -> None:
    """With source words in their place, BLEU would tell of the corpus and not of the model."""
    rare = {"tokenizer": "word", "min_frequency": 12, "valid_fraction": 0.1, "test_fraction": 0}
    dataset = make(tmp_path / "data", rare, demo=56)
    work = training(dataset, tmp_path, epochs=3)
    actual = work.run() and work.selection.validator.validate()
    info = ModelInfo(model_id="x", data=dataset.described_settings)
    vocabularies = dataset.source_vocabulary, dataset.target_vocabulary
    translator = Translator(bundle.Bundle(work.model, *vocabularies, info))
    every = rows(dataset, "valid")
    last = len(every) - 1
    pairs = [every[i * last // (FAST["valid_sentences"] - 1)] for i in range(4)]
    references = [dataset.target_vocabulary.standardise(row["target"]) for row in pairs]

    def score(replace: bool) -> float:
        given = translator.translate([row["source"] for row in pairs], replace_unknown=replace)
        assert any("[UNK]" in result.text for result in given) != replace
        return corpus_chrf([result.text for result in given], [references]).score

    assert score(True) != pytest.approx(score(False))
    assert actual.chrf == pytest.approx(score(False))
