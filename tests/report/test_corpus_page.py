"""The page of a dataset: every text in it is shown as it is, and none is anything else."""

from __future__ import annotations

from reports import ATTACK
from test_page import Page

from nmt.records.dataset import (
    CorpusRecord,
    DatasetRecord,
    NumberedInput,
    PairCounts,
    ScoreDistribution,
)
from nmt.records.model import Direction
from nmt.report.corpus_page import RejectedSample, render_corpora


def attacked() -> str:
    scores = ScoreDistribution(bound="least", threshold=0.5, edges=[0, 0.5, 1], counts=[1, 3])
    corpus = CorpusRecord(
        tag=ATTACK,
        domain=ATTACK,
        filters="web",
        counts=PairCounts(input=4, train=3, valid=0, test=0, rejected=1),
        drops={"few_letters": 1},
        scores={"letters": scores},
    )
    dataset = DatasetRecord.model_construct(
        languages=Direction(source="en", target=ATTACK),
        counts=PairCounts(input=90, train=3, valid=0, test=0, rejected=1),  # a sample of 4
        drops={"few_letters": 1},
        corpora={ATTACK: corpus},
        aligner=None,
        inputs=[NumberedInput(role="train", names=[ATTACK], rows=2, first_id=at) for at in (0, 2)],
    )
    sample = RejectedSample(ATTACK, 3, ATTACK, "\u202etarget\x07")
    return render_corpora(
        dataset, {(ATTACK, "few_letters"): [sample]}, {"letters": "Share of letters"}, {}
    )


def test_texts_of_a_corpus_are_never_markup() -> None:
    page = Page(attacked())
    assert ATTACK.split()[0] in " ".join(page.words)
    assert [name for name, _ in page.elements].count("script") == 1
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert not {"\u202e", "\x07"} & set("".join(page.words))
    policy = next(a["content"] for name, a in page.elements if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_shares_are_of_the_pairs_that_were_drawn() -> None:
    text = " ".join(Page(attacked()).words)
    assert "Corpus of 4 pairs" in text
    assert "75.0 % of the pairs" in text.replace("\u202f", " ").replace("\u00a0", " ")


def test_a_threshold_is_drawn_where_it_lies() -> None:
    elements = Page(attacked()).elements
    (mark,) = [attributes for name, attributes in elements if attributes.get("class") == "mark"]
    bars = [attributes for name, attributes in elements if attributes.get("class") == "bar"]
    assert float(mark["x1"] or "nan") == float(bars[1]["x"] or "nan") == 220
    assert float(bars[0]["height"] or 0) * 3 == float(bars[1]["height"] or 0)
