"""Ids that are given twice are found, however they lie and however many there are."""

import numpy as np
import pyarrow as pa
import pytest

from nmt.errors import UnusableInput
from nmt.translation import unique_ids
from nmt.translation.unique_ids import check_ids


def pieces(values: list, kind: pa.DataType, size: int):
    array = pa.array(values, kind)
    return lambda: (array.slice(start, size) for start in range(0, len(array), size))


@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.uint64(), pa.string(), pa.float64(), pa.timestamp("us")]
)
def test_an_id_given_twice_is_found(kind, size, monkeypatch) -> None:
    monkeypatch.setattr(unique_ids, "_WAITING", size)
    monkeypatch.setattr(unique_ids, "_KEYS", size)
    random = np.random.default_rng(2)
    values = random.permutation(200).tolist()
    if kind == pa.string():
        values = [f"id {value}" for value in values]
    for given in (values, sorted(values)):
        check_ids(pieces(given, kind, 13))
        for place in (0, 12, 13, 199):
            again = [*given[:place], given[(place + 57) % 200], *given[place:]]
            with pytest.raises(UnusableInput, match="given more than once"):
                check_ids(pieces(again, kind, 13))
    with pytest.raises(UnusableInput, match="2 rows have no id"):
        check_ids(pieces([*values[:20], None, *values[20:], None], kind, 13))


def test_ascending_ids_are_read_once() -> None:
    read = []

    def ids():
        read.append(1)
        return pieces(list(range(100)), pa.int64(), 9)()

    check_ids(ids)
    assert len(read) == 1


def test_ids_in_any_order_are_read_twice_however_many_there_are(monkeypatch) -> None:
    """And once more where one may stand there twice."""
    monkeypatch.setattr(unique_ids, "_KEYS", 100)
    read = []
    values = np.random.default_rng(2).permutation(5000).tolist()

    def ids(more: list[int]):
        def give():
            read.append(1)
            return pieces([*values, *more], pa.int64(), 900)()

        return give

    check_ids(ids([]))
    assert len(read) == 2
    with pytest.raises(UnusableInput, match="id 77 is given more than once"):
        check_ids(ids([77]))
    assert len(read) == 5


def test_equal_keys_of_different_ids_are_no_repetition(monkeypatch) -> None:
    monkeypatch.setattr(unique_ids, "_keys", lambda ids: np.arange(len(ids), dtype=np.int64) % 3)
    check_ids(pieces(list("zyxwvutsrq"), pa.string(), 4))
    with pytest.raises(UnusableInput, match="id 'z' is given more than once"):
        check_ids(pieces(list("zyxwvutsrqz"), pa.string(), 4))


def test_no_ids_at_all_are_unique() -> None:
    check_ids(pieces([], pa.int64(), 5))


@pytest.mark.parametrize("factor", [0x1F3C5A79B2D4E687, 0xD1B54A32D192ED03])
def test_who_writes_the_ids_does_not_choose_their_file(monkeypatch, factor) -> None:
    """All of these ids came into one file by Knuth's factor, which anybody may know."""
    files, numbers = 64, np.arange(100_000, dtype=np.uint64)
    inverse = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
    chosen = (numbers * np.uint64(files) << np.uint64(32)) * inverse
    monkeypatch.setattr(unique_ids, "_SPREAD", np.uint64(factor))
    for keys in (chosen, numbers, numbers * np.uint64(files), numbers << np.uint64(40)):
        counts = np.bincount(unique_ids._spread(keys.view(np.int64), files).astype(np.int64))
        assert len(counts) == files
        assert counts.max() < 4 * len(numbers) / files
