"""The words that scores count are those of the target language."""

import pytest
from sacrebleu.metrics import BLEU, TER

from nmt.errors import UnusableInput
from nmt.evaluation import tokenizers
from nmt.evaluation.metrics import differences, signatures
from nmt.evaluation.scores import Scorer
from nmt.evaluation.tokenizers import tokenizer_for

CHINESE = (
    ["今天天气很好。", "他们在公园里散步。", "我喜欢喝绿茶。"],
    ["今天天气真好。", "他们在公园里散步。", "我喜欢喝绿茶！"],
)
THAI = (["วันนี้อากาศดี", "ฉันชอบดื่มชา"], ["วันนี้อากาศดีมาก", "ฉันชอบดื่มชา"])


@pytest.fixture(params=[True, False], ids=["extra", "no extra"])
def extra(request, monkeypatch) -> bool:
    """Whether the extra 'languages' seems to be installed."""
    actual = object() if request.param else None
    monkeypatch.setattr(tokenizers, "find_spec", lambda module: actual)
    return request.param


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", "13a"), ("en-US", "13a"), ("ru", "13a"), ("ar", "13a"), ("hi", "13a"),
        ("vi", "13a"), ("und", "13a"), ("ja-Latn", "13a"), ("zh", "zh"), ("zh-Hant-TW", "zh"),
        ("yue", "zh"), ("cmn", "zh"), ("lzh", "zh"), ("th", "char"), ("lo", "char"),
        ("km", "char"), ("my", "char"), ("shn", "char"), ("bo", "char"), ("dz", "char"),
        ("ja", "ja-mecab"), ("ko", "ko-mecab"), ("ko-KP", "ko-mecab"),
    ],
)  # fmt: skip
def test_the_tokenizer_follows_the_language(language, expected, extra, capsys) -> None:
    actual = tokenizer_for("auto", language)
    said = capsys.readouterr().err.replace("\n", " ")
    if extra or "mecab" not in expected:
        assert (actual, said) == (expected, "")
    else:
        assert actual == "char"
        assert f"{expected} is not installed" in said
        assert "install the extra 'languages'" in said


def test_a_tokenizer_that_is_named_is_taken_or_refused(extra) -> None:
    assert tokenizer_for("intl", "ja") == "intl"
    if extra:
        assert tokenizer_for("ja-mecab", "de") == "ja-mecab"
    else:
        with pytest.raises(UnusableInput, match="ja-mecab is not installed; install the extra"):
            tokenizer_for("ja-mecab", "de")


@pytest.mark.parametrize(("tokenize", "texts"), [("zh", CHINESE), ("char", THAI)])
def test_texts_without_blanks_are_scored_as_sacrebleu_scores_them(tokenize, texts) -> None:
    own, references = texts
    scorer = Scorer(tokenize=tokenize)
    scorer.add([(text, [reference]) for text, reference in zip(own, references, strict=True)])
    bleu, *_, ter = scorer.scores(bootstrap=False)
    expected = BLEU(tokenize=tokenize)
    assert bleu.score == round(expected.corpus_score(own, [references]).score, 4) > 50
    assert bleu.signature == signatures(tokenize)["BLEU"] == str(expected.get_signature())
    # TER of the same words; between blanks it would find one word a sentence, and all wrong.
    words = [[expected.tokenizer(text) for text in side] for side in texts]
    assert ter.score == round(TER().corpus_score(words[0], [words[1]]).score, 4) < 30
    assert f"|tok:{tokenize}|" in ter.signature


@pytest.mark.parametrize(
    ("tokenize", "module", "text"),
    [
        ("ja-mecab", "MeCab", "今日はとても良い天気です。"),
        ("ko-mecab", "mecab_ko", "오늘은 날씨가 아주 좋습니다."),
    ],
)
def test_words_of_the_extra(tokenize, module, text) -> None:
    pytest.importorskip(module, reason="the extra 'languages' is not installed")
    scorer = Scorer(tokenize=tokenize)
    scorer.add([(text, [text])])
    assert scorer.score("BLEU") == pytest.approx(100)
    assert f"|tok:{tokenize}-" in scorer.scores(bootstrap=False)[0].signature
    assert 5 <= scorer.statistics[0, 0] < len(text)


def test_signatures_say_what_differs() -> None:
    one, other = signatures("13a")["BLEU"], signatures("char")["BLEU"]
    assert differences(one, one) == []
    assert differences(one, other) == ["tok:13a → tok:char"]
    # How the interval was estimated changes no score.
    assert differences(one, one.replace("|case", "|bs:1000|seed:12345|case")) == []
    assert differences(one, one.replace("nrefs:1", "nrefs:2")) == ["nrefs:1 → nrefs:2"]
