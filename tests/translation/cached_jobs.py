"""Jobs with a cache, and what their outputs are compared by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rounding import SCORE

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.storage.location import Location
from nmt.translation.outcome import Outcome

INFO = {"direction": {"source": "en", "target": "de"}, "validation": {}}
ODD = [
    *(b"", b"  ", b"\xffbroken", b"word " * 200, b"\xe2\x82", b"<b>&amp;</b>"),
    *("A\u00a0cat\u200b .".encode(), b"A cat .", b"A  cat .", "Ünïcödé 漢字".encode(), b"\x07"),
    *(b"A&nbsp;cat .", "\u200b A cat .".encode()),  # as another, with other words as stored
    "A dog sees a cat\u2028. A cat sleeps.".encode(),
]


def save(made: Any, folder: Path, *vocabularies: Any, **data: Any) -> Path:
    bundle.save(made, *vocabularies, {**INFO, "data": data}, Location(folder))
    return folder


@pytest.fixture(scope="module")
def models(demo_dataset, tiny_model, tmp_path_factory) -> list[Path]:
    """Two models of other random weights."""
    folder = tmp_path_factory.mktemp("models")
    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    made = [tiny_model(source.size, target.size, seed) for seed in (1, 2)]
    settings = demo_dataset.described_settings
    return [save(m, folder / str(i), source, target, **settings) for i, m in enumerate(made)]


@pytest.fixture
def corpus(demo_dataset, tmp_path) -> Path:
    """Hundreds of lines, of which many come again, odd ones among them."""
    return write_corpus(demo_dataset, tmp_path / "in.txt", 60, 300)


def write_corpus(dataset, file: Path, distinct: int, lines: int) -> Path:
    from corpora import rows

    random = np.random.default_rng(3)
    texts = [row["source"].encode() for row in rows(dataset, "train")[:distinct]] + ODD
    chosen = [texts[i] for i in random.integers(0, len(texts), lines)]
    file.write_bytes(b"\n".join(chosen) + b"\n")
    return file


def rows_of(output: Path, folder: str = "translations") -> list[dict[str, Any]]:
    """All rows, in the order of the units."""
    return [
        row for f in sorted((output / folder).iterdir()) for row in pq.read_table(f).to_pylist()
    ]


def assert_same(one: Path, other: Path) -> None:
    """Two outputs hold the same, numbers to a tolerance."""
    inexact = ("score", "attention_entropy", "coverage")
    for folder in ("translations", "rejected", "alignments"):
        assert (one / folder).exists() == (other / folder).exists()
        if not (one / folder).exists():
            continue
        for file in sorted((one / folder).iterdir()):
            assert pq.read_schema(file) == pq.read_schema(other / folder / file.name)
        pairs = zip(rows_of(one, folder), rows_of(other, folder), strict=True)
        for expected, found in pairs:
            for name in expected:
                if name in inexact:
                    assert found[name] == pytest.approx(expected[name], abs=SCORE)
                elif name == "alternatives":
                    texts = [[a["translation"] for a in row[name]] for row in (expected, found)]
                    assert texts[0] == texts[1]
                else:
                    assert found[name] == expected[name]
    first, second = (json.loads((o / "report/report.json").read_text()) for o in (one, other))
    origin = ("decoded", "reused", "repeated")
    for report in (first, second):
        assert sum(report["counts"].pop(name) for name in origin) == report["counts"]["translated"]
    assert first["counts"] == second["counts"]
    assert first["rates"] == pytest.approx(second["rates"], abs=SCORE)
    for name in ("samples", "suspicious"):
        assert [s["id"] for s in first[name]] == [s["id"] for s in second[name]]
    images = [sorted(p.name for p in (o / "report/heatmaps").glob("*.png")) for o in (one, other)]
    assert images[0] == images[1]


def origins(outcome: Outcome) -> tuple[int, int, int]:
    counts = outcome.report.counts
    return counts.decoded, counts.reused, counts.repeated
