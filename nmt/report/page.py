"""Make the page of a translation job or an evaluation: one HTML file that needs only a browser.

The report is a dictionary as in ``report.json``. Only ``title`` and ``counts`` are required::

    title       text
    kind        "evaluation" for one of `nmt evaluate`
    created     ISO 8601 time
    verdict     the outcome of the job; exit_status
    alarms      [{measure, value, baseline, limits {setting: limit}, text}]; verdict repeats the
                texts, after a colon
    model       id, name, direction ("en → de"), parameters, ...
    counts      rows, translated, rejected, empty, truncated, source_tokens, target_tokens,
                rejected_by_reason {reason: number}
    rates       rejected, unk, truncated, repetition, suspicious, score, length_ratio,
                attention_entropy, coverage, brevity_penalty, reference_ratio
    throughput  sentences_per_second, target_tokens_per_second, decode_seconds, total_seconds
    scores      [{metric, score, confidence [low, high], signature, text, rows_without_shifts, ...}]
    comparison  baseline, baseline_created, paired, changed, sentences, metrics [{metric, score,
                confidence, baseline, baseline_confidence, difference, p (one-sided)}], rates and
                throughput {name: {value, baseline, difference}}
    groups      [{column, values [{value, other, rows, bleu, chrf, chrfpp, ter, baseline, metrics
                {name: mean}, rates}]}]
    alignment   of (whose), aer, aer_diagonal, sentences, aer_same_words, sentences_same_words
    by_length   [{from, to, sentences, bleu, chrf, chrfpp, ter, baseline}]
    differences [samples with baseline, and baseline_chrf and difference, or similarity]
    suspicious  [samples with reasons]
    rejected    [{id, text_column, reason, source}]
    samples     [{id, text_column, source, translation, reference, score, chrf, coverage,
                attention_entropy, flags, attention {source [word], target [word],
                weights ["0 12 88"]}}]
    settings    nested dictionary
    inputs      [{path, bytes, sha256, rows}]
    versions    {name: version}

Translations come from anywhere, so nothing in them is trusted: every text is escaped, and the
page's Content-Security-Policy lets no script run but the page's own and no request leave.
A new section is a function in ``view``, a template of its own and one line in
``report.html.j2``.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nmt.json_text import json_text
from nmt.report import view

_PNG = b"\x89PNG\r\n\x1a\n"
# Not allowed in HTML, or (surrogates) not encodable as UTF-8; and what turns the writing direction
# of what stands around it. Right-to-left letters need none of that: each text is isolated.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufdd0-\ufdef\ufffe\uffff]"
)


def render(report: Mapping[str, Any], heatmaps: Sequence[tuple[str, bytes]]) -> str:
    """Make the page of one translation job.

    Args:
        report: The dictionary described above.
        heatmaps: Pairs of a heading and a PNG, as ``attention_heatmap`` makes them.

    Returns:
        A whole HTML document with styles, script and pictures inside, to be written as UTF-8.

    Raises:
        ValueError: If the report lacks ``title`` or ``counts``, or a heatmap is no PNG.
    """
    shown = view.build(report)
    return render_template(
        "report.html.j2",
        {**shown, "attention": _json(_clean(shown["attention"]))},
        heatmaps=[_picture(name, png) for name, png in heatmaps],
    )


def render_template(name: str, *values: Mapping[str, Any], **more: Any) -> str:
    """Fill a template with values, every text of which is escaped, and add style and script.

    Args:
        name: of the template.
        values: what it shows; with `more`.
    """
    style = _asset("report.css")
    script = _asset("report.js")
    return (
        _environment()
        .get_template(name)
        .render(
            *values,
            **more,
            style=style,
            script=script,
            policy=(
                f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
                f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
            ),
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nmt.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: Any) -> Any:
    """Replace characters that no text of a page may hold; escaping comes after."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)


def _asset(name: str) -> Markup:
    """Our own style or script: the only text that is not escaped."""
    loader = _environment().loader
    assert loader is not None
    text, _, _ = loader.get_source(_environment(), name)
    return Markup(text.strip())


def _clean(value: Any) -> Any:
    """Every text in nested data as `_printable` has it."""
    if isinstance(value, list):
        return [_clean(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _clean(entry) for key, entry in value.items()}
    return _printable(value)


def _json(value: Any) -> Markup | None:
    """Data for the script, in an element that is no script: nothing in it can close that."""
    if not value:
        return None
    text = json_text(value, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _picture(name: str, png: bytes) -> dict[str, Any]:
    if not png.startswith(_PNG):
        raise ValueError(f"heatmap {name!r} is not a PNG picture")
    return {
        "name": name,
        "data": base64.b64encode(png).decode(),
        # The header chunk holds width and height, so the page need not jump while it loads.
        "width": int.from_bytes(png[16:20]),
        "height": int.from_bytes(png[20:24]),
    }
