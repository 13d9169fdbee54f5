"""What one row of a stranger's corpus costs is bounded by its size, whatever its words are."""

import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory import peak
from outputs import first_part
from test_actor import work

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import word_alignment
from nmt.evaluation.measures import repeats
from nmt.inference import decoding, unknown_words
from nmt.inference.rendering import Renderer
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.inference.unknown_words import replace_unknown
from nmt.records.model import ModelInfo
from nmt.report import heatmap
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.text_limits import MOST_CHARACTERS
from nmt.translation import results_table
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.worker import translate_unit
from nmt.vocabulary.base import UNK
from nmt.vocabulary.words import build_words, standardise

HAN = "私は東京で働く猫を見た"


@pytest.fixture(scope="module")
def words(tiny_model) -> Bundle:
    """A model of words that hardly writes anything but unknown ones."""
    source, target = (
        build_words(dict.fromkeys(some, 5), vocab_size=99, min_frequency=1)
        for some in (("the", "dog", "sees", "a", "cat"), ("der", "hund", "sieht", "eine", "katze"))
    )
    model = tiny_model(source.size, target.size, seed=2)
    bias = np.array(model.output_bias)
    bias[UNK] += 50.0
    model.output_bias.assign(bias)
    return Bundle(model, source, target, ModelInfo(model_id="words", data={"lowercase": False}))


@pytest.fixture
def dictionary(tmp_path: Path) -> str:
    """One whose words become a thousand times as long."""
    entries = [f"{letter}\t{letter * 1000}\n" for letter in "uvwxyz"]
    (tmp_path / "words.tsv").write_text("".join(entries))
    return str(tmp_path / "words.tsv")


def test_substitutes_never_make_a_text_longer_than_a_text_may_be(words, dictionary) -> None:
    """They are left out, and the flag says so."""
    search = SearchSettings(dictionary=dictionary, max_length_ratio=1.0)
    sizes = [2, 100, 400]
    results = Translator(words, search).translate(["x " * size for size in sizes])
    print([len(result.text) for result in results])
    assert results[0].text == "x" * 1000 + results[0].text[1000:]
    assert "unk_replaced" in results[0].flags or len(results[0].tokens) > 1
    for result in results[1:]:
        assert len(result.text) <= 6 * len(result.tokens)
        assert "unk" in result.flags
        assert "unk_replaced" not in result.flags


def test_raw_words_never_make_a_text_longer_than_a_text_may_be() -> None:
    """A source word of 40,000 characters stands for one unknown word, not for 400."""
    long, weights = "x" * 40_000, np.ones((400, 1))
    arguments = [UNK] * 400, ["[UNK]"] * 400, weights, [long], {}, MOST_CHARACTERS
    assert replace_unknown(*arguments) is None
    assert peak(lambda: replace_unknown(*arguments)) < 5 * MOST_CHARACTERS
    one = [UNK], ["[UNK]"], weights[:1], [long], {}, MOST_CHARACTERS
    assert replace_unknown(*one) == (long, [range(0, 1)])


def test_a_source_word_is_looked_up_once(monkeypatch) -> None:
    """However many unknown words attend to it: thousands may, and it may be as long as a text."""
    looked = []
    monkeypatch.setattr(
        unknown_words, "standardise", lambda text: looked.append(text) or standardise(text)
    )
    counts = []
    for unknown in (10, 400):
        arguments = [UNK] * unknown, ["[UNK]"] * unknown, np.ones((unknown, 1))
        text, _ = replace_unknown(*arguments, ["!" * 1000 + "x" + "!" * 1000], {})
        assert text == " ".join("x" * unknown)
        counts.append(len(looked))
        looked.clear()
    assert counts[1] == counts[0]


@pytest.mark.parametrize("sides", ["both", "source", "target"])
def test_links_grow_with_the_words(sides) -> None:
    """All words of a text without blanks are one symbol of a vocabulary of words."""
    counts = []
    for size in (1000, 4000):
        long, short = [range(0, size)], [range(i, i + 1) for i in range(40)]
        source = (
            short
            if sides == "target"
            else [*long, *(range(size + i, size + i + 1) for i in range(40))]
        )
        target = short if sides == "source" else long
        weights = np.zeros((len(target), len(source)))
        weights[:, 0] = 1.0
        links = word_alignment(weights, source, target)
        counts.append(len(links))
        assert {word for _, word in links} == {word for own in target for word in own}
        assert {word for word, _ in links} <= {word for own in source for word in own}
    print(sides, counts)
    assert counts[1] <= 4 * counts[0]
    assert counts[1] <= 16 * (4000 if sides != "source" else 40)


def tokens_of(sizes: list[int], overlaps: list[bool]) -> list[range]:
    """For tokens of so many words the indices of these; some begin in the last of another."""
    words: list[range] = []
    for size, overlap in zip(sizes, overlaps, strict=False):
        start = words[-1].stop - overlap if words else 0
        words.append(range(start, start + size))
    return words


TOKENS = st.builds(
    tokens_of,
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=20, max_size=20),
)


@given(TOKENS, TOKENS, st.integers(0, 9))
def test_whatever_the_tokens_every_target_word_has_a_few_links(source, target, seed) -> None:
    weights = np.random.default_rng(seed).random((len(target), len(source)))
    links = word_alignment(weights, source, target)
    assert len(links) == len(set(links))
    linked = Counter(word for _, word in links)
    assert set(linked) == set().union(*target)
    assert max(linked.values()) <= 16
    assert {word for word, _ in links} <= set().union(*source)


def test_a_row_without_blanks_needs_memory_for_its_words(words) -> None:
    search = SearchSettings(max_length_ratio=1.0, max_length_extra=2)
    translator = Translator(words, search)
    peaks = []
    for size in (200, 800):
        (result,) = translator.translate([(HAN * size)[:size]])
        assert "unk_replaced" in result.flags
        peaks.append(peak(lambda result=result: result.alignment))
    print(peaks)
    assert peaks[1] < 8 * peaks[0]


def split_translation(pieces: int) -> Translation:
    """A text of so many pieces, none of which attends to another."""
    blocks = tuple(np.full((100, 100), 0.01, np.float32) for _ in range(pieces))
    tokens, places = ["a"] * 100 * pieces, [range(i, i + 1) for i in range(100 * pieces)]
    return Translation(" ".join(tokens), -1.0, tokens, tokens, blocks, places, places, ("split",))


def test_the_alignment_of_a_split_text_needs_memory_for_its_pieces() -> None:
    peaks = []
    for pieces in (4, 16):
        result = split_translation(pieces)
        assert len(result.alignment) == 100 * pieces
        peaks.append(peak(lambda result=result: result.alignment))
    print(peaks)
    assert peaks[1] < 6 * peaks[0]


LONG = "The dog sees the cat and the bird and the old farmer and the queen. " * 8


@pytest.mark.parametrize("gold", [False, True], ids=["translated", "along references"])
def test_attention_is_not_kept_until_the_unit_is_done(
    tmp_path, demo_bundle, monkeypatch, gold
) -> None:
    """It needs a hundred times the memory of the texts; a unit has up to 8,192."""
    live, most, blocks = weakref.WeakValueDictionary[int, np.ndarray](), [0], Renderer.blocks

    def counted(self: Renderer, *arguments) -> tuple[np.ndarray, ...] | None:
        block = blocks(self, *arguments)[0].copy()
        live[id(block)] = block
        most[0] = max(most[0], sum(one.nbytes for one in list(live.values())))
        return (block,)

    monkeypatch.setattr(Renderer, "blocks", counted)
    monkeypatch.setattr(decoding, "MOST_TOKENS", 2000, raising=False)
    search = SearchSettings(max_source_length=400 if gold else 20, max_length_ratio=0.5)
    translator, peaks = Translator(demo_bundle, search, batch_size=8), []
    for rows in (20, 80):
        texts = ["The dog sleeps."] * rows if gold else [LONG] * rows
        columns = {"source": texts, "target": texts, "gold": ["0-0"] * rows}
        pq.write_table(pa.table(columns), tmp_path / "in.parquet")
        (unit,) = inspect(str(tmp_path / "in.parquet"), "source").units()
        options = {"reference_column": "target", "alignment_column": "gold"} if gold else {}
        out = tmp_path / str(rows)
        wanted = work(out, search=search, alignments=True, **options)
        record = translate_unit(unit, wanted, translator, Output(Location(out)))
        assert record.counts.translated == rows
        assert (record.counts.split == 0) == gold
        peaks.append(most[0])
        most[0] = 0
    print(peaks)
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("error", "reason"), [(MemoryError(), "out_of_memory"), (ValueError("odd"), "failed")]
)
def test_a_row_whose_result_cannot_be_stored_costs_no_other(
    tmp_path, demo_bundle, monkeypatch, error, reason
) -> None:
    (tmp_path / "in.txt").write_text("The dog sleeps.\n" * 5 + "A cat.\n" + "We play.\n" * 5)
    search = SearchSettings(max_length_ratio=0.5, max_length_extra=4)
    translator = Translator(demo_bundle, search, batch_size=8)
    (bad,) = translator.translate(["A cat."])

    def hostile(tokens: list[str]) -> bool:
        if tokens == bad.tokens:
            raise error
        return repeats(tokens)

    monkeypatch.setattr(results_table, "repeats", hostile)
    (unit,) = inspect(str(tmp_path / "in.txt"), "source").units()
    out = Output(Location(tmp_path / "out"))
    record = translate_unit(unit, work(tmp_path / "out", search=search), translator, out)
    assert record.counts.rejected_by_reason == {reason: 1}
    assert record.rejected_rows == [5]
    assert len(first_part(out)) == 10


def test_a_heatmap_that_cannot_be_drawn_costs_no_row(
    tmp_path, demo_bundle, monkeypatch, capsys
) -> None:
    (tmp_path / "in.txt").write_text("The dog sleeps.\nA cat.\n")
    translator, draw = Translator(demo_bundle, batch_size=8), heatmap.attention_heatmap

    def hostile(*arguments, title: str = "", name: str = "") -> bytes:
        if name == "1":
            raise MemoryError
        return draw(*arguments, title=title, name=name)

    monkeypatch.setattr(heatmap, "attention_heatmap", hostile)
    (unit,) = inspect(str(tmp_path / "in.txt"), "source").units()
    wanted = work(tmp_path / "out", heatmaps=frozenset({0, 1}), search=SearchSettings())
    record = translate_unit(unit, wanted, translator, Output(Location(tmp_path / "out")))
    assert record.counts.translated == 2
    assert [file.name for file in (tmp_path / "out/report/heatmaps").glob("*.png")] == [
        "row-000000000.png"
    ]
    assert "row 2: its attention is left out of the report" in capsys.readouterr().err


def test_a_translation_is_as_long_as_whoever_reads_it_takes(
    tmp_path, demo_bundle, monkeypatch
) -> None:
    """What is longer is rejected, however many such rows there are."""
    search = SearchSettings(max_length_ratio=100.0, max_length_extra=50, min_length=40)
    lines = ["The dog sleeps."] * 30 + [""]
    monkeypatch.setattr(decoding, "most_translated", lambda _: 30)
    (tmp_path / "in.txt").write_text("\n".join(lines))
    translator = Translator(demo_bundle, search, batch_size=8)
    (unit,) = inspect(str(tmp_path / "in.txt"), "source").units()
    out = Output(Location(tmp_path / "out"))
    record = translate_unit(unit, work(tmp_path / "out", search=search), translator, out)
    assert record.counts.rejected_by_reason == {"too_many_characters": 30}
    with pytest.raises(UnusableInput, match="more than 30; split the text or raise"):
        translator.translate(lines[:1])
