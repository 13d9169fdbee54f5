"""What somebody wrote is what is read, id for id, in every format and packing."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import PACKERS, WRITERS, jsonl, put

from nmt.corpus.readers import open_pairs
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location
from nmt.text_limits import MalformedRow, decode_text
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.unit_rows import Rows, read_unit

ODD = st.sampled_from(
    [*"\"'\\,\t\n\r\0\x0b\x85\ufeff\u2028\ufffd ;|<&>{}[]", "\r\n", "👩‍🚀", '""', "]]>"]
)
TEXTS = st.lists(st.one_of(ODD, st.text(max_size=3)), max_size=6).map("".join)
ROWS = st.lists(
    st.fixed_dictionaries({"source": TEXTS, "target": TEXTS, "note": TEXTS}), min_size=1, max_size=6
)
FEW = settings(max_examples=20)


def read_all(corpus: InputCorpus) -> list[Rows]:
    return [read_unit(unit, corpus.text_column, corpus.id_column) for unit in corpus.units()]


def legal(text: str) -> bool:
    """Whether XML may hold it."""
    return all(c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") for c in text)


@pytest.mark.parametrize("ending", WRITERS)
@given(ROWS, st.sampled_from(list(PACKERS)))
@FEW
def test_rows_go_in_as_they_were_written(tmp_path: Path, ending: str, rows, packing: str) -> None:
    rows += [{"source": "A dog.", "target": "Ein Hund.", "note": ""}] * 40  # else they are no text
    rows = [{"id": f"{number:>3} ü", **row} for number, row in enumerate(rows)]
    file = put(tmp_path / f"a.{ending}{packing}", WRITERS[ending](rows))
    reader = open_pairs(Location(file), languages=("en", "de"))
    assert reader.inspect().rows == len(rows)
    pairs = [(row.source, row.target) for row in reader.rows()]
    corpus = inspect(str(file), "source", "tuid" if ending == "tmx" else None, language="en")
    (unit,) = read_all(corpus)
    assert unit.ids.to_pylist() == [row["id"] for row in rows]
    note = unit.others.column("prop:note" if ending == "tmx" else "note").to_pylist()
    for row, pair, text, kept in zip(rows, pairs, unit.texts, note, strict=True):
        if ending == "tmx" and not all(map(legal, row.values())):
            assert pair[1] is None
            assert isinstance(text, MalformedRow)
        else:
            assert pair == (row["source"].encode(), row["target"].encode())
            assert text == row["source"].encode()
            assert kept == row["note"]


@pytest.mark.parametrize("ending", WRITERS)
@given(st.integers(0, 4), st.sampled_from([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88"]))
@FEW
def test_a_row_that_is_not_utf8_is_rejected_alone(tmp_path, ending, place, broken) -> None:
    rows = [{"id": f"{i}", "source": f"Satz {i} #", "target": f"sentence {i}"} for i in range(5)]
    data = WRITERS[ending](rows).replace(f"Satz {place} #".encode(), b"Satz " + broken)
    file = put(tmp_path / f"a.{ending}", data)
    pairs = list(open_pairs(Location(file), languages=("en", "de")).rows())
    corpus = inspect(str(file), "source", "tuid" if ending == "tmx" else None, language="en")
    (unit,) = read_all(corpus)
    assert unit.ids.to_pylist() == [row["id"] for row in rows]
    for i, (pair, text) in enumerate(zip(pairs, unit.texts, strict=True)):
        for raw in (pair.source, text):
            assert raw is not None
            reason = decode_text(raw, 1000)[1]
            assert reason == (RejectReason.BROKEN_UTF8 if i == place else None)
        assert (pair.target is None) == (i == place)


def test_other_columns_have_the_type_of_all_their_values(tmp_path: Path) -> None:
    values = {
        "whole": [1, -(2**63), None, 2**63 - 1],
        "number": [1, 2.5, None, -(2**53)],
        "yes": [True, None, False, True],
        "text": ["a", "1", None, "\u2028"],
        "mixed": ["a", 1, True, {"b": [1.5, None]}],
        "large": [2**63, 1, None, 2],
        "exact": [0.5, 2**53 + 1, None, 1],
        "empty": [None, None, None, None],
        "list": [[1], [], None, ["ü"]],
    }
    rows = [{"source": "x", **{name: column[i] for name, column in values.items()}}
            for i in range(4)]  # fmt: skip
    rows[2] = {name: value for name, value in rows[2].items() if value is not None}
    corpus = inspect(str(put(tmp_path / "a.jsonl", jsonl(rows))), "source")
    (unit,) = read_all(corpus)
    types = {"whole": pa.int64(), "number": pa.float64(), "yes": pa.bool_()}
    for name, column in values.items():
        kind = types.get(name, pa.string())
        assert unit.others.schema.field(name).type == corpus.columns.field(name).type == kind
        for value, read in zip(column, unit.others.column(name).to_pylist(), strict=True):
            if kind == pa.string() and not isinstance(value, str) and value is not None:
                assert json.loads(read) == value
            else:
                assert read == value
    assert unit.ids.to_pylist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("ending", "packing"), [("jsonl", ""), ("csv", ".zst"), ("tmx", ".bz2"), ("csv", ".xz")]
)
def test_units_are_the_same_in_any_order_and_read_once_in_order(
    tmp_path, ending, packing, monkeypatch
) -> None:
    from nmt.translation.input import streams

    opened = []
    real = streams.open_text
    monkeypatch.setattr(streams, "open_text", lambda *a: (opened.append(a), real(*a))[1])
    rows = [{"id": f"{i}", "source": f'line "{i}",\n', "target": "x"} for i in range(9000)]
    file = put(tmp_path / f"a.{ending}{packing}", WRITERS[ending](rows))
    corpus = inspect(str(file), "source", None, language="en")
    units = corpus.units()
    assert [unit.rows for unit in units] == [8192, 808]
    texts = [read_unit(unit, corpus.text_column, None).texts for unit in units]
    assert [text for some in texts for text in some] == [row["source"].encode() for row in rows]
    assert len(opened) == 1
    again = [read_unit(unit, corpus.text_column, None).texts for unit in units[::-1]]
    assert again == texts[::-1]
