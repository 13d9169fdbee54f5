"""The page's section on quality: scores, lengths, alignments."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nmt.records.base import Record
from nmt.report import chart
from nmt.report.numbers import number, plain, words


def scores(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """A row per score; further values are below the signature."""
    known = {"metric", "score", "confidence", "signature", "text", "lower_is_better"}
    return [
        {
            "metric": score.get("metric"),
            "lower": lower_is_better(score),
            "score": number(score.get("score"), digits(score)),
            "interval": interval(score.get("confidence"), digits(score)),
            "text": score.get("text"),
            "signature": score.get("signature"),
            "others": [(words(k), plain(v)) for k, v in score.items() if k not in known],
        }
        for score in scores
    ]


def by_length(entries: Sequence[Mapping[str, Any]]) -> dict[str, object] | None:
    """Chart of BLEU and table of scores by source length; None without groups."""
    if not entries:
        return None
    compared = any("baseline" in entry for entry in entries)
    rows = [
        {
            "label": chart.length_label(entry),
            "sentences": number(entry.get("sentences")),
            "bleu": number(entry.get("bleu"), 1),
            "chrf": number(entry.get("chrf"), 1),
            "chrfpp": number(entry.get("chrfpp"), 1),
            "ter": number(entry.get("ter"), 1),
            "baseline": number(entry.get("baseline"), 1),
        }
        for entry in entries
    ]
    every = any("chrf" in entry for entry in entries)
    return {"chart": chart.by_length(entries), "rows": rows, "compared": compared, "all": every}


def alignment(alignment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of name and number."""
    error_rate = partial(number, digits=3)  # as the command line prints it
    names: dict[str, tuple[str, Callable[[Any], str]]] = {
        "aer": ("Alignment error rate (AER)", error_rate),
        "aer_diagonal": ("AER of the diagonal", error_rate),
        "sentences": ("Sentences with gold alignments", number),
        "aer_same_words": ("AER where the words are those of a reference", error_rate),
        "sentences_same_words": ("Such sentences", number),
        "malformed": ("Malformed alignments", number),
        "left_out": ("References left out (too long, or too much for memory)", number),
    }
    return [
        (names[key][0], names[key][1](value)) if key in names else (words(key), number(value))
        for key, value in alignment.items()
        if key != "of"
    ]


def lower_is_better(score: Mapping[str, Any]) -> bool:
    """Whether less of a metric is better, as of TER."""
    return bool(score.get("lower_is_better")) or str(score.get("metric")).lower() == "ter"


def direction(score: Record) -> str:
    """The remark after a score in a message, where less is better."""
    return "  (lower is better)" if lower_is_better(score.to_json()) else ""


def digits(score: Mapping[str, Any]) -> int:
    """Places behind the point of a score: of those from 0 to 100 one, of other metrics four."""
    return 1 if str(score.get("metric")).lower().rstrip("2+") in ("bleu", "chrf", "ter") else 4


def interval(confidence: Any, places: int = 1) -> str | None:
    """A confidence interval as text, if there is one, with so many places behind the point."""
    if isinstance(confidence, Sequence) and len(confidence) == 2:
        return " – ".join(number(bound, places) for bound in confidence)
    return None
