"""Scores of other metrics, such as COMET or people's, one number a row, joined by id.

They are reported as the mean, with the intervals and the paired test of the metrics that are
computed here: the same resamples, see `nmt.evaluation.significance`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.evaluation.files import open_table
from nmt.evaluation.row_ids import as_texts
from nmt.evaluation.significance import DRAWN, confidence, paired_p_value, resampled_totals
from nmt.evaluation.tables import RowTable
from nmt.evaluation.translations import Translations
from nmt.formats.detection import Accepted
from nmt.formats.file_list import FileList, list_files
from nmt.formats.rows import LONGEST
from nmt.printable import join_names
from nmt.records.base import LARGEST_MEASURE
from nmt.records.report import MetricComparison, Score
from nmt.storage.location import Location
from nmt.tables.lookups import count_different, places_in
from nmt.tables.values import is_scalar

log = logging.getLogger(__name__)

_ID = "id"
_FILES = Accepted(
    ("text", "parquet", "csv", "jsonl"),
    "give .parquet, .csv, .jsonl, or lines of values between tabs below a line of names (.tsv)",
    archives=True,
    tables=True,
)
# As programs write numbers: `float` also reads 1_0 and digits of other scripts.
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)
_DIGITS = 6
_MOST_METRICS = 100  # of a file


class MetricScores(NamedTuple):
    """One metric's scores of the translated rows.

    Attributes:
        name: of the metric.
        values: shape (translated rows,); NaN for a row without one.
        lower_is_better: whether less is better.
    """

    name: str
    values: np.ndarray
    lower_is_better: bool = False

    def score(self) -> Score:
        """The mean of the rows that have one, with its interval."""
        values = self.values[~np.isnan(self.values)]
        interval = confidence(_resampled_means(values)[0]) if len(values) > 1 else None
        return Score(
            metric=self.name,
            score=round(float(values.mean()), _DIGITS),
            confidence=interval,
            text="",
            signature=_signature(len(values)),
            **self._direction,
        )

    def compare(
        self, baseline: MetricScores, here: np.ndarray, there: np.ndarray
    ) -> MetricComparison | None:
        """Compare with a baseline, on the rows of which both have a score.

        Args:
            baseline: the same metric of another system.
            here: places of the common rows in `values`.
            there: the places of the same rows in the baseline's.

        Returns:
            None if no row has both.
        """
        own, other = self.values[here], baseline.values[there]
        both = ~np.isnan(own) & ~np.isnan(other)
        if not both.any():
            return None
        own, other = own[both], other[both]
        difference = float(own.mean() - other.mean())
        interval = other_interval = p = None
        if len(own) > 1:
            resampled = _resampled_means(own, other)
            interval, other_interval = map(confidence, resampled)
            p = round(paired_p_value(resampled, difference), 6)
        return MetricComparison(
            metric=self.name,
            score=round(float(own.mean()), _DIGITS),
            baseline=round(float(other.mean()), _DIGITS),
            difference=round(difference, _DIGITS),
            confidence=interval,
            baseline_confidence=other_interval,
            p=p,
            signature=_signature(len(own)),
            **self._direction,
        )

    def mean_of(self, rows: np.ndarray) -> float | None:
        """The mean of the rows at some places; None if none of them has a score."""
        values = self.values[rows]
        values = values[~np.isnan(values)]
        return round(float(values.mean()), _DIGITS) if len(values) else None

    @property
    def _direction(self) -> dict[str, bool]:
        return {"lower_is_better": True} if self.lower_is_better else {}


def _resampled_means(*systems: np.ndarray) -> np.ndarray:
    """The means of resamples of the same rows, shape (systems, resamples)."""
    return resampled_totals(np.stack(systems, axis=1)).T / len(systems[0])


def _signature(count: int) -> str:
    drawn = f"|bs:{DRAWN.resamples}|seed:{DRAWN.seed}" if count > 1 else ""
    return f"mean|n:{count}{drawn}"


def read_metric_scores(
    files: Sequence[str], option: str, translations: Translations, lower: Collection[str]
) -> list[MetricScores]:
    """The scores of all files, in the order of the translated rows.

    Args:
        files: tables with a column ``id`` and a column of numbers per metric; each a file, or
            several of one format, see `nmt.formats.file_list.list_files`.
        option: that names them, for errors.
        translations: whose ids they are.
        lower: names of metrics of which less is better.

    Raises:
        UnusableInput: a file that cannot be used, a metric in two of them, or an id that no
            translated row has.
    """
    result: dict[str, MetricScores] = {}
    if not files:
        return []
    known = as_texts(translations.ids)
    for name in files:
        listed = list_files(name, _FILES, option)
        location = listed.location
        ids, columns = _read(listed, option)
        places = places_in(ids, known)
        if len(unknown := np.flatnonzero(places < 0)):
            odd = ids[int(unknown[0])].as_py()
            raise UnusableInput(
                f"{location}: id {odd[:80]!r} is of no translated row of {translations.location}; "
                "give the scores of these translations"
            )
        if count_different(ids) < len(ids):
            raise UnusableInput(f"{location}: has an id twice; give each row one score")
        at = places
        for metric, values in columns.items():
            if metric in result:
                raise UnusableInput(
                    f"{location}: metric '{metric}' is in another {option}, too; rename one, or if "
                    "they are parts of one table, name their folder or a glob"
                )
            scores = np.full(len(known), np.nan)
            scores[at] = values
            if np.isnan(scores).all():
                raise UnusableInput(f"{location}: column '{metric}' holds no score; leave it out")
            if missing := np.count_nonzero(np.isnan(scores)):
                log.warning(
                    f"{location}: {metric} has no score for {missing:,} of the {len(known):,} "
                    "translated rows; its mean is that of the others"
                )
            result[metric] = MetricScores(metric, scores, metric in lower)
    return [*result.values()]


def _read(files: FileList, option: str) -> tuple[pa.ChunkedArray, dict[str, np.ndarray]]:
    """The ids as text, and each metric's scores, NaN for a null."""
    location = files.location
    folders = {name for part in files.parts for name, _ in part.folders}
    if (table := open_table(files)) is not None:
        ids = table.column(option, _ID)
        if not is_scalar(ids.type):
            raise UnusableInput(f"{location}: column 'id' holds {ids.type}; ids are texts, numbers")
        numbers = {
            field.name: _numbers(table.column(option, field.name), isinstance(table, RowTable))
            for field in table.schema
            if field.name not in {_ID, *folders}
            and (isinstance(table, RowTable) or _is_number(field.type))
        }
        columns = {name: values for name, values in numbers.items() if values is not None}
        texts = as_texts(ids).to_pylist()
    else:
        texts, columns = _read_lines(files)
    if None in texts:
        raise UnusableInput(f"{location}: has rows without an id; give each row its id")
    if len(columns) > _MOST_METRICS:
        raise UnusableInput(
            f"{location}: {len(columns):,} columns of numbers, more than {_MOST_METRICS}; leave "
            "out those that are no metrics"
        )
    if not columns:
        names = f" (there are {join_names(table.schema.names)})" if table else ""
        raise UnusableInput(f"{location}: has no column of numbers beside 'id'{names}")
    for name, values in columns.items():
        if (np.abs(np.nan_to_num(values)) > LARGEST_MEASURE).any():
            raise UnusableInput(f"{location}: column '{name}' holds scores that are no numbers")
    return pa.chunked_array([pa.array(texts, pa.large_string())]), columns


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _numbers(column: pa.ChunkedArray, are_written: bool) -> np.ndarray | None:
    """A column as numbers, NaN for a null; None if it holds something else.

    Args:
        column: the values.
        are_written: whether texts may be numbers, as all are in CSV; an empty one is a null.
    """
    if are_written and pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        with contextlib.suppress(pa.ArrowInvalid):
            column = column.cast(pa.float64())
    if not _is_number(column.type):
        return None
    return pc.fill_null(column.cast(pa.float64(), safe=False), math.nan).to_numpy()


def _read_lines(files: FileList) -> tuple[list[str | None], dict[str, np.ndarray]]:
    ids: list[str | None] = []
    scores: dict[str, list[float]] = {}
    undecided, texts = set[str](), set[str]()
    names, numbers = list[str](), [0] * len(files.parts)
    for place, line in files.lines(LONGEST):
        numbers[place] += 1
        location, number = files.parts[place].location, numbers[place]
        cells = line.decode("utf-8", "replace").split("\t")
        if number == 1:
            names = _names(location, cells)
            if not scores:
                scores, undecided = {name: [] for name in names if name != _ID}, {*names} - {_ID}
            elif {*names} != {_ID, *scores}:
                raise UnusableInput(
                    f"{location}: line 1: names the columns {join_names(names)}, and others of "
                    f"{files.location} name {join_names([_ID, *scores])}; give all the same"
                )
            continue
        if len(cells) != len(names):
            raise UnusableInput(
                f"{location}: line {number}: {len(cells)} values between tabs, not {len(names)}"
            )
        for name, cell in zip(names, cells, strict=True):
            text = cell.strip()
            if name == _ID:
                ids.append(cell)
            elif not text:
                scores[name].append(math.nan)
            elif _NUMBER.fullmatch(text):
                undecided.discard(name)
                scores[name].append(float(text))
            elif name in undecided or name in texts:  # the first value decides
                undecided.discard(name)
                texts.add(name)
            else:
                raise UnusableInput(
                    f"{location}: line {number}: {cell[:80]!r} in column '{name}' is no number; "
                    "leave a missing score empty"
                )
    return ids, {
        name: np.array(values, np.float64) for name, values in scores.items() if name not in texts
    }


def _names(location: Location, names: list[str]) -> list[str]:
    """The columns that the first line of a file names."""
    if names.count(_ID) != 1 or len({*names}) < len(names):
        raise UnusableInput(
            f"{location}: line 1: names the columns (id, and one per metric, each once), but has "
            f"{join_names(names)}"
        )
    if len(names) > _MOST_METRICS + 1:
        raise UnusableInput(
            f"{location}: {len(names):,} columns, more than {_MOST_METRICS} metrics and id; leave "
            "some out"
        )
    return names
