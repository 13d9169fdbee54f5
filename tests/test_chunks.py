"""Tables are combined and taken from as if an array could have any number of bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.tables import chunks

TEXTS = st.lists(st.text("aü", max_size=9), max_size=6)


def table(texts: list[str]) -> pa.Table:
    lists = pa.array([[text, text] for text in texts], pa.list_(pa.string()))
    return pa.table({"text": pa.array(texts, pa.string()), "lists": lists})


@settings(max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.data())
def test_rows_of_many_chunks_are_those_of_one(monkeypatch, parts, data) -> None:
    monkeypatch.setattr(chunks, "_CHUNK", 60)
    monkeypatch.setattr(chunks, "_STEP", 4)
    tables = [table(texts) for texts in parts]
    together = pa.concat_tables(tables)
    rows = chunks.combined(tables)
    assert rows.combine_chunks().equals(together.combine_chunks())
    assert rows.column(0).num_chunks <= max(1, len(parts))
    places = data.draw(st.lists(st.integers(-1, len(together) - 1), max_size=12))
    array = np.array(places, np.int64)
    expected = together.combine_chunks().take(pa.array(array, mask=array < 0))
    assert chunks.take(rows, array).combine_chunks().equals(expected.combine_chunks())


@pytest.mark.slow
def test_texts_beyond_what_an_array_holds() -> None:
    text = "x" * (1 << 20)
    part = pa.table({"text": pa.array([text] * 1100)})
    rows = chunks.combined([part, part])
    assert rows.nbytes > 2 << 30
    taken = chunks.take(rows, np.array([0, 2199, -1, 1100]))
    assert taken.column("text").to_pylist() == [text, text, None, text]
