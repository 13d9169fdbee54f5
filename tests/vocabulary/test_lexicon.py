"""The lexicon finds who translates whom, from sentences alone."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nmt.errors import UnusableInput
from nmt.vocabulary import EOS, PAD
from nmt.vocabulary.lexicon import DEPTH, Lexicon

SOURCES, TARGETS = 40, 50


def made_up(count: int, seed: int = 1) -> tuple[np.ndarray, list, list]:
    """A dictionary, and sentences translated by it in another order, beside a word for nothing."""
    random = np.random.default_rng(seed)
    dictionary = np.concatenate([np.zeros(4, np.int64), random.permutation(np.arange(5, 41))])
    sources = [random.integers(4, SOURCES, random.integers(1, 9)) for _ in range(count)]
    targets = [np.append(random.permutation(dictionary[source]), 4) for source in sources]
    return dictionary, sources, targets


def test_it_finds_the_dictionary() -> None:
    dictionary, sources, targets = made_up(400)
    lexicon = Lexicon.learn(zip(sources, targets, strict=True), SOURCES, TARGETS)
    assert lexicon.candidates.shape == (SOURCES, DEPTH)
    np.testing.assert_array_equal(lexicon.candidates[4:, 0], dictionary[4:])
    assert lexicon.candidates[EOS, 0] == 4  # the word that nothing stands for
    assert (lexicon.candidates[[PAD, 1, 2]] == PAD).all()
    counts = np.bincount(np.concatenate(targets), minlength=TARGETS)
    assert (np.diff(counts[lexicon.frequent]) <= 0).all()
    assert sorted(lexicon.frequent) == list(range(TARGETS))


def test_a_file_holds_it_whole() -> None:
    _, sources, targets = made_up(20)
    pairs = [*zip(sources, targets, strict=True)]
    lexicon = Lexicon.learn(pairs, SOURCES, TARGETS)
    data = lexicon.serialise()
    assert data == Lexicon.learn(pairs, SOURCES, TARGETS).serialise()
    for found, expected in zip(Lexicon.parse(data, SOURCES, TARGETS), lexicon, strict=True):
        np.testing.assert_array_equal(found, expected)
    for damaged in (b"", data[:50], b"PK" + data[20:]):
        with pytest.raises(UnusableInput, match="damaged"):
            Lexicon.parse(damaged, SOURCES, TARGETS)


class Maker:
    """What a pickle would do when it is loaded."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple:
        return os.mkdir, (self._place,)


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pickled = np.array([Maker(tmp_path / "made")], object)
    np.savez(buffer, candidates=pickled, frequent=pickled)
    for data in (buffer.getvalue(), pickle.dumps(Maker(tmp_path / "made"))):
        with pytest.raises(UnusableInput, match="damaged"):
            Lexicon.parse(data, SOURCES, TARGETS)
    assert not list(tmp_path.iterdir())


HEADERS = {
    "as Python 2 wrote it": lambda header: header.replace(b"40, 50", b"40L, 50L"),
    "nested": lambda header: b"(" * 5000 + header,
    "another type": lambda header: header.replace(b"<i4", b"<i8"),
    "another order": lambda header: header.replace(b"False", b"True"),
    "another shape": lambda header: header.replace(b"40, 50", b"50, 40"),
    "none": lambda header: b"",
}


@pytest.mark.parametrize("how", HEADERS)
def test_another_header_is_damage_without_a_warning(how, recwarn) -> None:
    assert DEPTH == 50
    data = Lexicon.learn([], SOURCES, TARGETS).serialise()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            magic, rest = old.read(name)[:8], old.read(name)[8:]
            length = int.from_bytes(rest[:2], "little")
            header = HEADERS[how](rest[2 : 2 + length])
            size = len(header).to_bytes(2, "little")
            new.writestr(name, magic + size + header + rest[2 + length :])
    with pytest.raises(UnusableInput, match="the lexicon is damaged"):
        Lexicon.parse(changed.getvalue(), SOURCES, TARGETS)
    assert not recwarn.list


def test_no_pairs_no_candidates() -> None:
    lexicon = Lexicon.learn([], SOURCES, TARGETS)
    assert (lexicon.candidates == PAD).all()
    assert len(lexicon.frequent) == TARGETS


def test_a_merged_lexicon_has_the_best_of_each_first() -> None:
    def lexicon(rows: list[list[int]], frequent: list[int]) -> Lexicon:
        candidates = np.full((len(rows), DEPTH), PAD, np.int32)
        for row, words in zip(candidates, rows, strict=True):
            row[: len(words)] = words
        return Lexicon(candidates, np.array(frequent, np.int32))

    one = lexicon([[5, 4], [], [4]], [4, 5, 0, 1, 2, 3])
    other = lexicon([[6, 5, 4], [7], [4], [6]], [7, 6, 5, 4, 0, 1, 2, 3])  # of more entries
    merged = Lexicon.merged([one, other])
    actual = [[int(i) for i in row if i != PAD] for row in merged.candidates]
    assert actual == [[5, 6, 4], [7], [4], [6]]
    assert merged.candidates[0, 3:].tolist() == [PAD] * (DEPTH - 3)
    assert merged.frequent.tolist()[:4] == [4, 7, 5, 6]
    assert sorted(merged.frequent) == list(range(8))
    assert Lexicon.merged([one]) is one
    full = lexicon([list(range(4, 4 + DEPTH))], [0])
    more = lexicon([list(range(60, 60 + DEPTH))], [0])
    row = Lexicon.merged([full, more]).candidates[0].tolist()
    assert row[:4] == [4, 60, 5, 61]
    assert len(set(row)) == DEPTH
