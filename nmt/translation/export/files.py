"""Write the rows of all units, in the order of the input, to files of another format.

An export is made when all units are committed, from their files alone, and again whenever a job is
finished again: it has no state of its own. A file holds the rows of whole units, as many as make
32 MiB, so a small job has one file, and a large one needs no more memory than that. In partitions
each has files of its own, of which the largest are stored where all together have 128 MiB.

Of several text columns each text is a row in ``translations/``, and each row of the input one in
``export/``.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.columns import OF_TEXT, TEXT_COLUMN
from nmt.evaluation.sentences import read_table
from nmt.records import TableEntry, table_entry
from nmt.records.output import JobSettings, UnitRecord
from nmt.translation.export.formats import Format, OpenFile
from nmt.translation.export.partitions import Partitions
from nmt.translation.input.earlier_output import OWN_COLUMNS
from nmt.translation.output import EXPORT, Output
from nmt.translation.verify import part
from nmt.translation.verify.order import is_elsewhere, same_values

_BYTES = 32 << 20  # of a file before it is compressed, about
_MOST_OPEN = 128 << 20  # bytes of all files that are being made


def columns_of(text_column: str) -> list[str]:
    """The names of the columns that are added for a text column."""
    return [f"{text_column}_{name}" for name in OF_TEXT]


def joined(table: pa.Table, text_columns: Sequence[str]) -> pa.Table:
    """The texts of each row side by side.

    Args:
        table: a row for each text, those of a row of the input together, in the order of
            `text_columns`.
        text_columns: their names.

    Returns:
        The id; of each text column its source under the column's own name, then `columns_of` it;
        and the other columns of the input.
    """
    width = len(text_columns)
    columns: dict[str, pa.ChunkedArray] = {}
    for place, name in enumerate(text_columns):
        texts = table.take(pa.array(np.arange(place, table.num_rows, width)))
        columns |= {} if place else {"id": texts.column("id")}
        columns[name] = texts.column("source")
        for own, kept in zip(columns_of(name), OF_TEXT, strict=True):
            columns[own] = texts.column(kept)
    others = [n for n in texts.column_names if n not in (*OWN_COLUMNS, TEXT_COLUMN)]
    return pa.table({**columns, **{name: texts.column(name) for name in others}})


@dataclass(frozen=True)
class Export:
    """An export of an output.

    Attributes:
        format: of its files.
        compressed: whether they are .gz.
        text_columns: the columns whose texts are joined to rows again, where there are several.
        partitions: the folders that rows go to; None is one.
    """

    format: Format
    compressed: bool = False
    text_columns: tuple[str, ...] = ()
    partitions: Partitions | None = None

    def write(
        self,
        output: Output,
        records: Sequence[UnitRecord],
        settings: JobSettings,
        ids: Callable[[int], pa.Array] | None = None,
    ) -> dict[str, TableEntry]:
        """Store the files, and remove those of an earlier attempt that are none of them.

        Args:
            output: the OUT folder.
            records: of all its units, in order.
            settings: of the job.
            ids: gives the ids of the texts of a unit, by its number; None where they are the
                numbers of rows.

        Returns:
            The files' entries for the manifest, by their names below OUT.

        Raises:
            UnusableInput: a unit's file is damaged.
            JobFailed: this job may no longer write here, or the rows of a unit are not those of
                the input in their order. The unit is forgotten.
        """
        entries: dict[str, TableEntry] = {}
        numbers: Counter[str] = Counter()
        ending = f"{self.format.ending}{'.gz' if self.compressed else ''}"
        for folder, rows, data in self._contents(self._tables(output, records, settings, ids)):
            part = output.names.part(f"/part-{numbers[folder]:05d}.{ending}")
            numbers[folder] += 1
            name = f"{EXPORT}/{folder}{part}" if folder else f"{EXPORT}{part}"
            if self.compressed:
                data = gzip.compress(data, mtime=0)
            output.store_bytes(output.location / name, data)
            output.withdraw_if_replaced([output.location / name])
            entries[name] = table_entry(rows, data)
        for file in (output.location / EXPORT).files(recursive=True):
            name = "/".join(file.parts_below(output.location))
            if name not in entries and output.names.is_current(file.name):
                output.remove(file)
        return dict(sorted(entries.items()))

    def _contents(self, tables: Iterable[pa.Table]) -> Iterator[tuple[str, int, bytes]]:
        """The folder, the number of rows and the bytes of each file; one at least."""
        files: dict[str, tuple[OpenFile, int]] = {}

        def close(folder: str) -> tuple[str, int, bytes]:
            file, rows = files.pop(folder)
            return folder, rows, file.close()

        begun, table = False, None
        for table in tables:
            for folder, some in self._split(table):
                file, rows = files.get(folder) or (self.format.open(some.schema), 0)
                file.add(some)
                files[folder], begun = (file, rows + some.num_rows), True
                if file.size >= _BYTES:
                    yield close(folder)
            while sum(file.size for file, _ in files.values()) > _MOST_OPEN:
                yield close(max(files, key=lambda folder: files[folder][0].size))
        if table is not None and not begun:  # no row, so that there is no partition
            yield "", 0, self.format.open(table.schema).close()
        for folder in [*files]:
            yield close(folder)

    def _split(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        return iter([("", table)]) if self.partitions is None else self.partitions.split(table)

    def _tables(
        self,
        output: Output,
        records: Sequence[UnitRecord],
        settings: JobSettings,
        ids: Callable[[int], pa.Array] | None,
    ) -> Iterator[pa.Table]:
        """The rows of each unit as they are exported."""
        folders: set[str] = set()
        for record in records:
            try:
                table = unit_rows(output, record)
            except UnusableInput:  # perhaps a job that took over has removed it
                output.guard()
                raise
            numbers = np.arange(record.first, record.first + record.counts.rows)
            problem = None
            if is_elsewhere(table, settings, numbers) or (
                ids is not None and not same_values(table.column("id"), ids(record.unit))
            ):
                problem = "its rows are not those of the input in their order"
            elif self.partitions is not None:
                problem = self.partitions.problem(table, folders)
            if problem:
                output.forget([record.unit])
                raise JobFailed(
                    f"{output.record_file(record.unit)}: a damaged unit ({problem}); run the same "
                    "command again to translate it anew"
                )
            yield joined(table, self.text_columns) if self.text_columns else table


def unit_rows(output: Output, record: UnitRecord) -> pa.Table:
    """The rows of a unit in the order of the input, with ``reason`` as the last column: null for
    a translated row; of a rejected one all columns are null that it does not have.

    Raises:
        UnusableInput: a file is damaged.
    """
    tables = _parts(output, record)
    translated = tables["translations"].replace_schema_metadata(None)
    rejected = tables.get("rejected")
    reason = pa.nulls(translated.num_rows, pa.string())
    if rejected is None:
        return translated.append_column("reason", reason)
    every = pa.concat_tables(
        [translated.append_column("reason", reason), rejected.replace_schema_metadata(None)],
        promote_options="default",
    )
    lost = np.array(record.rejected_rows, np.int64)
    numbers = np.arange(record.first, record.first + record.counts.rows)
    places = np.concatenate([np.setdiff1d(numbers, lost), lost])
    return every.take(pa.array(np.argsort(places, kind="stable")))


def _parts(output: Output, record: UnitRecord) -> dict[str, pa.Table]:
    """The parts of a unit by their folders, with the columns that a job makes."""
    tables: dict[str, pa.Table] = {}
    columns: pa.Schema | None = None
    for name, entry in record.files.items():
        folder, file = name.partition("/")[0], output.location.named(name)
        if folder == "alignments":
            continue
        tables[folder] = read_table(file, None, entry)
        problem = next(part.column_problems(folder, tables[folder]), None)
        own = part.input_columns(folder, tables[folder])
        if problem is None and (other := part.difference(own, columns or own)):
            problem = f"other columns than in the unit's other part ({other})"
        if problem:
            raise UnusableInput(f"{file}: damaged ({problem}); translate again")
        columns = own
    return tables
