"""Outputs written by hand, for the tests of what checks them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.evaluation import measures
from nmt.evaluation.measures import Measures
from nmt.records.output import Manifest
from nmt.storage.location import Location
from nmt.translation.output import Output

ROWS = 6  # of a unit
SETTINGS = {"id_column": None, "alignments": True, "max_rejected": 1.0, "search": {"n_best": 1}}


def unit(number: int, ids: list, good: int, files: dict[str, dict], out: Location) -> dict:
    """Store a unit of which some rows are translated; returns its counts."""
    kept, bad = ids[:good], ids[good:]
    tables = {
        "translations": {
            "id": kept,
            "source": [f"s{i}" for i in kept],
            "translation": [f"t{i}" for i in kept],
            "score": [-0.5] * good,
            "source_tokens": [["s"]] * good,
            "target_tokens": [["t"]] * good,
            "attention_entropy": [0.1] * good,
            "coverage": [1.0] * good,
            "flags": pa.array([[]] * good, pa.list_(pa.string())),
            "n": ids[:good],
        },
        "rejected": {"id": bad, "reason": ["null"] * len(bad), "source": ["x"] * len(bad)}
        | {"n": bad},
        "alignments": {"id": kept, "alignment": ["0-0 1-1"] * good},
    }
    for folder, columns in tables.items():
        if len(columns["id"]):
            name = f"{folder}/part-{number:05d}.parquet"
            files[name] = (out / name).write_table(pa.table(columns)).to_json()
    return counts(len(ids), good, len(bad))


def counts(rows: int, translated: int, rejected: int) -> dict[str, int]:
    counted = {"rows": rows, "translated": translated, "rejected": rejected}
    return counted | dict.fromkeys(("empty", "truncated", "target_tokens"), 0)


def output(folder: Path, finished: bool = True, text_ids: bool = False) -> Location:
    """An output of three units."""
    out = Location(folder)
    settings = {**SETTINGS, "id_column": "id" if text_ids else None}
    job = {"format_version": 1, "model_id": "m", "settings": settings}
    (out / "_job.json").write_json(job)
    files: dict[str, dict] = {}
    total = counts(0, 0, 0)
    for number in range(3):
        ids: list[Any] = list(range(number * ROWS, (number + 1) * ROWS))
        if text_ids:
            ids = [f"id-{i}" for i in ids]
        own: dict[str, dict] = {}
        found = unit(number, ids, ROWS - number, own, out)
        stop = (number + 1) * ROWS
        record = {"unit": number, "first": number * ROWS}
        record |= {"rejected_rows": [*range(stop - number, stop)]}
        record |= {"counts": found, "files": own, "sums": measures.sums(Measures.of([]))}
        record |= {"alignment": None}
        (out / f"_units/{number:05d}.json").write_json(record)
        files |= own
        total = {name: total[name] + found[name] for name in total}
    if finished:
        manifest = {**job, "exit_status": 0, "counts": total, "files": files}
        manifest["input_files"] = [{"path": "in.txt", "rows": 3 * ROWS}]
        (out / "report/report.json").write_json({"counts": total})
        (out / "report/index.html").write_text("<html>")
        Output(out).finish(Manifest.model_validate(manifest))
    return out


def rewrite(path: Path, change, **entry) -> None:
    """Change the table of a part, and with it what the manifest, or its unit's record, says."""
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    record(path, **{"rows": table.num_rows, **entry})


def record(path: Path, **entry) -> None:
    """Let the manifest, or the unit's record, say of a file what it is now."""
    out = path.parents[1]
    unit = f"_units/{path.stem.removeprefix('part-')}.json"
    holder = out / ("manifest.json" if (out / "manifest.json").exists() else unit)
    stored = json.loads(holder.read_text())
    found = {"bytes": path.stat().st_size, "sha256": Location(path).sha256()}
    stored["files"][f"{path.parent.name}/{path.name}"] |= found | entry
    holder.write_text(json.dumps(stored))


def column(name: str, value, row: int = 0):
    """A change of one value."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column(name).to_pylist()
        values[row] = value
        place = table.column_names.index(name)
        return table.set_column(place, name, pa.array(values, table.schema.field(name).type))

    return change
