"""Corpus scores are sacrebleu's own, and ranges of length lose nobody."""

from itertools import pairwise

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from nmt.evaluation.scores import bleu, bleu_by_length, chrf, corpus_scores, sentence_chrf

HYPOTHESES = ["Der Hund schläft im Garten .", "Sie kauft ein Buch.", "Wir gehen morgen nach Haus"]
FIRST = ["Der Hund schläft im Garten.", "Sie kauft ein rotes Buch.", "Morgen gehen wir nach Hause."]
SECOND = ["Im Garten schläft der Hund.", "Ein Buch kauft sie.", "wir gehen morgen nach haus"]


@pytest.mark.parametrize("references", [[FIRST], [FIRST, SECOND]])
@pytest.mark.parametrize("lowercase", [False, True])
def test_scores_are_sacrebleus(references, lowercase) -> None:
    metrics = {
        "BLEU": BLEU(lowercase=lowercase),
        "chrF": CHRF(lowercase=lowercase),
        "TER": TER(case_sensitive=not lowercase),
    }
    found = corpus_scores(HYPOTHESES, references, lowercase=lowercase, bootstrap=False, text="x")
    assert [score["metric"] for score in found] == list(metrics)
    for score, (name, metric) in zip(found, metrics.items(), strict=True):
        expected = metric.corpus_score(HYPOTHESES, references)
        assert score["score"] == pytest.approx(expected.score, abs=1e-4), name
        assert score["signature"] == str(metric.get_signature())
        assert "version:" in score["signature"]
        assert f"nrefs:{len(references)}" in score["signature"]
        assert score["confidence"] is None
        assert score["text"] == "x"
    case = "lc" if lowercase else "mixed"
    assert f"case:{case}" in found[0]["signature"]
    assert "tok:13a" in found[0]["signature"]


def test_the_confidence_interval_holds_the_score_and_can_be_repeated() -> None:
    many = [HYPOTHESES * 7, [FIRST * 7]]
    found = corpus_scores(*many)
    assert found == corpus_scores(*many)
    for score in found:
        low, high = score["confidence"]
        assert low < score["score"] < high
        assert "bs:1000" in score["signature"]
    assert corpus_scores(HYPOTHESES[:1], [FIRST[:1]])[0]["confidence"] is None


def test_perfect_and_hopeless() -> None:
    assert [score["score"] for score in corpus_scores(FIRST, [FIRST])] == [100, 100, 0]
    assert bleu(FIRST, FIRST) == pytest.approx(100)
    assert chrf(FIRST, FIRST) == pytest.approx(100)
    assert bleu(["x y z"] * 3, FIRST) < 1
    assert sentence_chrf(FIRST[0], [SECOND[0], FIRST[0]]) == pytest.approx(100)


def test_ranges_of_length_are_a_partition() -> None:
    lengths = [0, 1, 4, 5, 6, 10, 11, 39, 40, 41, 45, 46, 120]
    sources = [" ".join(["w"] * n) for n in lengths]
    hypotheses = [f"ein Satz mit {n} Wörtern" for n in lengths]
    found = bleu_by_length(sources, hypotheses, [hypotheses])
    assert sum(entry["sentences"] for entry in found) == len(lengths)
    for before, after in pairwise(found):
        assert before["to"] is not None
        assert after["from"] > before["to"]
    for entry in found:
        upper = entry["to"] or 10**9
        inside = [n for n in lengths if entry["from"] <= max(n, 1) <= upper]
        assert entry["sentences"] == len(inside)
        assert entry["bleu"] == pytest.approx(100)
    assert found[-1]["to"] is None
    assert found[-1]["from"] == 41


def test_a_range_is_scored_on_its_own_sentences() -> None:
    sources = ["a b", "a b c d e f g", "x y"]
    found = bleu_by_length(sources, HYPOTHESES, [FIRST, SECOND])
    rows = {1: [0, 2], 6: [1]}
    for entry in found:
        chosen = rows.pop(entry["from"])
        pick = [[stream[row] for row in chosen] for stream in (HYPOTHESES, FIRST, SECOND)]
        assert entry["bleu"] == pytest.approx(
            BLEU().corpus_score(pick[0], pick[1:]).score, abs=1e-4
        )
    assert not rows


def test_the_confidence_interval_is_sacrebleus() -> None:
    hypotheses, references = HYPOTHESES * 7, FIRST * 7
    found = {score["metric"]: score for score in corpus_scores(hypotheses, [references])}
    for name, metric in (("BLEU", BLEU()), ("chrF", CHRF())):
        score = metric.corpus_score(hypotheses, [references], n_bootstrap=1000)
        expected = [score._mean - score._ci, score._mean + score._ci]
        assert found[name]["confidence"] == pytest.approx(expected, abs=1e-3)
        assert found[name]["signature"] == str(metric.get_signature())
