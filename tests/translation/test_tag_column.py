"""A tag of its own for each row: as the whole job's, and a row of an unknown one is rejected."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cached_jobs import save
from outputs import SEARCH, _translators, translate
from written_rows import jsonl, put

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.errors import UnusableInput
from nmt.inference.source_checks import tag_of
from nmt.storage.location import Location
from nmt.translation.cache.keys import keys_of
from nmt.translation.first_rows import remarks
from nmt.translation.input.corpus import inspect
from nmt.translation.job import work_of
from nmt.translation.preview import plan_of
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.verify.output import verify
from nmt.vocabulary.extension import with_tags

TEXTS = ["The dog sleeps.", "A cat.", "The old dog sees a bird."]
KINDS = ["news", None, "talk", "other\x1b[31m", " "]
ROWS = [{"source": text, "kind": kind} for text in TEXTS for kind in KINDS] * 3


def rows_of(folder: Path) -> dict[int, dict]:
    return {row["id"]: row for row in pq.read_table(folder).to_pylist()}


def test_each_row_has_its_own_tag(demo_dataset, tiny_model, tmp_path: Path) -> None:
    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    source = with_tags(source, ["news", "talk"])
    made = tiny_model(source.size, target.size, 1)
    model = save(made, tmp_path / "model", source, target, **demo_dataset.described_settings)
    put(tmp_path / "in.jsonl", jsonl(ROWS))
    options = {"tag_column": "kind", "max_rejected": 1.0, "heatmaps": 1, "cache": tmp_path / "c"}
    out = tmp_path / "out"
    outcome = translate(model, tmp_path / "in.jsonl", out, **options)
    (translator,) = (t for key, t in _translators.items() if key[0] == (str(model),))
    expected = {
        (text, tag): result.text
        for tag in KINDS[:3]
        for text, result in zip(TEXTS, translator.translate(TEXTS, tag=tag), strict=True)
    }
    assert len({expected[TEXTS[2], tag] for tag in ("news", "talk", None)}) > 1
    assert outcome.report.counts.decoded == 9  # each text once with each tag
    done = rows_of(out / "translations")
    for row in done.values():
        assert row["translation"] == expected[row["source"], tag_of(row["kind"])]
    lost = rows_of(out / "rejected")
    assert {row["reason"] for row in lost.values()} == {"unknown_tag"}
    assert {*lost} == {n for n, row in enumerate(ROWS) if row["kind"] == KINDS[3]}
    assert verify(Location(out)).violations == []
    request = TranslateRequest(
        *((Location(model),), str(tmp_path / "in.jsonl"), Location(tmp_path / "new")),
        *(SEARCH, False),
        tag_column="kind",
    )
    info, corpus = bundle.check_all(request.models), inspect(request.input, "source")
    work = work_of(request, info, identify(request, info, corpus), corpus)
    assert [*remarks(request, info, corpus, work)] == [
        f"--tag-column kind: of the first 45 rows 9 are rejected, for the model does not know "
        f"their tags ({KINDS[3]!r}); it knows news, talk"
    ]
    assert "rejected  9 of the 45 rows tried: unknown_tag 9" in [
        *plan_of(request, info, corpus, work)
    ]


def test_a_model_without_tags_takes_none(saved_models, tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", jsonl(ROWS))
    with pytest.raises(UnusableInput, match="has no tags"):
        translate(saved_models[0], tmp_path / "in.jsonl", tmp_path / "out", tag_column="kind")


def test_a_text_with_another_tag_is_another_sentence() -> None:
    keys = keys_of(["a"] * 3, [(), (4,), (5,)]).to_pylist()
    assert len({*keys}) == 3
    assert keys[0] == keys_of(["a"])[0].as_py()  # as caches have it
