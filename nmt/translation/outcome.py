"""How a translation job ended, and what of it fits on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.evaluation.alarms import GATE, MAX_REJECTED
from nmt.evaluation.ter import remark
from nmt.records.report import Alarm, Comparison, Report, Throughput
from nmt.report.numbers import number, p_value, percent, signed
from nmt.report.numbers import seconds as duration
from nmt.report.quality import direction
from nmt.translation.request import TranslateRequest


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit status (0 or 3), why, and its report."""

    exit_status: int
    reason: str
    report: Report

    def headline(self) -> dict[str, str]:
        """BLEU and AER as text, where they are known."""
        report = self.report
        lines = {"BLEU": f"{report.scores[0].score:.2f}"} if report.scores else {}
        if report.alignment is not None:
            lines["AER"] = f"{report.alignment.aer:.3f}"
        return lines

    def summary(self) -> list[str]:
        """The job on one screen: counts, rates, speed, scores, the baseline."""
        report = self.report
        lines = [
            ("rows", _counts(report)),
            ("rates", _rates(report.rates)),
            ("speed", _speed(report.throughput)),
        ]
        for score in report.scores:
            text = f"{score.score:6.2f}  {score.text}  {score.signature}"
            lines.append(
                (score.metric, text + direction(score) + remark(score.rows_without_shifts))
            )
        if (errors := report.alignment) is not None:
            text = f"{errors.aer:.3f}, of the plain diagonal {errors.aer_diagonal:.3f}"
            lines.append(("AER", text))
        if report.comparison is not None:
            lines.append(("baseline", report.comparison.baseline))
            lines.append(("", _comparison(report.comparison)))
        return [f"{name:9} {text}".rstrip() for name, text in lines if text]

    def verdict(self) -> list[str]:
        """How the job ended, with its alarms: the end of the screen of `summary`."""
        verdict, _, _ = self.reason.partition(": ")
        status = f" (exit status {self.exit_status})" if self.exit_status else ""
        alarms = self.report.alarms
        first = verdict + status + (":" if alarms else "")
        lines = [f"verdict   {first}"] if first else []
        return [*lines, *(f"{'':9} - {alarm.text}" for alarm in alarms)]


def judge(request: TranslateRequest, alarms: Sequence[Alarm]) -> tuple[int, str]:
    """The exit status of a translation, and the one line that says how it ended and why.

    Args:
        request: which gates there are.
        alarms: as `nmt.evaluation.alarms` finds them. Rejected rows beyond ``--max-rejected``
            change the status in any case, the others with ``--gate``.
    """
    if not alarms:
        return 0, "done"
    closed = request.gate or any(MAX_REJECTED in alarm.limits for alarm in alarms)
    verdict = "a gate says no" if closed else "done, but look"
    return GATE if closed else 0, f"{verdict}: {'; '.join(alarm.text for alarm in alarms)}"


def _counts(report: Report) -> str:
    counts = report.counts
    cached = report.settings is not None and report.settings.cache is not None
    text = f"{number(counts.rows)} read, {number(counts.translated)} translated"
    text += f", {number(counts.rejected)} rejected"
    if reasons := sorted(counts.rejected_by_reason.items()):
        text += " (" + ", ".join(f"{reason} {number(count)}" for reason, count in reasons) + ")"
    if cached or counts.reused or counts.repeated:
        names = ("decoded", "reused", "repeated")
        text += "; " + ", ".join(f"{number(getattr(counts, name))} {name}" for name in names)
    return text


def _rates(rates: dict[str, float]) -> str:
    shown = [f"score {number(rates.get('score'), 3)}"]
    shown += [f"length ratio {number(rates.get('length_ratio'))}"]
    shown += [f"unknown tokens {percent(rates.get('unk'))}"]
    shown += [f"rejected {percent(rates.get('rejected'))}"]
    shown += [f"suspicious {percent(rates.get('suspicious'))}"]
    if "attention_entropy" in rates:
        shown.append(f"entropy {number(rates['attention_entropy'])}")
    return ", ".join(shown)


def _speed(throughput: Throughput) -> str:
    text = f"per actor, decoding only: {number(throughput.sentences_per_second)} sentences/s, "
    text += f"{number(throughput.target_tokens_per_second)} tokens/s; the job took "
    text += duration(throughput.total_seconds)
    return text + (f", cost {throughput.cost:.2f}" if throughput.cost is not None else "")


def _comparison(comparison: Comparison) -> str:
    remark = f"; {comparison.not_comparable}" if comparison.not_comparable else ""
    if not comparison.paired:
        return f"has no sentence in common with this translation{remark}"
    text = f"{percent(comparison.changed)} of {number(comparison.paired)} common sentences changed"
    for metric in comparison.metrics:
        text += f"; {metric.metric} {signed(metric.difference, 2)}"
        text += f" (one-sided p {p_value(metric.p)})"
    return text + remark
