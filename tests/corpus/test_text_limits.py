"""One hostile row costs no more than any other, and becomes a rejection that says why."""

import gzip
from collections.abc import Callable
from functools import partial
from unittest import mock

import pytest
from corpora import make
from effort import LINEAR, growth, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.cleaning import _Cleaning, clean, stored_words
from nmt.inference.long_inputs import cut
from nmt.inference.row_filter import RowFilter
from nmt.inference.source_flags import source_flags
from nmt.segmentation import word_spans
from nmt.settings import DataSettings, SearchSettings
from nmt.storage.location import Location
from nmt.text_limits import MOST_CHARACTERS, MOST_MARKS, excess, has_too_many_marks
from nmt.vocabulary.subwords import train_subwords
from nmt.vocabulary.words import build_words

ACUTE, BELOW = "\u0301", "\u0323"  # in this order they are not in the canonical one
MARKS = "e" + (ACUTE + BELOW) * 100_000
FLAGS = "\U0001f1e9"
SUBWORDS = train_subwords(["the dog sleeps.", "a cat eats 私は働く"] * 50, vocab_size=320)
WORDS = build_words({"the": 5, "dog": 7}, vocab_size=100, min_frequency=1)
CLEANING = DataSettings()
# What Unicode, HTML and the splitting of sentences treat in ways of their own.
ATOMS = [
    *(
        ACUTE,
        ACUTE + BELOW,
        "\u200d",
        "👨\u200d",
        FLAGS,
        "\u1100",
        "\u1161",
        "\u0600",
        "\u0915\u094d",
    ),
    *(
        "&",
        "&amp;",
        "&amp",
        "&#769;",
        "&#x",
        "<",
        "<a ",
        "</",
        "<a b='",
        "\u00ad",
        ACUTE + "\u00ad",
    ),
    *(" ", "\u00a0", "\t", "\n", ".", '."', "!?", ",", "(", "-", "1", "a", "a ", "Mr. ", "Yes. "),
    *("私", "私\u3099", "ก\u0e49", "İ", "\U00010400", "x\ud800"),
]
WORK: dict[str, Callable[[str], object]] = {
    "clean": lambda text: clean(text, CLEANING),
    "stored_words": lambda text: stored_words(text, CLEANING),
    "word_spans": word_spans,
    "subwords": SUBWORDS.encode,
    "words": WORDS.encode,
    "cut": lambda text: cut(text, SUBWORDS, 400),
    "cut words": lambda text: cut(text, WORDS, 40),
    "source_flags": source_flags,
    "row filter": lambda text: RowFilter.of(SUBWORDS, CLEANING, SearchSettings())(
        [text.encode(*UTF8)]
    ),
}
UTF8 = ("utf-8", "surrogatepass")


def short_and_long(atom: str, size: int) -> tuple[str, str]:
    """A text of that many characters, and one of eight times as many."""
    texts = ((atom * n)[:n] for n in (size, 8 * size))
    short, long = ("".join(c for c in text if not "\ud800" <= c < "\ue000") for text in texts)
    return short, long


@pytest.mark.system
@pytest.mark.parametrize("name", WORK)
def test_work_on_a_text_grows_with_its_length(name) -> None:
    size = 700 if name == "cut" else 2000
    worst = max((growth(WORK[name], *short_and_long(atom, size)), ascii(atom)) for atom in ATOMS)
    print(f"{name}: {worst}")
    assert worst[0] < LINEAR


@pytest.mark.parametrize("work", ["clean", "stored_words"])
def test_entities_that_come_about_one_by_one_take_few_rounds(work) -> None:
    """In each round another ``&`` stands before ``#8203;``, which is nothing."""
    rounds = mock.Mock(side_effect=_Cleaning._round)
    with mock.patch.object(_Cleaning, "_round", lambda *rest: rounds(*rest)):
        WORK[work](("&" * 98 + "#8203;" * 98) * 20)
    assert 1 < rounds.call_count < 12


MIXTURES = st.lists(st.sampled_from(ATOMS), min_size=2, max_size=4).map("".join)


@settings(max_examples=25)
@given(MIXTURES)
def test_steps_on_any_mixture_grow_with_its_length(atom) -> None:
    short, long = (steps(partial(WORK["row filter"], t))[0] for t in short_and_long(atom, 500))
    assert long < LINEAR * max(short, 60_000)


@pytest.mark.system
@settings(max_examples=25)
@given(MIXTURES)
def test_seconds_on_any_mixture_grow_with_its_length(atom) -> None:
    assert growth(WORK["row filter"], *short_and_long(atom, 1500)) < LINEAR


def test_limits_are_on_bytes_characters_and_runs_of_marks() -> None:
    assert excess(b"x" * (4 * MOST_CHARACTERS)) is None
    assert excess(b"x" * (4 * MOST_CHARACTERS + 1)) == "too_many_characters"
    assert excess("x" * MOST_CHARACTERS) is None
    assert excess("x" * (MOST_CHARACTERS + 1)) == "too_many_characters"
    assert excess("e" + ACUTE * MOST_MARKS) is None
    assert excess("e" + ACUTE * (MOST_MARKS + 1)) == "too_many_marks"
    assert excess("x" * 11, 10) == "too_many_characters"


def test_what_cleaning_makes_is_judged_as_well() -> None:
    """Marks that are written as entities, or kept apart by what is not seen."""
    row_filter = RowFilter.of(SUBWORDS, CLEANING, SearchSettings())
    hidden = ["e" + "&#769;" * 200, "e" + (ACUTE + "\u00ad") * 200]
    assert row_filter([text.encode() for text in hidden]).reasons == dict.fromkeys(
        (0, 1), "too_many_marks"
    )
    assert all(has_too_many_marks(clean(text, CLEANING)) for text in hidden)


@pytest.mark.parametrize("packed", [False, True])
def test_a_corpus_with_hostile_pairs_is_prepared(tmp_path, packed) -> None:
    sound = [f"the dog number {n} sleeps\tder Hund Nummer {n} schläft" for n in range(200)]
    hostile = [
        f"{MARKS[:1000]}\tx",
        f"x\t{MARKS[:1000]}",
        f"{'x' * 300_000}\ty",
        f"z\t{'é' * 60_000}",
    ]
    lines = "\n".join([*sound[:100], *hostile, *sound[100:]]).encode()
    file = tmp_path / ("pairs.tsv.gz" if packed else "pairs.tsv")
    file.write_bytes(gzip.compress(lines) if packed else lines)
    data = make(tmp_path / "data", {"vocab_size": 300}, pairs=Location(file))
    assert sum(data.rows(split) for split in ("train", "valid", "test")) == 200
    rows = [row for table in data.read("rejected") for row in table.to_pylist()]
    assert [(row["line"], row["reason"]) for row in rows] == [
        (101, "too_many_marks"),
        (102, "too_many_marks"),
        (103, "too_many_characters"),
        (104, "too_many_characters"),
    ]
    assert len(rows[2]["source"]) == 1000
    assert rows[0]["source"] == MARKS[:1000]


def test_a_setting_allows_more_characters(tmp_path) -> None:
    lines = [f"the dog number {n} sleeps\tder Hund Nummer {n} schläft" for n in range(50)]
    lines += ["a " * 30_000 + "\tb", "x" * 60_000 + "\ty"]
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join(lines))
    options = {"vocab_size": 300, "max_length": 100_000}
    assert make(tmp_path / "few", options, pairs=Location(file)).rows("rejected") == 2
    many = make(tmp_path / "many", {**options, "max_characters": 100_000}, pairs=Location(file))
    assert many.rows("rejected") == 0
