"""A shortlist is checked when a model is made, and is what its beams take by default."""

import nmt.model  # quiets TensorFlow

# isort: split
import re

import pytest
from trainings import instant, training

import nmt
from nmt import model_folder
from nmt.ensemble_info import describe_ensemble
from nmt.records.model import ShortlistCheck
from nmt.runtime import graphs
from nmt.settings import SearchSettings
from nmt.storage.location import Location

pytestmark = pytest.mark.usefixtures("no_curves")
SOURCES = ["the dog sees a house", "a woman sleeps", "the old men read"]


@pytest.fixture(scope="module")
def model(dataset, tmp_path_factory) -> Location:
    """A model with what `nmt train` leaves beside it, where its 4 sentences are enough."""
    folder = tmp_path_factory.mktemp("checked")
    settings = {"search": {"shortlist": 3, "shortlist_common": 4}}
    work = training(dataset, folder, epochs=1, **settings)
    instant(work, [1.0])
    work.run()
    before = model_folder.describe(work.output / "model").model_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmt.training.shortlist_check.FEWEST_SENTENCES", 4)
        work.selection.export(threads=1)
    model = work.output / "model"
    assert model_folder.check(model).model_id != before
    return model


def test_a_beam_takes_the_shortlist_that_was_checked(model, dataset, monkeypatch) -> None:
    monkeypatch.setattr("nmt.records.model.FEWEST_SENTENCES", 4)
    info = model_folder.check(model)
    check = info.shortlist
    assert (check.size, check.common, check.beam_size) == (3, 4, 5)
    assert check.sentences == 4 < dataset.rows("valid")
    assert "|tok:13a|" in check.signature
    assert check.is_harmless  # random weights have no BLEU to lose
    assert graphs.exist(model, info.model_id)
    translator = nmt.load_model(str(model), SearchSettings(runtime="onnx", beam_size=3))
    chosen = translator.translate(SOURCES)
    assert chosen == translator.translate(SOURCES, shortlist=3, shortlist_common=4)
    exact = translator.translate(SOURCES, shortlist=0)
    assert [one.score for one in chosen] != [one.score for one in exact]
    greedy = translator.translate(SOURCES, beam_size=1)
    assert greedy == translator.translate(SOURCES, beam_size=1, shortlist=0)
    assert describe_ensemble([model, model], [info, info]).shortlist is None


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ({"shortlist": 0, "shortlist_common": 4}, None),
        ({}, r"each of the \d+ target tokens is on every shortlist \(search.shortlist_common=2000"),
        ({"shortlist_common": 4}, r"\d+ validation sentences are fewer than 200;"),
    ],
)
def test_nothing_is_checked_that_is_no_shortlist(
    dataset, tmp_path, monkeypatch, search, reason, capsys
) -> None:
    """Because it is off, because the vocabulary has no more than the common words, or because so
    few sentences say nothing."""
    work = training(dataset, tmp_path, epochs=1, search=search)
    instant(work, [1.0])
    work.run()
    monkeypatch.setattr("nmt.runtime.export.export", lambda _: {})
    monkeypatch.setattr("nmt.runtime.onnx.OnnxRuntime", lambda *_: None)
    work.selection.export(threads=1)
    assert model_folder.check(work.output / "model").shortlist is None
    said = re.findall("search.shortlist not checked, because .*", capsys.readouterr().err)
    assert len(said) == (reason is not None)
    assert all(re.search(f"because {reason}", line) for line in said)


@pytest.mark.parametrize(
    ("bleu", "beam_size", "shortlist", "used"),
    [
        (29.9, 5, "auto", (20, 2000)),
        (31.0, 2, "auto", (20, 2000)),
        (29.899, 5, "auto", (0, 7)),
        (29.9, 1, "auto", (0, 7)),
        (29.9, 5, 0, (0, 7)),
        (29.0, 5, 30, (30, 7)),
        (29.0, 1, 30, (30, 7)),
    ],
)
def test_auto_is_what_loses_at_most_a_tenth_of_bleu(bleu, beam_size, shortlist, used) -> None:
    check = ShortlistCheck(
        size=20,
        common=2000,
        beam_size=5,
        sentences=1000,
        exact_bleu=30.0,
        bleu=bleu,
        signature="",
    )
    search = SearchSettings(beam_size=beam_size, shortlist=shortlist, shortlist_common=7)
    decided = search.with_shortlist(check)
    assert (decided.shortlist, decided.shortlist_common) == used
    few = search.with_shortlist(check.model_copy(update={"sentences": 199}))
    unchecked = search.with_shortlist(None)
    assert few == unchecked
    assert unchecked.shortlist == (0 if shortlist == "auto" else shortlist)
