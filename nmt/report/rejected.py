"""The page's section on rejected rows, and what the page calls a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmt.reject_reasons import RejectReason
from nmt.report.numbers import number

_DESCRIPTIONS = {str(reason): reason.description for reason in RejectReason}


def things(report: Mapping[str, Any]) -> str:
    """What is translated: ``rows`` or, of several text columns, ``texts``."""
    if (report.get("settings") or {}).get("text_columns"):
        return "texts"
    samples = [*(report.get("samples") or []), *(report.get("rejected") or [])]
    return "texts" if any(sample.get("text_column") for sample in samples) else "rows"


def reasons(
    counts: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]
) -> list[dict[str, object]]:
    """Each reason with its count, what it means and its first rows; the most frequent first.

    Args:
        counts: of the report.
        samples: rejected rows of the report.
    """
    by_reason = counts.get("rejected_by_reason") or {}
    return [
        {
            "name": str(reason),
            "count": number(count),
            "description": _DESCRIPTIONS.get(str(reason), ""),
            "samples": [_row(sample) for sample in own],
            "several": any(sample.get("text_column") for sample in own),
        }
        for reason, count in sorted(by_reason.items(), key=lambda item: (-item[1], str(item[0])))
        for own in [[sample for sample in samples if sample.get("reason") == reason]]
    ]


def _row(sample: Mapping[str, Any]) -> dict[str, object]:
    source = sample.get("source")
    return {
        "id": sample.get("id"),
        "text_column": sample.get("text_column"),
        "source": None if source is None else str(source),
    }
