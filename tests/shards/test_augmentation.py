"""Augmented epochs: by their shares, the same for the same key, never longer than may be."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.settings.training import Change, TrainingSettings
from nmt.shards.augmentation import KINDS, Augmentation
from nmt.shards.batches import Batch, choose_shapes, epoch_batches
from nmt.training.schedule import mixture_of
from nmt.vocabulary.base import EOS, PAD, SPECIALS
from nmt.vocabulary.words import WordVocabulary


class Letters(WordVocabulary):
    """A vocabulary of characters, which loses nothing."""

    def __init__(self) -> None:
        super().__init__(("\n".join(SPECIALS) + "\n").encode())

    def encode_ids(self, texts: Any) -> list[list[int]]:
        return [[ord(character) for character in text] for text in texts]


VOCABULARIES = (Letters(), Letters())


def table_of(pairs: list[tuple[str, str]]) -> pa.Table:
    kind = pa.list_(pa.int32())
    sides = list(zip(*pairs, strict=True)) or [(), ()]
    ids = [pa.array(Letters().encode_ids(side), kind) for side in sides]
    names = ["source", "target", "source_ids", "target_ids"]
    return pa.table([pa.array(side, pa.string()) for side in sides] + ids, names=names)


def texts_of(table: pa.Table) -> list[tuple[str, str]]:
    columns = (table[f"{side}_ids"].to_pylist() for side in ("source", "target"))
    return [tuple("".join(map(chr, ids)) for ids in pair) for pair in zip(*columns, strict=True)]


def changed(kind: str, *pairs: tuple[str, str], longest: int = 500) -> list[tuple[str, str]]:
    return texts_of(Augmentation({kind: 1.0}, 0.0, VOCABULARIES)(table_of([*pairs]), [1], longest))


PAIR, NEXT = ("It is a dog.", "Es ist ein Hund."), ("And a cat!", "Und eine Maß!")


def test_each_kind_does_what_it_says() -> None:
    assert changed("upper", NEXT) == [("AND A CAT!", "UND EINE MASS!")]
    assert changed("title", PAIR) == [("It Is A Dog.", "Es Ist Ein Hund.")]
    assert changed("lower", PAIR) == [("it is a dog.", PAIR[1])]
    assert changed("no_stop", PAIR, NEXT) == [("It is a dog", "Es ist ein Hund"), NEXT]
    first, second = changed("joined", PAIR, NEXT)
    assert first == ("It is a dog. And a cat!", "Es ist ein Hund. Und eine Maß!")
    assert second == ("And a cat! It is a dog.", "Und eine Maß! Es ist ein Hund.")
    ((source, target),) = changed("typos", PAIR)
    assert target == PAIR[1]
    assert source != PAIR[0]
    assert abs(len(source) - len(PAIR[0])) <= 1
    assert set(get_args(Change)) == set(KINDS)


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(KINDS)), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)))
)
def test_any_pairs_stay_pairs(kind: str, pairs: list[tuple[str, str]]) -> None:
    """What becomes empty or too long stays as it was."""
    after = changed(kind, *pairs, longest=9)
    assert len(after) == len(pairs)
    for one, other in zip(after, pairs, strict=True):
        assert one == other or all(0 < len(text) <= 9 for text in one)


def test_shares_are_those_of_the_settings() -> None:
    pairs = [(f"Word{n} and", f"Wort{n} und") for n in range(4000)]
    augmentation = Augmentation({"upper": 0.1, "lower": 0.25}, 0.0, VOCABULARIES)
    after = texts_of(augmentation(table_of(pairs), [1, 2, 3], 99))
    kinds = Counter(
        "upper" if one[1].isupper() else "lower" if one[0].islower() else one == other
        for one, other in zip(after, pairs, strict=True)
    )
    assert kinds["upper"] == pytest.approx(400, abs=5 * 400**0.5)
    assert kinds["lower"] == pytest.approx(1000, abs=5 * 1000**0.5)
    assert kinds[True] == 4000 - kinds["upper"] - kinds["lower"]
    assert after == texts_of(augmentation(table_of(pairs), [1, 2, 3], 99))
    assert after != texts_of(augmentation(table_of(pairs), [1, 3, 3], 99))


def test_subwords_are_cut_anew_and_spell_the_same(demo_dataset) -> None:
    vocabulary = demo_dataset.source_vocabulary
    table = next(demo_dataset.read("train"))
    texts = table["source"].to_pylist()
    one = vocabulary.sample_ids(texts, 0.3, 7)
    assert one == vocabulary.sample_ids(texts, 0.3, 7)
    assert one != vocabulary.sample_ids(texts, 0.3, 8)
    assert [vocabulary.decode(ids) for ids in one] == texts
    assert sum(map(len, one)) > sum(map(len, vocabulary.encode_ids(texts)))
    assert vocabulary.sample_ids([], 0.3, 7) == []


def order_of(batches: Any) -> list[bytes]:
    return [batch.source.tobytes() + batch.target_outputs.tobytes() for batch in batches]


def test_resumed_and_shared_epochs_are_the_same(demo_dataset) -> None:
    training = TrainingSettings(augment={"upper": 0.2, "joined": 0.2}, subword_dropout=0.1)
    mixture = mixture_of([demo_dataset], training)
    shapes = choose_shapes(mixture.widths(0), 3, 400)

    def batches(epoch: int, skip: int = 0, **workers: int) -> list[Batch]:
        return list(epoch_batches(mixture, shapes, 1, epoch, 64, skip, **workers))

    whole = batches(0)
    assert order_of(batches(0)) == order_of(whole)
    assert order_of(batches(0, 3)) == order_of(islice(whole, 3, None))
    assert order_of(batches(1)) != order_of(whole)
    for rank in range(2):
        for part, batch in zip(batches(0, rank=rank, workers=2), whole, strict=True):
            own = batch.source[rank::2]
            np.testing.assert_array_equal(part.source[: len(own)], own)
    rows = sum(int((batch.target_outputs[:, 0] != PAD).sum()) for batch in whole)
    assert rows == demo_dataset.rows("train")
    assert all((batch.source == EOS).any(1).all() for batch in whole)
    # Validation pairs are never changed.
    plain = epoch_batches(demo_dataset, shapes, 1, 0, 64, split="valid")
    assert order_of(epoch_batches(mixture, shapes, 1, 0, 64, split="valid")) == order_of(plain)


def test_shares_of_more_than_all_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 together"):
        TrainingSettings(augment={"upper": 0.6, "typos": 0.6})
