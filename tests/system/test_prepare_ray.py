"""The Ray Data way of preparing a corpus gives the same dataset as one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora import make, pair_lines, write_lines

from nmt.errors import UnusableInput
from nmt.grammar import generate

pytestmark = pytest.mark.system


def test_both_ways_filter_alike(tmp_path: Path) -> None:
    lines = [f"{pair.source}\t{pair.target}".encode() for pair in generate(1, 0, 800)]
    pairs = write_lines(tmp_path / "c.tsv", [*lines, *lines[:50], b"A dog.\t1 2 3 4 5 6 7"])
    languages = {"source_language": "en", "target_language": "de"}
    settings = {"shard_rows": 200, "filters": "web", **languages}
    alone = make(tmp_path / "alone", settings, pairs=pairs, distributed=False)
    spread = make(tmp_path / "spread", settings, pairs=pairs, distributed=True)
    assert alone.info.drops["duplicate"] > 40
    assert spread.info == alone.info
    for entry in alone.info.files.scores:
        one, other = (dataset.location / entry.name for dataset in (alone, spread))
        assert one.read_bytes() == other.read_bytes()


def test_both_ways_give_the_same_dataset(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", [*pair_lines(2000), b"alone"])
    settings = {"shard_rows": 600}
    alone = make(tmp_path / "alone", settings, pairs=pairs, distributed=False)
    spread = make(tmp_path / "spread", settings, pairs=pairs, distributed=True)
    assert spread.info == alone.info
    for split in ("train", "valid", "test", "rejected"):
        for one, other in zip(alone.files(split), spread.files(split), strict=True):
            assert one.read_bytes() == other.read_bytes()
    # An error in a unit comes back as the one line that it is.
    with pytest.raises(UnusableInput, match="too small for the corpus's characters"):
        make(tmp_path / "small", {"vocab_size": 9}, pairs=pairs, distributed=True)
    assert not (tmp_path / "small").exists()
