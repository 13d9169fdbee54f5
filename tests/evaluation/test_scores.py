"""Corpus scores, their intervals and the paired test are sacrebleu's own."""

import tracemalloc

import numpy as np
import pytest
from effort import steps
from rounding import decimals
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from nmt.evaluation import metrics
from nmt.evaluation.metrics import sentence_chrf
from nmt.evaluation.normalization import Normalization
from nmt.evaluation.scores import Scorer
from nmt.evaluation.significance import paired_p_value
from nmt.evaluation.ter import LONGEST, edit_distance, remark
from nmt.records.report import Score

HYPOTHESES = ["Der Hund schläft im Garten .", "Sie kauft ein Buch.", "Wir gehen morgen nach Haus"]
FIRST = ["Der Hund schläft im Garten.", "Sie kauft ein rotes Buch.", "Morgen gehen wir nach Hause."]
SECOND = ["Im Garten schläft der Hund.", "Ein Buch kauft sie.", "wir gehen morgen nach haus"]


def scorer(hypotheses, references, pieces: int = 1, **settings) -> Scorer:
    """A scorer to which the sentences were added in so many pieces."""
    actual = Scorer(**settings)
    for rows in np.array_split(np.arange(len(hypotheses)), pieces):
        actual.add([(hypotheses[row], [stream[row] for stream in references]) for row in rows])
    return actual


def corpus_scores(hypotheses, references, bootstrap=True, **settings) -> list[Score]:
    return scorer(hypotheses, references, **settings).scores(bootstrap)


@pytest.mark.parametrize("references", [[FIRST], [FIRST, SECOND]])
@pytest.mark.parametrize("lowercase", [False, True])
def test_scores_are_sacrebleus(references, lowercase) -> None:
    metrics = {
        "BLEU": BLEU(lowercase=lowercase),
        "chrF": CHRF(lowercase=lowercase),
        "chrF++": CHRF(word_order=2, lowercase=lowercase),
        "TER": TER(case_sensitive=not lowercase),
    }
    actual = corpus_scores(
        HYPOTHESES,
        references,
        lowercase=lowercase,
        bootstrap=False,
        normalization=Normalization("x"),
    )
    assert [score.metric for score in actual] == list(metrics)
    for score, (name, metric) in zip(actual, metrics.items(), strict=True):
        expected = metric.corpus_score(HYPOTHESES, references)
        assert score.score == pytest.approx(expected.score, abs=decimals(4)), name
        assert score.signature == str(metric.get_signature())
        assert "version:" in score.signature
        assert f"nrefs:{len(references)}" in score.signature
        assert score.confidence is None
        assert score.text == "x"
    case = "lc" if lowercase else "mixed"
    assert f"case:{case}" in actual[0].signature
    assert "tok:13a" in actual[0].signature


def test_the_confidence_interval_holds_the_score_and_can_be_repeated() -> None:
    many = [HYPOTHESES * 7, [FIRST * 7]]
    actual = corpus_scores(*many)
    assert actual == corpus_scores(*many)
    for score in actual:
        low, high = score.confidence
        assert low < score.score < high
        assert "bs:1000" in score.signature
    assert corpus_scores(HYPOTHESES[:1], [FIRST[:1]])[0].confidence is None


def test_perfect_and_hopeless() -> None:
    assert [score.score for score in corpus_scores(FIRST, [FIRST])] == [100, 100, 100, 0]
    assert corpus_scores(["x y z"] * 3, [FIRST])[0].score < 1
    assert sentence_chrf(FIRST[0], [SECOND[0], FIRST[0]]) == pytest.approx(100)


def test_a_sentence_may_have_fewer_references() -> None:
    fewer = [[text for text in some if text] for some in zip(FIRST, ["", *SECOND[1:]], strict=True)]
    actual = Scorer()
    for sentence in zip(HYPOTHESES, fewer, strict=True):  # in however many pieces they come
        actual.add([sentence])
    streams = [FIRST, [None, *SECOND[1:]]]
    metrics = BLEU(), CHRF(), CHRF(word_order=2), TER(case_sensitive=True)
    for score, metric in zip(actual.scores(False), metrics, strict=True):
        expected = metric.corpus_score(HYPOTHESES, streams)
        assert score.score == pytest.approx(expected.score, abs=decimals(4))
        assert "nrefs:var|" in score.signature


def test_the_confidence_interval_is_sacrebleus() -> None:
    hypotheses, references = HYPOTHESES * 7, FIRST * 7
    actual = {score.metric: score for score in corpus_scores(hypotheses, [references])}
    for name, metric in (("BLEU", BLEU()), ("chrF", CHRF())):
        score = metric.corpus_score(hypotheses, [references], n_bootstrap=1000)
        expected = [score._mean - score._ci, score._mean + score._ci]
        assert actual[name].confidence == pytest.approx(expected, abs=1e-3)
        assert actual[name].signature == str(metric.get_signature())


@pytest.mark.parametrize("pieces", [2, 3])
def test_it_does_not_matter_in_how_many_pieces_a_corpus_comes(pieces) -> None:
    whole, parts = (scorer(HYPOTHESES * 2, [FIRST * 2, SECOND * 2], n) for n in (1, pieces))
    assert len(parts) == len(whole) == 6
    assert parts.scores() == whole.scores()
    assert parts.brevity() == whole.brevity()


def test_words_may_be_found_otherwise() -> None:
    tokenised, reference = ["Es schläft ( tief ) ."], ["Es schläft (tief)."]
    for tokenize in ("13a", "none", "intl", "char"):
        actual = corpus_scores(tokenised, [reference], tokenize=tokenize)[0]
        expected = BLEU(tokenize=tokenize)
        assert actual.score == pytest.approx(
            expected.corpus_score(tokenised, [reference]).score, abs=decimals(4)
        )
        assert f"tok:{tokenize}" in actual.signature


def long_rows(count: int, words: int) -> list[str]:
    """Rows in which a search for shifts finds all it can try."""
    random = np.random.default_rng(7)
    return [" ".join(random.choice(list("abc"), words)) for _ in range(count)]


def test_ter_takes_no_longer_than_a_bound_for_any_row() -> None:
    own, references = long_rows(4, 1000), long_rows(8, 1000)[4:]
    _, actual = steps(lambda: scorer(own, [references]), most=500 * 4000)  # with shifts: millions
    ter = actual.scores(bootstrap=False)[-1]
    edits = sum(edit_distance(*map(str.split, pair)) for pair in zip(own, references, strict=True))
    assert ter.score == pytest.approx(100 * edits / 4000, abs=decimals(4))
    assert ter.rows_without_shifts == 4
    assert "|shifts:upto100words|version:" in ter.signature
    assert remark(ter.rows_without_shifts) == "  (4 rows of more than 100 words without shifts)"


def test_only_rows_of_more_words_than_that_are_compared_without_shifts() -> None:
    words = [f"w{number}" for number in range(LONGEST + 1)]
    moved = [*words[:10], *words[15:25], *words[10:15], *words[25:]]
    own = [" ".join(moved[: len(moved) - less]) for less in (1, 0)]
    references = [" ".join(words[: len(words) - less]) for less in (1, 0)]
    actual = scorer(own, [references])
    assert actual.statistics[:, actual.metrics.columns["TER"]].tolist() == [
        [1, LONGEST, 0],
        [10, LONGEST + 1, 1],
    ]
    both = np.arange(2)
    for rows, expected in ((both[:1], None), (both, 1)):
        entry = actual.compare(actual, rows, rows)[-1]
        assert (entry.rows_without_shifts or None) == expected
        assert ("shifts:" in entry.signature) == bool(expected)
    # However short the translation: a long reference is enough.
    assert scorer(["a"], [["a"], [own[1]]]).scores()[-1].rows_without_shifts == 1


def test_the_edit_distance_is_that_of_the_textbook() -> None:
    def defined(one: str, other: str) -> int:
        if not one or not other:
            return len(one) + len(other)
        changed = defined(one[1:], other[1:]) + (one[0] != other[0])
        return min(changed, defined(one[1:], other) + 1, defined(one, other[1:]) + 1)

    random = np.random.default_rng(4)
    for _ in range(60):
        one, other = ("".join(random.choice(list("abc"), random.integers(0, 6))) for _ in "12")
        assert edit_distance(list(one), list(other)) == defined(one, other), (one, other)


def test_sentences_are_scored_as_sacrebleu_scores_them() -> None:
    actual = scorer(HYPOTHESES, [FIRST, SECOND]).sentence_scores("chrF")
    for score, hypothesis, *references in zip(actual, HYPOTHESES, FIRST, SECOND, strict=True):
        assert score == pytest.approx(sentence_chrf(hypothesis, references))


def test_brevity() -> None:
    short = scorer(["Ein Hund"], [["Ein Hund schläft hier ."]]).brevity()
    assert short == {
        "brevity_penalty": pytest.approx(np.exp(1 - 5 / 2), abs=decimals(6)),
        "reference_ratio": 0.4,
    }
    assert scorer(FIRST, [FIRST]).brevity()["brevity_penalty"] == 1.0
    assert scorer([""], [["Ein Hund"]]).brevity()["brevity_penalty"] == 0.0


def systems(count: int = 60) -> tuple[list[str], list[str], list[list[str]]]:
    """A system, a somewhat worse one, and two references."""
    random = np.random.default_rng(3)
    words = np.array(
        [
            "der",
            "die",
            "das",
            "hund",
            "katze",
            "sieht",
            "hört",
            "kauft",
            "buch",
            "haus",
            "heute",
            "morgen",
        ]
    )
    drawn = [words[random.integers(0, len(words), 9)] for _ in range(count)]

    def noisy(share: float) -> list[str]:
        return [
            " ".join(np.where(random.random(9) < share, random.choice(words, 9), row))
            for row in drawn
        ]

    return noisy(0.3), noisy(0.36), [[" ".join(row) for row in drawn], noisy(0.5)]


@pytest.mark.parametrize("streams", [1, 2])
def test_the_paired_test_is_sacrebleus(streams) -> None:
    own, other, references = systems()
    references = references[:streams]
    rows = np.arange(len(own))
    actual = scorer(own, references, 3).compare(scorer(other, references, 2), rows, rows)
    metrics = {"BLEU": BLEU(), "chrF": CHRF(), "chrF++": CHRF(word_order=2)}
    metrics["TER"] = TER(case_sensitive=True)
    test = PairedTest([("b", other), ("s", own)], metrics, references, "bs", n_samples=1000)
    signatures, expected = test()
    for entry, key in zip(actual, ("BLEU", "chrF2", "chrF2++", "TER"), strict=True):
        base, system = expected[key]
        assert entry.score == pytest.approx(system.score, abs=1e-3)
        assert entry.baseline == pytest.approx(base.score, abs=1e-3)
        assert entry.difference == pytest.approx(system.score - base.score, abs=1e-3)
        # sacrebleu adds up in 32 bits, so that a resample on the edge may fall otherwise.
        assert entry.p == pytest.approx(system.p_value, abs=0.0011)
        assert 0.001 < entry.p < 0.9
        interval = [system.mean - system.ci, system.mean + system.ci]
        assert entry.confidence == pytest.approx(interval, abs=2e-3)
        assert entry.signature.split("|") == str(signatures[key]).split("|")


def test_the_paired_test_is_one_sided_where_it_matters() -> None:
    """As all that shows it says; sacrebleu's own words for it say nothing of sides."""
    normal = np.random.default_rng(6).standard_normal(400_000)
    for errors, one_sided in ((1.645, 0.05), (1.96, 0.025), (2.576, 0.005), (3.09, 0.001)):
        for difference in (errors, -errors):
            resampled = np.stack([normal + difference, np.zeros_like(normal)])
            actual = paired_p_value(resampled, difference)
            assert actual == pytest.approx(one_sided, rel=0.12)
    assert 0.4 < paired_p_value(np.stack([normal, 0 * normal]), 0.0) < 0.5


def test_a_system_against_itself_is_no_better() -> None:
    own, _, references = systems(20)
    one, rows = scorer(own, references), np.arange(20)
    for entry in one.compare(scorer(own, references), rows, rows):
        assert (entry.difference, entry.p) == (0, 1)
    (single, *_) = one.compare(one, rows[:1], rows[:1])
    assert single.p is None


@pytest.mark.parametrize("tokenize", ["13a", "char"])
@pytest.mark.system
def test_memory_is_that_of_one_row_however_many_are_added(monkeypatch, tokenize) -> None:
    monkeypatch.setattr(metrics, "_KEPT", 8000, raising=False)
    random, memory = np.random.default_rng(1), []
    for rows in (3, 3, 30, 30):
        texts = [" ".join(map(str, random.integers(0, 10**6, 150))) for _ in range(2 * rows)]
        actual = Scorer(tokenize=tokenize)
        tracemalloc.start()
        actual.add([(one, [other]) for one, other in zip(texts[::2], texts[1::2], strict=True)])
        memory.append(tracemalloc.get_traced_memory())
        tracemalloc.stop()
    print(tokenize, memory)
    # Without what a process makes once.
    (kept, peak), (more, higher) = min(memory[:2]), min(memory[2:])
    assert more < kept + 200_000
    assert higher < 1.5 * peak
