"""How a translation job differs from the one that an output was begun with."""

from __future__ import annotations

from typing import Any

from nmt.changes import Change, changed
from nmt.records.output import AnyJob

# What a record of a job holds, as it is typed, the most important first; see `describe_changes`.
NAMES = {
    "model_id": "--model",
    "inputs.": "--input: ",
    "settings.folders": "columns from folders of --input",
    "settings.text_column": "--text-column",
    "settings.id_column": "--id-column",
    "settings.tag_column": "--tag-column",
    "settings.reference_column": "--reference-column",
    "references.": "--references: ",
    "settings.alignment_column": "--alignment-column",
    "settings.search.": "search.",
    "dictionary": "text of search.dictionary",
    "settings.output_format": "--output-format",
    "settings.partition_by": "--partition-by",
    "settings.": "--",
    "settings.tokenize": "scoring.tokenize",
    "settings.gated": "--gate",
    "settings.gate.": "gate.",
    "settings.drift.": "drift.",
    "format_version": "format of the output",
}


def job_changes(before: AnyJob, after: AnyJob) -> list[Change]:
    """What differs between two jobs, apart from their generations."""
    return changed(_as_given(before), _as_given(after))


def _as_given(job: AnyJob) -> dict[str, Any]:
    """A record with all columns of texts in one place, as they are given, and each limit alone."""
    content = job.to_json()
    content.pop("generation", None)
    settings = content.get("settings", {})
    columns = settings.pop("text_columns", None) or [settings.pop("text_column", "")]
    drift = settings.get("drift") or {}
    return {**content, "settings": {**settings, "text_column": columns, "drift": drift}}
