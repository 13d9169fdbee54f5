"""Finished outputs of translation jobs, made in this process by the real parts, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from nmt import bundle
from nmt.cluster.tasks import Tasks
from nmt.evaluation.request import EvaluateRequest
from nmt.evaluation.sentences import read_table
from nmt.inference.translator import Translator
from nmt.records.output import DecodingCost, UnitRecord
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.job import Lookup, make_plan
from nmt.translation.checks import check
from nmt.translation.finalize import close
from nmt.translation.input.corpus import inspect
from nmt.translation.job import translate_units, work_of
from nmt.translation.outcome import Outcome
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.work import Work
from nmt.translation.worker import DecodeActor, Item, load_translator

SEARCH = SearchSettings(
    max_length_ratio=0.5, max_length_extra=4, max_source_length=60, too_long="reject"
)

_translators: dict[Any, Translator] = {}


def loaded(work: Work) -> Translator:
    """The job's model, loaded once in a test session."""
    key = work.models, work.model_id, work.search, work.batch_size
    if key not in _translators:
        _translators[key] = load_translator(work)
    return _translators[key]


class Actor(DecodeActor):
    """An actor of this process, whose model may be loaded already."""

    @property
    def _translator(self) -> Translator:  # type: ignore[override]
        return loaded(self._work)


def rewrite(folder: Path, name: str, value: Any) -> None:
    """Give a finished output another JSON file, and its manifest the hash of that."""
    (Location(folder) / name).write_json(value)
    record_other(folder, name)


def record_other(folder: Path, name: str) -> None:
    """Have the manifest of a finished output name a file as it is now."""
    out = Location(folder)
    manifest = (out / "manifest.json").read_json()
    size, digest = (out / name).info().size, (out / name).sha256()
    manifest.setdefault("others", {})[name] = {"bytes": size, "sha256": digest}
    (out / "manifest.json").write_json(manifest)


def first_part(output: Output, folder: str = "translations") -> pa.Table:
    """The first part of an output, as it is stored."""
    return read_table(output.location / folder / "part-00000.parquet")


def translate(
    model: Path,
    name: Path,
    output: Path | str,
    tasks: Tasks | None = None,
    interrupt: Callable[[int], None] = lambda number: None,
    **options: Any,
) -> Outcome:
    """Do what jobs/translate.py does, here.

    Args:
        model: the MODEL folder.
        name: the input.
        output: OUT.
        tasks: does the steps of a job with a cache.
        interrupt: called after each unit that was handed over, with its number; may raise.
        options: of the request; other than there, two heatmaps are drawn unless asked otherwise.
    """
    options = {"search": SEARCH, "heatmaps": 2, **options}
    if "cache" in options:
        options["cache"] = Location(options["cache"])
    request = TranslateRequest((Location(model),), str(name), Location(output), **options)
    info = bundle.check_all(request.models)
    corpus = inspect(
        *(request.input, request.text_column[0], request.id_column, request.allow_empty),
        *(request.rows_per_file, info.direction.source, request.text_column[1:]),
    )
    references, job = check(request, info, corpus), identify(request, info, corpus)
    out = Output(request.output)
    out.begin(job, request.overwrite)
    work = replace(work_of(request, info, job, corpus), generation=out.generation)
    done = out.committed(corpus.units())
    waiting = [unit for unit in corpus.units() if unit.number not in done]
    plan = None if request.cache is None else make_plan(request.cache, work, info, job)

    def stream(items: list[Item]) -> Iterator[tuple[int, UnitRecord | DecodingCost]]:
        actor = Actor(work, plan)
        for place, item in enumerate(items):
            yield place, actor(item)
            interrupt(item.unit.number)

    look_up = None if plan is None else Lookup(plan, tasks or Tasks(None))
    for _ in translate_units(waiting, stream, look_up):
        pass
    return close(request, info, corpus, references, out, job, 1.0)


def asked(out: Path) -> EvaluateRequest:
    references = out.parent / "references.txt"
    references.write_text("Ein Hund schläft.\nDie Katze sieht einen Hund.\n")
    return EvaluateRequest(Location(out), Location(out.parent / "scores"), (str(references),))
