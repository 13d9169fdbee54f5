"""What a finished translation is measured by: the numbers and sentences of its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from nmt.cluster import connection
from nmt.cluster.tasks import Tasks
from nmt.errors import UnusableInput
from nmt.evaluation import samples
from nmt.evaluation.alarms import alarms
from nmt.evaluation.baseline import Baseline, read_baseline
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.evaluation.normalization import normalizations
from nmt.evaluation.samples import clipped
from nmt.evaluation.sentences import References, Sentence, read_table
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.evaluation.totals import MOST_KEPT
from nmt.inference.row_filter import cleaning_of
from nmt.process import peak_bytes
from nmt.records.model import ModelRecord
from nmt.records.output import UnitRecord
from nmt.records.report import Measured, RejectedSample, Throughput
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.tables.values import json_values
from nmt.translation.decoding import throughput
from nmt.translation.output import Output
from nmt.translation.report import attention, comparison, summary
from nmt.translation.report.blocks import blocks_of, named_values, score
from nmt.translation.report.pairing import ROWS_TOGETHER
from nmt.translation.report.scoring import Scoring, ScoringOptions
from nmt.translation.request import TranslateRequest

OF_A_REASON = 3  # rows that a report shows
MOST_SHOWN = 300  # characters of each

MOST_HERE = 64  # units that are scored and verified in this process


def first_rejected(
    location: Location, records: Sequence[UnitRecord], several: bool
) -> list[RejectedSample]:
    """The first rows of each reason, in the order of the input; files without one are not read.

    Args:
        location: the OUT folder.
        records: of its units, in order.
        several: whether there are several text columns.

    Raises:
        UnusableInput: a file cannot be read.
    """
    counts = summary.total_counts(records).rejected_by_reason
    missing = {reason: min(OF_A_REASON, count) for reason, count in counts.items()}
    result: list[RejectedSample] = []
    for record in records:
        if any(missing.get(reason) for reason in record.counts.rejected_by_reason):
            for name, entry in record.files.items():
                if name.startswith("rejected/"):
                    columns = ["id", "reason", "source", *([TEXT_COLUMN] if several else [])]
                    file = location.named(name)
                    result += _first(file, read_table(file, columns, entry), missing)
    return result


def _first(file: Location, table: pa.Table, missing: dict[str, int]) -> list[RejectedSample]:
    """Those rows of a file that are still missing, of each reason so many; they no longer are."""
    for name in table.column_names:
        if name != "id" and not is_text(kind := table.column(name).type):
            raise UnusableInput(
                f"{file}: damaged (column '{name}' holds {kind}, not text); translate again"
            )
    chosen = []
    for place, reason in enumerate(json_values(table.column("reason"))):
        if missing.get(str(reason)):
            missing[str(reason)] -= 1
            chosen.append(place)
    rows = table.take(pa.array(np.array(chosen, np.int64)))
    columns = {name: json_values(rows.column(name)) for name in rows.column_names}
    return [
        RejectedSample.model_validate(
            {
                **dict(zip(columns, values, strict=True)),
                "source": None if source is None else clipped(str(source), MOST_SHOWN),
            }
        )
        for *values, source in zip(*columns.values(), columns["source"], strict=True)
    ]


def measure(
    request: TranslateRequest,
    info: ModelRecord,
    references: References,
    output: Output,
    records: list[UnitRecord],
    seconds: float,
    added_files: int = 0,
) -> Measured:
    """Counts, rates, throughput and samples; with references scores; by groups; beside the
    baseline; and what of all that is an alarm.

    Args:
        request: of the job.
        info: the content of model.json.
        references: where the references are.
        output: the OUT folder, all units committed.
        records: those of its units, in order.
        seconds: what the job took so far.
        added_files: that were added to the input meanwhile.

    Raises:
        UnusableInput: the baseline cannot be read any more.
    """

    several = bool(request.text_columns)

    def read(rows: Iterable[int]) -> Iterator[Sentence]:
        return summary.sentences(output, records, references, rows, several)

    counts = summary.total_counts(records)
    drawn = list(read(samples.page_samples(counts.rows)))
    shown = [samples.sample(sentence) for sentence in drawn]
    looked_at = [sentence.row for sentence in drawn]
    measured = Measured(
        counts=counts,
        rates=summary.rates(counts, records),
        throughput=Throughput.model_validate(
            {
                **throughput(records),
                **request.costs(seconds),
                "driver_peak_bytes": peak_bytes(),
            }
        ),
        samples=attention.added(shown, looked_at, output.drawings.attention()),
        suspicious=summary.suspicious(records, read),
        rejected=first_rejected(output.location, records, several),
        alarms=[],
    )
    baseline = earlier = None
    if request.baseline is not None:
        finished, earlier = read_baseline(request.baseline, request.output)
        baseline = Baseline(finished)
    normalized = normalizations(info.tokenizer, cleaning_of(info))
    # Asked for where it is used alone, for it tells what is not installed.
    tokenize = tokenizer_for(request.tokenize, info.direction.target) if references else "13a"
    options = ScoringOptions(
        tuple(normalized),
        tokenize,
        keep=counts.translated <= MOST_KEPT,
    )
    scoring = Scoring(options)
    if references or request.group_by or baseline:
        sizes = [] if baseline is None else baseline.sizes
        tasks = _tasks(request, max(len(records), len(sizes)), sum(sizes))
        every = blocks_of(output.location, records)
        options = replace(options, groups=named_values(tasks, every, request.group_by))
        scoring = score(tasks, output.location, every, references, options, baseline)
    if (scores := scoring.scores(options)) is not None:
        more = scores._asdict()
        more["rates"] = measured.rates | more.pop("brevity")
        measured = measured.model_copy(update=more)
    if request.group_by:
        measured = measured.model_copy(update={"groups": scoring.groups(options)})
    if (error_rates := summary.alignment(records)) is not None:
        measured = measured.model_copy(update={"alignment": error_rates})
    bleu = None
    if baseline is not None and earlier is not None:
        beside = comparison.compared(measured, earlier, baseline, scoring, options)
        listed = comparison.differences(baseline, scoring, read)
        measured = measured.model_copy(update={"comparison": beside, "differences": listed})
        bleu = comparison.bleu_of_both(measured, earlier, beside)
    before = None if earlier is None else earlier.rates
    if added_files:
        rates = {**measured.rates, "added_files": float(added_files)}
        measured = measured.model_copy(update={"rates": rates})
    things = "texts" if several else "rows"
    beyond = alarms(measured.rates, request.limits, before, bleu, things)
    return measured.model_copy(update={"alarms": beyond})


def _tasks(request: TranslateRequest, units: int, paired: int) -> Tasks:
    """What scores: Ray, where there are many units, or many rows of a baseline."""
    is_large = units > MOST_HERE or paired > ROWS_TOGETHER
    return Tasks(connection.connect(request.address) if is_large else None)
