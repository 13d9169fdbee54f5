"""The built-in grammar: exact constructions, sound alignments, one German for each English."""

from collections import Counter
from itertools import islice, pairwise

import pytest

from nmt.grammar import generate, lexicon
from nmt.grammar import modifiers as mod
from nmt.grammar import morphology as m
from nmt.grammar.complements import FRAMES
from nmt.grammar.lexicon import ADJECTIVES, CITIES, NAMES, NOUNS, PLACES


@pytest.fixture(scope="module")
def corpus():
    return list(generate(11, 0, 50_000))


def test_every_slice_is_the_same_corpus():
    whole = list(generate(7, 0, 40))
    assert whole == [*generate(7, 0, 15), *generate(7, 15, 25)]
    assert whole != list(generate(8, 0, 40))


def test_alignments_cover_every_word(corpus):
    for source, target, alignment in corpus:
        links = [tuple(map(int, link.split("-"))) for link in alignment.split()]
        assert links == sorted(set(links))
        assert {a for a, _ in links} == set(range(len(source.split(" ")))), source
        assert {b for _, b in links} == set(range(len(target.split(" ")))), target


def test_sentences_are_well_formed(corpus):
    for source, target, _ in corpus:
        for text in (source, target):
            assert text[0].isupper()
            assert text[-1] in ".!?"
            assert text[:-1].rstrip(".!?,") == text[:-1]
            assert not {"(", ")", "|", "*", "=", "-"} & set(text)
            assert "" not in text.split(" ")
            assert ",," not in text


def test_german_is_a_function_of_english(corpus):
    german = {}
    for source, target, _ in corpus:
        assert german.setdefault(source, target) == target


def test_the_language_is_large_and_broad(corpus):
    assert len({pair.source for pair in corpus}) > 0.97 * len(corpus)
    lengths = Counter(len(pair.source.split()) for pair in corpus)
    assert min(lengths) <= 3
    assert sum(count for length, count in lengths.items() if length > 12) > 0.15 * len(corpus)
    assert max(lengths) <= 40


def test_articles_before_vowels(corpus):
    for source, _, _ in islice(corpus, 10_000):
        sentence = source.lower().split()
        for word, after in pairwise(sentence):
            if word in ("a", "an"):
                vowel = after[0] in "aeiou" and not after.startswith("uni")
                assert vowel == (word == "an"), source


def test_lexicon_size():
    nouns = sum(map(len, NOUNS.values()))
    verbs = len({verb.base + " ".join(verb.particle) for verb in FRAMES})
    adverbs = len(mod.FREQUENCY) + len(mod.MANNER) + len(mod.DEGREE)
    assert nouns + len(PLACES) >= 220
    assert verbs >= 120
    assert len({adjective.en for adjective in ADJECTIVES}) >= 60
    assert nouns + len(PLACES) + verbs + len(ADJECTIVES) + adverbs + len(CITIES) + len(NAMES) > 470


def test_lemmas_are_unique():
    nouns = [noun.en for group in NOUNS.values() for noun in group]
    nouns += [place.noun.en for place in PLACES]
    assert len(nouns) == len(set(nouns))
    assert len({(item.en, item.de) for item in ADJECTIVES}) == len({i.en for i in ADJECTIVES})
    for table in (lexicon.GIVING, lexicon.MOTION, lexicon.SAYING, lexicon.INTENDING):
        assert len({verb.base for verb in table}) == len(table)


def test_semantic_classes_exist():
    known = {*NOUNS, *(noun.en for group in NOUNS.values() for noun in group), "place", "city", "-"}
    for verb in FRAMES:
        assert known.issuperset((*verb.subjects, *verb.objects)), verb.base


def test_nouns_have_all_forms():
    for noun in (noun for group in NOUNS.values() for noun in group):
        assert noun.gender in (m.MASC, m.FEM, m.NEUT)
        assert all(form[0].isupper() for form in noun.forms[0])
        if not noun.mass:
            assert all(noun.forms[1])
            assert noun.forms[1][m.DAT].endswith(("n", "s"))


def test_participles():
    unstressed = ("be", "emp", "er", "ge", "unter", "ver", "zer", "über", "um")
    for verb in (*FRAMES, *lexicon.SAYING, *lexicon.INTENDING):
        assert verb.perfect.endswith(("t", "en"))
        if verb.prefix:
            assert verb.perfect.startswith(verb.prefix)
            assert verb.zu == (verb.infinitive.replace(verb.prefix, f"{verb.prefix}zu", 1),)
        bare = verb.perfect.removeprefix(verb.prefix)
        unmarked = verb.infinitive.startswith(unstressed) or verb.infinitive.endswith("ieren")
        assert bare.startswith("ge") or unmarked or verb.prefix == "zu", verb.infinitive


@pytest.mark.parametrize(
    ("lemma", "forms"),
    [
        ("read", ("lese", "liest", "liest", "lesen")),
        ("drive", ("fahre", "fährst", "fährt", "fahren")),
        ("hold", ("halte", "hältst", "hält", "halten")),
        ("stroke", ("streichle", "streichelst", "streichelt", "streicheln")),
        ("answer", ("beantworte", "beantwortest", "beantwortet", "beantworten")),
        ("like", ("mag", "magst", "mag", "mögen")),
    ],
)
def test_present(lemma, forms):
    verbs = {" ".join((verb.base, *verb.particle)): verb for verb in FRAMES}
    assert verbs[lemma].present == forms


def test_adjective_endings():
    dear = next(adjective for adjective in ADJECTIVES if adjective.de == "teuer")
    assert dear.weak[m.MASC] == ("teure", "teuren", "teuren", "teuren")
    assert dear.mixed[m.NEUT] == ("teures", "teures", "teuren", "teuren")
    assert dear.strong[m.PLURAL] == ("teure", "teure", "teuren", "teurer")
