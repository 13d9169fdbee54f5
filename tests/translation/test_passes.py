"""Units are looked up together, each sentence is decoded once, and units wait for each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cached_jobs import assert_same, origins, rows_of
from corpora import rows
from outputs import Actor, translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.inference.decoding import Decoder
from nmt.inference.rendering import Part
from nmt.inference.row_filter import CleanedText
from nmt.inference.translation import Translation
from nmt.records.output import DecodingCost
from nmt.storage.location import Location
from nmt.translation import worker

pytestmark = pytest.mark.system  # whole jobs, each done several times

UNIT = 256  # rows


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The texts that were decoded; rows are looked at by nobody."""
    texts: list[str] = []
    real = Decoder.decode

    def decode(self: Decoder, sources: list[CleanedText], **options: Any) -> Any:
        texts.extend(source.cleaned for source in sources)
        return real(self, sources, **options)

    monkeypatch.setattr(Decoder, "decode", decode)
    monkeypatch.setattr("nmt.translation.job.page_samples", lambda rows: [])
    return texts


@pytest.fixture
def outcomes(monkeypatch) -> list[tuple[int, bool]]:
    """Which units were handed to actors, and whether they were deferred."""
    seen: list[tuple[int, bool]] = []
    real = worker.translate_unit

    def translate_unit(unit: Any, *arguments: Any, **options: Any) -> Any:
        outcome = real(unit, *arguments, **options)
        seen.append((unit.number, isinstance(outcome, DecodingCost)))
        return outcome

    monkeypatch.setattr(worker, "translate_unit", translate_unit)
    return seen


@pytest.fixture
def texts(demo_dataset) -> list[str]:
    return list(dict.fromkeys(row["source"] for row in rows(demo_dataset, "train")))[:40]


def write(folder: Path, *units: list[str]) -> Path:
    """A corpus of units that hold these texts again and again."""
    lines = [text for unit in units for text in (unit * UNIT)[:UNIT]]
    file = folder / "in.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def night(model: Path, corpus: Path, folder: Path, name: str) -> Any:
    more = {} if name == "plain" else {"cache": folder / "cache"}
    return translate(model, corpus, folder / name, heatmaps=0, **more)


def test_a_plain_job_decodes_what_repeats_in_a_unit_once(models, tmp_path, texts, decoded) -> None:
    corpus = write(tmp_path, texts[:10], texts[5:20])
    done = night(models[0], corpus, tmp_path, "plain")
    assert sorted(decoded) == sorted(texts[:10] + texts[5:20])
    assert origins(done) == (25, 0, 2 * UNIT - 25)
    found = rows_of(tmp_path / "plain")
    assert [row["source"] for row in found] == corpus.read_text().splitlines()
    by_source = {row["source"]: (row["translation"], row["target_tokens"]) for row in found}
    assert all(
        (row["translation"], row["target_tokens"]) == by_source[row["source"]] for row in found
    )


def test_a_unit_waits_for_those_that_decode_its_sentences(
    models, tmp_path, texts, decoded, outcomes
) -> None:
    """The second decodes its own and waits for the first; the third has nothing to do before."""
    corpus = write(tmp_path, texts[:10], texts[5:20], texts[12:18])
    done = night(models[0], corpus, tmp_path, "out")
    assert outcomes == [(0, False), (1, True), (1, False), (2, False)]
    assert sorted(decoded) == sorted(texts[:20])
    assert origins(done) == (20, 0, 3 * UNIT - 20)
    records = [Location(tmp_path / f"out/_units/{n:05d}.json").read_json() for n in range(3)]
    assert [record["counts"]["decoded"] for record in records] == [10, 10, 0]
    costs = [record["decoding"] and record["decoding"]["sentences"] for record in records]
    assert costs == [10, 10, None]
    plain = night(models[0], corpus, tmp_path, "plain")
    assert origins(plain) == (31, 0, 3 * UNIT - 31)
    assert_same(tmp_path / "plain", tmp_path / "out")


def test_where_everything_is_known_no_model_is_loaded(
    models, tmp_path, texts, decoded, monkeypatch
) -> None:
    corpus = write(tmp_path, texts[:10], texts[5:20])
    night(models[0], corpus, tmp_path, "first")
    decoded.clear()
    monkeypatch.setattr(Actor, "_translator", property(lambda self: pytest.fail("loads the model")))
    second = night(models[0], corpus, tmp_path, "second")
    assert origins(second) == (0, 2 * UNIT, 0)
    assert second.report.throughput.decode_seconds == 0
    assert decoded == []
    assert_same(tmp_path / "first", tmp_path / "second")


def test_waves_find_what_those_before_have_decoded(
    models, tmp_path, texts, decoded, outcomes, monkeypatch
) -> None:
    monkeypatch.setattr("nmt.translation.cache.job._WAVE", UNIT)
    monkeypatch.setattr("nmt.translation.cache.job._ROWS_OF_ACTOR", 0)
    corpus = write(tmp_path, texts[:10], texts[5:20], texts[12:18])
    done = night(models[0], corpus, tmp_path, "waves")
    assert outcomes == [(0, False), (1, False), (2, False)]
    assert sorted(decoded) == sorted(texts[:20])
    assert origins(done) == (20, 0, 3 * UNIT - 20)
    night(models[0], corpus, tmp_path, "plain")
    assert_same(tmp_path / "plain", tmp_path / "waves")


def test_what_cannot_be_translated_is_tried_once(
    models, tmp_path, texts, decoded, outcomes, monkeypatch
) -> None:
    """Other units learn of it, and rows that are looked at, too."""
    real = Decoder._rendered

    def failing(self: Decoder, part: Part, *hypotheses: Any) -> Translation:
        if part.source.text == texts[7]:
            raise RuntimeError("no such kernel")
        return real(self, part, *hypotheses)

    monkeypatch.setattr(Decoder, "_rendered", failing)
    monkeypatch.setattr("nmt.translation.job.page_samples", lambda rows: [2 * UNIT + 1])
    corpus = write(tmp_path, texts[:10], texts[5:20], texts[7:8])
    done = night(models[0], corpus, tmp_path, "out")
    assert outcomes == [(0, False), (1, True), (1, False), (2, False)]
    assert sorted(decoded) == sorted(texts[:20])
    lost = corpus.read_text().splitlines().count(texts[7])
    assert done.report.counts.rejected_by_reason == {"failed": lost}
    assert origins(done) == (19, 0, 3 * UNIT - 19 - lost)
    night(models[0], corpus, tmp_path, "plain")
    assert_same(tmp_path / "plain", tmp_path / "out")


@pytest.mark.parametrize("days", [0, 2])
def test_what_a_killed_job_has_decoded_is_settled_by_another(
    models, tmp_path, texts, decoded, monkeypatch, days
) -> None:
    """Once it is so old that no job that runs can have written it."""
    corpus = write(tmp_path, texts[:10], texts[5:20])
    with monkeypatch.context() as patch:
        killed = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
        patch.setattr("nmt.translation.cache.job.settle", killed)
        with pytest.raises(KeyboardInterrupt):
            night(models[0], corpus, tmp_path, "killed")
    new = list(tmp_path.glob("cache/*/new/*.parquet"))
    assert len(new) == 2
    for file in new:
        then = file.stat().st_mtime - days * 86400
        os.utime(file, (then, then))
    decoded.clear()
    done = night(models[0], corpus, tmp_path, "other")
    assert origins(done) == ((0, 2 * UNIT, 0) if days else (20, 0, 2 * UNIT - 20))
    assert (decoded == []) == bool(days)
    assert (list(tmp_path.glob("cache/*/new/*.parquet")) == []) == bool(days)


def test_two_jobs_may_use_a_cache_at_a_time(models, tmp_path, texts, decoded) -> None:
    """One is done while the other waits for its own second pass."""
    corpus = write(tmp_path, texts[:10], texts[5:20])
    begun: list[int] = []

    def other(number: int) -> None:
        begun.append(number)
        if begun == [0]:
            night(models[0], corpus, tmp_path, "between")

    translate(
        *(models[0], corpus, tmp_path / "out", None, other), cache=tmp_path / "cache", heatmaps=0
    )
    assert_same(tmp_path / "between", tmp_path / "out")
    third = night(models[0], corpus, tmp_path, "third")
    assert origins(third) == (0, 2 * UNIT, 0)


def test_links_along_references_are_counted_with_a_cache(models, tmp_path, demo_dataset) -> None:
    pairs = rows(demo_dataset, "test")[:20]
    names = ("id", "source", "target", "alignment")
    columns = {name: [row[name] for row in pairs] for name in names}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    options = {"reference_column": "target", "alignment_column": "alignment"}
    errors = []
    for name, cache in (("plain", None), ("first", tmp_path / "c"), ("second", tmp_path / "c")):
        more = {} if cache is None else {"cache": cache}
        done = translate(models[0], tmp_path / "in.parquet", tmp_path / name, **options, **more)
        errors.append(done.report.to_json()["alignment"])
    assert errors[0]
    assert errors[0] == errors[1] == errors[2]


@pytest.mark.parametrize("damage", ["missing", "no Parquet", "other columns", "odd values"])
def test_what_is_known_may_be_damaged(models, tmp_path, texts, damage) -> None:
    """Then the job says so, and the same command goes on."""
    corpus = write(tmp_path, texts[:10], texts[5:20])

    def spoil(number: int) -> None:
        for file in (tmp_path / "out/_scratch").glob("known-*"):
            table = pq.read_table(file)
            if damage == "missing":
                file.unlink()
            elif damage == "no Parquet":
                file.write_bytes(b"PAR1 nothing PAR1")
            elif damage == "other columns":
                pq.write_table(table.drop_columns(["reason"]), file)
            else:
                place = table.column_names.index("reason")
                odd = pa.array(["odd"] * len(table), pa.string())
                pq.write_table(table.set_column(place, "reason", odd), file)

    translate(models[0], corpus, tmp_path / "plain", heatmaps=0)
    with pytest.raises(UnusableInput, match=r"known-00001\.parquet") as caught:
        translate(
            *(models[0], corpus, tmp_path / "out", None, spoil), cache=tmp_path / "c", heatmaps=0
        )
    assert "\n" not in str(caught.value)
    translate(models[0], corpus, tmp_path / "out", cache=tmp_path / "c", heatmaps=0)
    assert_same(tmp_path / "plain", tmp_path / "out")
