"""Sentences come in any iterable, and count by position."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nmt.errors import UnusableInput
from nmt.inference.texts import sentences

TEXTS = ["c", "a", "", "b"]
SHUFFLED = pd.Series(TEXTS, index=[3, 1, 0, 2])
ITERABLES = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "generator": (text for text in TEXTS),
    "keys": dict.fromkeys(TEXTS).keys(),
    "shuffled series": SHUFFLED,
    "filtered series": pd.Series(["x", *TEXTS, "y"])[1:5],
    "category": SHUFFLED.astype("category"),
    "arrow strings of pandas": pd.Series(TEXTS, dtype="string[pyarrow]"),
    "index": pd.Index(TEXTS),
    "numpy": np.array(TEXTS),
    "numpy objects": np.array(TEXTS, object),
    "arrow": pa.array(TEXTS),
    "arrow dictionary": pa.array(TEXTS).dictionary_encode(),
    "chunks": pa.chunked_array([TEXTS[:1], TEXTS[1:]], pa.large_string()),
    "column": pa.table({"text": TEXTS})["text"],
}


@pytest.mark.parametrize("given", ITERABLES.values(), ids=ITERABLES)
def test_any_iterable_is_taken_by_position(given) -> None:
    found = sentences(given)
    assert found == TEXTS
    assert {type(text) for text in found} == {str}


BAD = {
    "None": None,
    "nan": float("nan"),
    "NA": pd.NA,
    "bytes": b"Hund",
    "number": 3,
    "list": ["Hund"],
    "array": np.array(["a", "b"]),
    "null of Arrow": pa.scalar(None, pa.string()),
    "no UTF-8": pa.array([b"\xff"]).cast(pa.string(), safe=False)[0],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_an_element_that_is_no_text_is_named(bad) -> None:
    with pytest.raises(TypeError, match=r"^reference 2 ") as caught:
        sentences(["a", "b", bad, None], "reference")
    assert isinstance(caught.value, UnusableInput)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


WHOLE = {
    "string": "The dog sleeps.",
    "bytes": b"The dog sleeps.",
    "None": None,
    "number": 7,
    "one value of an array": np.array("a"),
    "set": {"a", "b"},
    "mapping": {"a": "b"},
    "frame": pd.DataFrame({"source": TEXTS}),
    "table": pa.table({"source": TEXTS}),
    "batch": pa.record_batch({"source": TEXTS}),
}


@pytest.mark.parametrize("given", WHOLE.values(), ids=WHOLE)
def test_what_is_no_list_of_sentences_is_refused(given) -> None:
    with pytest.raises(TypeError, match="a list of sentences") as caught:
        sentences(given)
    assert isinstance(caught.value, UnusableInput)
    assert "\n" not in str(caught.value)
