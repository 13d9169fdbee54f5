"""With a cache a job gives what it gives without one, and decodes each sentence once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cached_jobs import assert_same, origins, rows_of, save
from outputs import SEARCH, translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.inference.decoding import Decoder
from nmt.inference.rendering import Part
from nmt.inference.translation import Translation
from nmt.records.output import Counts
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.generations import generations
from nmt.translation.work import Metrics
from nmt.vocabulary.words import build_words

pytestmark = pytest.mark.system  # whole jobs, each done several times


@pytest.mark.parametrize(
    "options",
    [
        {"alignments": True, "heatmaps": 5},
        {"search": SEARCH.model_copy(update={"beam_size": 3, "n_best": 2})},
        {"search": SearchSettings(max_length_ratio=0.5, max_source_length=20)},  # some are split
    ],
)
def test_the_output_is_that_of_a_job_without_a_cache(models, corpus, tmp_path, options) -> None:
    plain = translate(models[0], corpus, tmp_path / "plain", **options)
    in_units, reused, repeated = origins(plain)  # each unit decodes its own
    assert (reused, repeated > 50) == (0, True)
    cache = tmp_path / "cache"
    first = translate(models[0], corpus, tmp_path / "first", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "first")
    second = translate(models[0], corpus, tmp_path / "second", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "second")
    cleaned = {" ".join(row["source"].split()) for row in rows_of(tmp_path / "plain")}
    cleaned -= {"A\u00a0cat\u200b .", "A cat\u200b .", "A&nbsp;cat .", "\u200b A cat ."}
    decoded, reused, repeated = origins(first)
    assert reused == 0
    assert repeated > 100
    assert in_units > decoded
    assert decoded == len(cleaned - {"\x07"})  # which is cleaned to the empty line
    assert origins(second) == (0, decoded + repeated, 0)
    assert not (tmp_path / "first/_scratch").exists()


def test_only_new_sentences_are_decoded(models, corpus, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nmt.translation.cache.store._HELD", 5000)
    monkeypatch.setattr("nmt.translation.cache.store._RANGE", 500)
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache)
    new = [b"The new dog %d ." % (n % 7) for n in range(20)]
    lines = corpus.read_bytes().splitlines()[::-1] + new
    corpus.write_bytes(b"\n".join(lines))
    night = translate(models[0], corpus, tmp_path / "night", cache=cache)
    decoded, reused, repeated = origins(night)
    assert (decoded, repeated) == (7, 13)
    assert reused == night.report.counts.translated - 20
    translate(models[0], corpus, tmp_path / "plain")
    assert_same(tmp_path / "plain", tmp_path / "night")


def test_each_night_counts_all_its_rows(models, corpus, tmp_path, monkeypatch) -> None:
    """What Prometheus is told of a night is what its report counts, decoded or not."""
    counts_of_units: list[Counts] = []
    monkeypatch.setattr(Metrics, "count", lambda self, counts: counts_of_units.append(counts))
    for output in ("first", "second"):
        counts_of_units.clear()
        night = translate(models[0], corpus, tmp_path / output, cache=tmp_path / "cache")
        for name in ("rows", "rejected", "target_tokens"):
            counted = sum(getattr(counts, name) for counts in counts_of_units)
            assert counted == getattr(night.report.counts, name) > 0


def test_another_model_or_setting_makes_another_generation(models, corpus, tmp_path) -> None:
    cache = tmp_path / "cache"
    first = translate(models[0], corpus, tmp_path / "a", cache=cache)
    for number, (model, changes, new) in enumerate(
        [
            (models[1], {}, True),
            (models[0], {"max_length_extra": 3}, True),
            (models[0], {"length_penalty": 0.3, "seed": 7}, False),  # not in greedy search
        ]
    ):
        before = len(generations(Location(cache)))
        search = SEARCH.model_copy(update=changes)
        found = translate(model, corpus, tmp_path / f"o{number}", cache=cache, search=search)
        assert origins(found)[0] == (origins(first)[0] if new else 0)
        assert len(generations(Location(cache))) == before + new


def test_a_job_without_a_cache_goes_on_with_one(models, corpus, tmp_path) -> None:
    translate(models[0], corpus, tmp_path / "plain")
    output = tmp_path / "out"
    translate(models[0], corpus, output)
    for name in ("_units/00001.json", "manifest.json", "_SUCCESS"):
        (output / name).unlink()
    (output / "translations/part-00001.parquet").write_bytes(b"half")
    translate(models[0], corpus, output, cache=tmp_path / "cache")
    assert_same(tmp_path / "plain", output)


def test_rows_keep_their_ids_and_other_columns(models, tmp_path) -> None:
    table = pa.table(
        {
            "price": pa.array([1.5, None, 2.5, 3.5, 4.5], pa.float32()),
            "source": pa.array(["The dog.", None, "x " * 300, "A cat.", "The dog."]),
            "id": pa.array(["q", "r", "s", "t", "u"]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    for name, more in (("plain", {}), ("out", {"cache": tmp_path / "cache"})):
        translate(models[0], tmp_path / "in.parquet", tmp_path / name, max_rejected=1, **more)
    assert_same(tmp_path / "plain", tmp_path / "out")
    assert [row["id"] for row in rows_of(tmp_path / "out")] == ["q", "t", "u"]
    assert [row["price"] for row in rows_of(tmp_path / "out", "rejected")] == [None, 2.5]


def test_words_of_the_source_that_stand_in_make_it_another(tiny_model, tmp_path) -> None:
    """Sources that are cleaned to the same have translations of their own where those hold raw
    words of theirs."""
    words = ("the", "dog", "sees", "a", "cat"), ("der", "hund", "sieht", "eine", "katze")
    sides = [build_words(dict.fromkeys(w, 5), vocab_size=99, min_frequency=1) for w in words]
    made = tiny_model(sides[0].size, sides[1].size, seed=2)
    bias = np.array(made.output_bias)
    bias[1] += 2.0
    made.output_bias.assign(bias)
    model = save(made, tmp_path / "model", *sides)
    texts = ["the dog sees X\u00adanadu", "the dog sees Xanadu", "the dog  sees Xanadu"]
    (tmp_path / "in.txt").write_text("\n".join(texts * 2))
    search = SearchSettings(max_length_ratio=1.0, max_length_extra=3)
    for changes, distinct in (({}, 3), ({"replace_unknown": False}, 1)):
        search = search.model_copy(update=changes)
        outputs = tmp_path / f"plain {distinct}", tmp_path / f"out {distinct}"
        translate(model, tmp_path / "in.txt", outputs[0], search=search)
        cache = tmp_path / "cache"
        done = translate(model, tmp_path / "in.txt", outputs[1], search=search, cache=cache)
        assert_same(*outputs)
        assert origins(done) == (distinct, 0, 6 - distinct)


def test_a_sentence_that_cannot_be_translated_is_rejected(
    models, corpus, tmp_path, monkeypatch
) -> None:
    real = Decoder._rendered

    def failing(self: Decoder, part: Part, *hypotheses: Any) -> Translation:
        if part.source.text.startswith("The"):
            raise RuntimeError("no such kernel")
        return real(self, part, *hypotheses)

    monkeypatch.setattr(Decoder, "_rendered", failing)
    cache, options = tmp_path / "cache", {"max_rejected": 1.0, "alignments": True, "heatmaps": 9}
    translate(models[0], corpus, tmp_path / "plain", **options)
    done = translate(models[0], corpus, tmp_path / "out", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "out")
    reasons = done.report.counts.rejected_by_reason
    assert reasons["failed"] > 50
    monkeypatch.setattr(Decoder, "_rendered", real)  # a later night can
    translate(models[0], corpus, tmp_path / "plain2", **options)
    done = translate(models[0], corpus, tmp_path / "out2", cache=cache, **options)
    assert_same(tmp_path / "plain2", tmp_path / "out2")
    assert origins(done)[0] > 10


def test_what_makes_no_sense_is_refused(models, corpus, tmp_path) -> None:
    def refused(match: str, cache: Path = tmp_path / "cache", **options: Any) -> None:
        with pytest.raises(UnusableInput, match=match) as caught:
            translate(models[0], corpus, tmp_path / "out", cache=cache, **options)
        assert "\n" not in str(caught.value)

    refused("draws others at random", search=SearchSettings(temperature=1.0))
    refused("lies in --output", cache=tmp_path / "out/cache")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    refused("no cache", cache=tmp_path / "mine")
