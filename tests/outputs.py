"""Finished outputs of translation jobs, made in this process by the real parts, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from nmt import bundle
from nmt.cluster.tasks import Tasks
from nmt.evaluation.request import EvaluateRequest
from nmt.evaluation.sentences import read_table
from nmt.inference.translator import Translator
from nmt.records.output import DecodingCost
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.job import make_plan, translate_units
from nmt.translation.cache.plan import Drawing, Plan
from nmt.translation.cache.steps import draw_rows, translate_missing
from nmt.translation.checks import check
from nmt.translation.finalize import close
from nmt.translation.input.corpus import inspect
from nmt.translation.job import work_of
from nmt.translation.outcome import Outcome
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.worker import Work, load_translator, translate_unit

SEARCH = SearchSettings(
    max_length_ratio=0.5, max_length_extra=4, max_source_length=60, too_long="reject"
)


Cost = DecodingCost | None
_translators: dict[Any, Translator] = {}


def loaded(work: Work) -> Translator:
    """The job's model, loaded once in a test session."""
    key = work.models, work.model_id, work.search, work.batch_size
    if key not in _translators:
        _translators[key] = load_translator(work)
    return _translators[key]


def rewrite(folder: Path, name: str, value: Any) -> None:
    """Give a finished output another JSON file, and its manifest the hash of that."""
    (Location(folder) / name).write_json(value)
    record_other(folder, name)


def record_other(folder: Path, name: str) -> None:
    """Have the manifest of a finished output name a file as it is now."""
    out = Location(folder)
    manifest = (out / "manifest.json").read_json()
    size, digest = (out / name).info().size, (out / name).sha256()
    manifest["others"][name] = {"bytes": size, "sha256": digest}
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
        interrupt: called after each piece of decoding with its number; may raise.
        options: of the request; other than there, two heatmaps are drawn unless asked otherwise.
    """
    options = {"search": SEARCH, "heatmaps": 2, **options}
    if "cache" in options:
        options["cache"] = Location(options["cache"])
    request = TranslateRequest((Location(model),), str(name), Location(output), **options)
    info = bundle.check_all(request.models)
    corpus = inspect(request.input, request.text_column, request.id_column, request.allow_empty)
    references, job = check(request, info, corpus), identify(request, info, corpus)
    out = Output(request.output)
    out.begin(job, request.overwrite)
    work = replace(work_of(request, job, corpus), generation=out.generation)
    done = out.committed(corpus.units())
    waiting = [unit for unit in corpus.units() if unit.number not in done]
    if request.cache is None:
        translator = loaded(work)
        for unit in waiting:
            translate_unit(unit, work, translator, out)
        return close(request, info, corpus, references, out, job, 1.0)

    def pool(plan: Plan, items: Sequence[Any], rows: int) -> Iterator[tuple[int, Cost]]:
        translator = loaded(work)
        for number, item in enumerate(items):
            if isinstance(item, Drawing):
                draw_rows(item.units, plan, translator)
                yield number, None
            else:
                yield number, translate_missing(item, plan, translator)
            interrupt(number)

    plan, row_filter = make_plan(request.cache, work, info, job)
    numbers = frozenset(unit.number for unit in waiting)
    translate_units(plan, row_filter, corpus.units(), numbers, tasks or Tasks(None), pool)
    return close(request, info, corpus, references, out, job, 1.0)


def asked(out: Path) -> EvaluateRequest:
    references = out.parent / "references.txt"
    references.write_text("Ein Hund schläft.\nDie Katze sieht einen Hund.\n")
    return EvaluateRequest(Location(out), Location(out.parent / "scores"), (str(references),))
