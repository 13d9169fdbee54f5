"""What jobs do to their outputs, decoding apart."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from nmt.evaluation import measures
from nmt.evaluation.measures import Measures
from nmt.formats.detection import FileKind
from nmt.records.output import Counts, JobRecord, Manifest, Sums, UnitRecord
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.translation.export.files import Export
from nmt.translation.export.formats import TextLines
from nmt.translation.input.units import Slice, Unit
from nmt.translation.output import Output

FILE = PinnedFile(Location("in.txt"))
UNITS = [Unit(n, (Slice(FILE, FileKind("text"), 2 * n, 2, 0, 2 * n),)) for n in range(3)]


def job(beam: int, **more) -> JobRecord:
    settings = {"search": {"beam_size": beam, "n_best": 1}, "id_column": None, "max_rejected": 1.0}
    settings["output_format"] = "text"
    content = {"format_version": 1, "model_id": "m", "settings": settings, **more}
    return JobRecord.model_validate(content)


def run(
    folder: Path | Location,
    beam: int = 1,
    text: str = "",
    guard: Callable[[], None] = lambda: None,
) -> None:
    """What a job does to its output, decoding apart; the translations say which job it was.

    Args:
        folder: the output.
        beam: a setting by which jobs differ.
        text: what it translates; "" is ``by`` and that setting.
        guard: see `Output`.
    """
    out = Output(folder if isinstance(folder, Location) else Location(folder), guard=guard)
    if out.begin(job(beam), overwrite=True):
        return
    done = out.committed(UNITS)
    for unit in UNITS:
        if unit.number not in done:
            count = 2
            columns = {
                "id": [unit.first, unit.first + 1],
                "source": ["s"] * count,
                "translation": [text or f"by {beam}"] * count,
                "score": [-1.0] * count,
                "source_tokens": [["s"]] * count,
                "target_tokens": [["t"]] * count,
                "attention_entropy": pa.nulls(count, pa.float64()),
                "coverage": pa.nulls(count, pa.float64()),
                "flags": pa.array([[]] * count, pa.list_(pa.string())),
            }
            record = UnitRecord(
                unit=unit.number,
                first=unit.first,
                input=unit.identity,
                rejected_rows=[],
                counts=Counts(**counts(count)),
                sums=Sums(**measures.sums(Measures.of([]))),
                files={},
                alignment=None,
            )
            out.commit(unit, {f"translations/{unit.part}": pa.table(columns)}, record)
    out.drawings.write_heatmap(beam, str(beam), b"image")
    records = out.records()
    out.store_bytes(out.location / "report/index.html", f"<html>{text}".encode())
    out.store_json(out.location / "report/report.json", {"counts": counts(6)})
    files = {name: entry for record in records for name, entry in record.files.items()}
    manifest = {**job(beam).to_json(), "exit_status": 0, "counts": counts(6), "files": files}
    manifest["others"] = out.others()
    manifest["exports"] = Export(TextLines("blank")).write(out, records, job(beam).settings)
    inputs = [{"path": "in.txt", "rows": 6}]
    out.finish(Manifest.model_validate({**manifest, "input_files": inputs}))


def counts(rows: int) -> dict[str, int]:
    none = dict.fromkeys(("rejected", "empty", "truncated", "target_tokens"), 0)
    return {"rows": rows, "translated": rows, **none}
