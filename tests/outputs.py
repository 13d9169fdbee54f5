"""Finished outputs of translation jobs, made in this process by the real parts, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmt import bundle
from nmt.settings import SearchSettings
from nmt.storage import Location
from nmt.translation.actor import load_translator, translate_unit
from nmt.translation.closing import close
from nmt.translation.corpus import inspect
from nmt.translation.job import work_of
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest, check, identify
from nmt.translation.verdict import Verdict

SEARCH = SearchSettings(
    max_length_ratio=0.5, max_length_extra=4, max_source_length=60, too_long="reject"
)


def translate(model: Path, name: Path, output: Path | str, **options: Any) -> Verdict:
    """Do what jobs/translate.py does, here."""
    options.setdefault("search", SEARCH)
    request = TranslateRequest((Location(model),), str(name), Location(output), **options)
    info = bundle.check_all(request.models)
    corpus = inspect(request.input, request.text_column, request.id_column)
    references, job = check(request, info, corpus), identify(request, info, corpus)
    out = Output(request.output)
    out.begin(job, request.overwrite)
    work = work_of(request, job, corpus, threads=1)
    translator = load_translator(work)
    for unit in corpus.units():
        translate_unit(unit, work, translator, out)
    return close(request, info, corpus, references, out, job, 1.0)
