"""Who reads which stored folder, and what each of them makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from in_process import Run, call, command
from stored_folders import Site

from nmt.benchmark.request import BenchmarkRequest, check_splits, measured_settings
from nmt.inference.translator import load_model
from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

MODEL = "run/model"
VERIFY = ("verify", "--output")


@dataclass(frozen=True)
class Reader:
    """A command that reads a stored folder.

    Attributes:
        name: of the reader.
        run: does it.
        writes: entries of the site that it may write to.
        result: what it makes of the folder, to be compared with what it makes of a sound one.
        slow: takes more than a moment; the fast tests leave it out.
    """

    name: str
    run: Callable[[Site], Run]
    writes: tuple[str, ...] = ()
    result: Callable[[Site], Any] = lambda site: None
    slow: bool = False


def _command(
    name: str, arguments: Callable[[Site], list[str]], *writes: str, **more: Any
) -> Reader:
    return Reader(name, lambda site: command(*arguments(site)), writes, **more)


def _rows(folder: str) -> Callable[[Site], Any]:
    """The translations and the counts of an output."""

    def read(site: Site) -> Any:
        out = site / folder
        rows = [
            (row["id"], row.get("translation"), row.get("reason"))
            for part in ("translations", "rejected")
            for file in sorted((out / part).glob("part-*.parquet"))
            for row in pq.read_table(file).to_pylist()
        ]
        return sorted(rows, key=lambda row: str(row[0])), _scores(out / "report/report.json")

    return read


def _scores(file: Path) -> Any:
    """What a report says of translations, wherever these came from."""
    report = json.loads(file.read_text())
    counts = {
        name: count
        for name, count in report["counts"].items()
        if name not in ("decoded", "reused", "repeated")
    }
    return counts, [report.get(name) for name in ("scores", "rates", "alignment")]


def _evaluation(site: Site) -> Any:
    return _scores(site / "report/report.json")


def _files(folder: str) -> Callable[[Site], Any]:
    """All files of a dataset, without what it was made from."""

    def read(site: Site) -> Any:
        place = site / folder
        return {
            str(path.relative_to(place)): path.read_bytes()
            for path in sorted(place.rglob("*"))
            if path.is_file() and not path.name.startswith((".", "_"))
        }

    return read


def _translate_lines(site: Site) -> Run:
    def translate() -> None:
        model = load_model(str(site / "run/model"))
        model.translate(["A dog sleeps.", ""])

    return call(translate)


def _repaired(site: Site) -> Run:
    run = command(*VERIFY, site / "out", "--repair")
    return run if run.fault or run.status else command(*site.translate("out"))


def _benchmark_model(site: Site) -> Run:
    return call(lambda: measured_settings(Location(site / "run/model")))


def _benchmark_data(site: Site) -> Run:
    request = BenchmarkRequest(Settings(), data=Location(site / "data"))

    def check() -> None:
        dataset = Dataset.open(Location(site / "data"))
        check_splits(request, dataset)
        for split in ("train", "valid", "test"):
            for table in dataset.read(split):
                table.to_pylist()

    return call(check)


READERS: dict[str, tuple[Reader, ...]] = {
    "data": (
        _command("prepare finished", lambda site: site.prepare("data")),
        Reader("benchmark", _benchmark_data),
        _command("train plan", lambda site: site.train("new", "--dry-run"), slow=True),
        _command("train", lambda site: site.train("new"), "new", slow=True),
        _command(
            "prepare vocabulary",
            lambda site: site.prepare("new", "--vocabulary-from", str(site / "data")),
            "new",
            slow=True,
        ),
    ),
    "staged": (
        _command(
            "prepare again", lambda site: site.prepare("staged"), result=_files("staged"), slow=True
        ),
    ),
    "run": (
        _command("train finished", lambda site: site.train("run")),
        _command(
            "train more",
            lambda site: site.train("run", "--set", "training.epochs=3"),
            slow=True,
        ),
        _command(
            "train from",
            lambda site: site.train(
                "new", "--init-from", str(site / MODEL), "--init-optimizer", str(site / "run")
            ),
            "new",
            slow=True,
        ),
        Reader("benchmark", _benchmark_model),
    ),
    "run/model": (
        Reader("lines", _translate_lines),
        _command("translate plan", lambda site: site.translate("new", "--dry-run")),
        _command("translate", lambda site: site.translate("new"), "new", slow=True),
        _command(
            "train from",
            lambda site: site.train("new", "--init-from", str(site / MODEL)),
            "new",
            slow=True,
        ),
        _command(
            "prepare vocabulary",
            lambda site: site.prepare("new", "--vocabulary-from", str(site / MODEL)),
            "new",
            slow=True,
        ),
    ),
    "out": (
        _command("translate finished", lambda site: site.translate("out")),
        _command("verify", lambda site: [*VERIFY, str(site / "out")]),
        _command("evaluate", lambda site: site.evaluate("out"), "report", result=_evaluation),
        _command(
            "evaluate baseline",
            lambda site: site.evaluate("again", "--baseline", str(site / "out")),
            "report",
            result=_evaluation,
            slow=True,
        ),
        _command("verify repair", lambda site: [*VERIFY, str(site / "out"), "--repair"]),
        Reader("repaired", _repaired, result=_rows("out"), slow=True),
        _command(
            "translate baseline",
            lambda site: site.translate("half", "--baseline", str(site / "out"), "--overwrite"),
            "half",
            slow=True,
        ),
        _command(
            "overwrite",
            lambda site: site.translate("out", "--beam-size", "2", "--overwrite"),
            slow=True,
        ),
    ),
    "half": (
        _command("verify", lambda site: [*VERIFY, str(site / "half")]),
        _command("verify repair", lambda site: [*VERIFY, str(site / "half"), "--repair"]),
        _command(
            "translate",
            lambda site: site.translate("half", "--cache", str(site / "cache")),
            "cache",
            result=_rows("half"),
            slow=True,
        ),
        _command(
            "translate without cache",
            lambda site: site.translate("half"),
            result=_rows("half"),
            slow=True,
        ),
    ),
    "cache": (
        _command("list", lambda site: ["cache", "list", "--cache", str(site / "cache")]),
        _command(
            "translate",
            lambda site: site.translate("new", "--cache", str(site / "cache")),
            "new",
            result=_rows("new"),
            slow=True,
        ),
        _command(
            "prune",
            lambda site: ["cache", "prune", "--cache", str(site / "cache"), "--unused", "0"],
        ),
    ),
    "report": (_command("evaluate", lambda site: site.evaluate("out"), result=_evaluation),),
}
