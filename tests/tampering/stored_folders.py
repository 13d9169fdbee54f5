"""A small, real set of everything that the program stores, for tests that tamper with it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import in_process
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_process import Killed, command
from models import TINY

PAIRS = [
    ("A dog.", "Hund.", "0-0 1-0"),
    ("The cat.", "Die Katze.", "0-0 1-1"),
    ("word " * 90, "Wort", ""),
    ("Dogs see.", "Hund.", "0-0 0-1"),
    ("", "", ""),
]
ROWS_OF_A_UNIT = 256
SEARCH = ("max_length_ratio=0.1", "max_length_extra=4", "max_source_length=60", "too_long=reject")
_SEARCH = [word for one in SEARCH for word in ("--set", f"search.{one}")]
_MODEL = [word for key, value in TINY.items() for word in ("--set", f"model.{key}={value}")]
FAST = {"batch_tokens": 2000, "buckets": 2, "epochs": 2, "heatmaps": 0, "checkpoints": 2}
FAST |= {"valid_sentences": 4, "validate_every": 2, "report_every": 2}
_FAST = [word for key, value in FAST.items() for word in ("--set", f"training.{key}={value}")]


class Site:
    """A folder with stored folders, and copies of these to start from again.

    Attributes:
        folder: where commands run.
        pristine: the same as it was made; nothing is run there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.pristine = folder / "site", folder / "pristine"
        self.folder.mkdir()

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def keep(self) -> None:
        """Take what is there as what is restored from now on."""
        shutil.copytree(self.folder, self.pristine)

    def restore(self, *names: str) -> None:
        """Make entries of the folder what they were."""
        for name in names:
            remove(self / name)
            if (self.pristine / name).is_dir():
                shutil.copytree(self.pristine / name, self / name)
            elif (self.pristine / name).exists():
                shutil.copy(self.pristine / name, self / name)

    # Command lines, without what names an output.

    def train(self, output: str, *more: str) -> list[str]:
        """Train, or continue."""
        where = ["--data", str(self / "data"), "--output", str(self / output)]
        return ["train", *where, *_MODEL, *_FAST, *more]

    def translate(self, output: str, *more: str, model: str = "run/model") -> list[str]:
        """Translate, continue, or say that it is finished."""
        where = ["--input", str(self / "in.parquet"), "--output", str(self / output)]
        return [
            *("translate", "--model", str(self / model), *where, *_SEARCH),
            *("--reference-column", "target", "--alignment-column", "links", "--alignments"),
            *("--max-rejected", "1", "--heatmaps", "1", "--rows-per-file", str(ROWS_OF_A_UNIT)),
            *("--group-by", "domain", *more),
        ]

    def evaluate(self, candidate: str, *more: str) -> list[str]:
        """Score an output."""
        where = ["--candidate", str(self / candidate), "--output", str(self / "report")]
        columns = ["--reference-column", "target", "--alignment-column", "links"]
        return ["evaluate", *where, *columns, "--group-by", "domain", *more]

    def prepare(self, output: str, *more: str) -> list[str]:
        """Prepare the pairs."""
        where = ["--pairs", str(self / "pairs.tsv"), "--output", str(self / output)]
        languages = ["--source-language", "en", "--target-language", "de"]
        sizes = ["--vocab-size", "200", "--valid-fraction", "0.1", "--test-fraction", "0.1"]
        plain = ["--set", "data.byte_fallback=false", "--filters", "basic"]
        return ["prepare", *where, *languages, *sizes, *plain, *more]


def remove(path: Path) -> None:
    """Remove a file, a link or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()


def make_site(folder: Path, whole: bool = True) -> Site:
    """Make all of it; without `whole`, what takes longest is left out."""
    site = Site(folder)
    _write_inputs(site)
    cache = "--cache", str(site / "cache")
    with in_process.without_ray():
        succeed(site.prepare("data"))
        with _interrupted("nmt.corpus.prepare.write_page"):
            command(*site.prepare("staged"))
        succeed(site.train("run"))
        succeed(site.translate("out", *cache))
        shutil.copytree(site / "cache", site / "before")
        with _interrupted("nmt.translation.job.close"):
            command(*site.translate("half", *cache))
        remove(site / "cache")
        (site / "before").rename(site / "cache")
        _forget_last_unit(site / "half")
        succeed(site.evaluate("out"))
        if whole:
            succeed(site.translate("again", "--beam-size", "2", "--set", "search.n_best=2"))
    (site / "elsewhere").mkdir()
    (site / "elsewhere/private.txt").write_text("private\n")
    site.keep()
    return site


def succeed(arguments: list[str]) -> None:
    """Run a command that must be done."""
    run = command(*arguments)
    assert run.status in (0, 3), (arguments, run.message, run.logged, run.fault)
    if run.fault:
        raise run.fault


def _write_inputs(site: Site) -> None:
    rows = PAIRS + [("", "", "")] * (ROWS_OF_A_UNIT - len(PAIRS)) + PAIRS[:3]
    sources, targets, links = zip(*rows, strict=True)
    domains = [("news", "law", None)[number % 3] for number in range(len(rows))]
    columns = {"source": sources, "target": targets, "links": links, "domain": domains}
    pq.write_table(pa.table(columns), site / "in.parquet")
    from corpora import pair_lines

    (site / "pairs.tsv").write_bytes(b"\n".join(pair_lines(120)) + b"\n")


@contextmanager
def _interrupted(function: str) -> Iterator[None]:
    """A command that is killed when it calls this function."""

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, kill)
        yield


def _forget_last_unit(out: Path) -> None:
    """Leave the last unit begun and not ended."""
    last = max((out / "_units").glob("*.json"))
    last.unlink()
    attempts = {"begun": 1, "spans": {"0-2": 1}, "running": True, "current": "0-2"}
    last.with_suffix(".attempts").write_text(json.dumps(attempts))
    lease = out / "_lease.json"
    if lease.exists():
        os.unlink(lease)
