"""What a finished translation is measured by: the numbers and sentences of its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nmt.evaluation import samples
from nmt.evaluation.alarms import alarms
from nmt.evaluation.baseline import Baseline, read_baseline
from nmt.evaluation.groups import Grouping, ValueCounts
from nmt.evaluation.normalization import forms_of
from nmt.evaluation.sentences import References, Sentence
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.inference.row_filter import cleaning_of
from nmt.process import peak_bytes
from nmt.translation.decode_statistics import throughput
from nmt.translation.output import Output
from nmt.translation.report import attention, comparison, summary
from nmt.translation.report.scoring import Scoring
from nmt.translation.report.summary import Record
from nmt.translation.request import TranslateRequest


def measure(
    request: TranslateRequest,
    info: dict[str, Any],
    references: References,
    output: Output,
    records: list[Record],
    seconds: float,
) -> dict[str, Any]:
    """Counts, rates, throughput and samples; with references scores; by groups; beside the
    baseline; and what of all that is an alarm.

    Args:
        request: what was asked for.
        info: the content of model.json.
        references: where the references are.
        output: the OUT folder, all units committed.
        records: those of its units, in order.
        seconds: what the job took so far.

    Raises:
        UnusableInput: the baseline cannot be read any more.
    """

    def read(rows: Iterable[int]) -> Iterator[Sentence]:
        return summary.sentences(output, records, references, rows)

    counts = summary.total_counts(records)
    drawn = list(read(samples.page_samples(counts["rows"])))
    shown = [samples.shown(sentence) for sentence in drawn]
    report: dict[str, Any] = {
        "counts": counts,
        "rates": summary.rates(counts, records),
        "throughput": {
            **throughput(records, output.efforts()),
            **request.costs(seconds),
            "driver_peak_bytes": peak_bytes(),
        },
        "samples": attention.added(shown, [sentence.row for sentence in drawn], output.attention()),
        "suspicious": summary.suspicious(output, records, references),
    }
    baseline = None
    earlier: dict[str, Any] = {}
    if request.baseline is not None:
        found, earlier = read_baseline(request.baseline, request.output)
        baseline = Baseline(found)
    columns = [_grouping(output, records, column) for column in request.group_by]
    forms = forms_of(info["tokenizer"], cleaning_of(info))
    # Asked for where it is used alone, for it tells what is not installed.
    tokenize = tokenizer_for(request.tokenize, info["direction"]["target"]) if references else "13a"
    scoring = Scoring(forms, tokenize, columns, baseline)
    if references or columns or baseline:
        everything = summary.sentences(output, records, references, others=request.group_by)
        scoring.read(everything)
    scores = scoring.scores()
    report["rates"] |= scores.pop("brevity", {})
    report |= scores
    if columns:
        report["groups"] = scoring.groups()
    if baseline is not None:
        report["comparison"] = comparison.compared(report, earlier, baseline, scoring)
        report["differences"] = comparison.differences(baseline, scoring, read)
    bleu = comparison.bleu_of_both(report, earlier) if baseline is not None else None
    report["alarms"] = alarms(report["rates"], request.limits, earlier.get("rates"), bleu)
    if (aligned := summary.alignment(records)) is not None:
        report["alignment"] = aligned
    return report


def _grouping(output: Output, records: list[Record], column: str) -> Grouping:
    """The groups of one column, which values are named and how many rows were rejected."""
    counts = ValueCounts()
    for folder in ("translations", "rejected"):
        for values in summary.values(output, records, folder, column):
            counts.add(values)
    grouping = Grouping(column, counts.named())
    for values in summary.values(output, records, "rejected", column):
        grouping.reject(values)
    return grouping
