"""An input that grows while a job reads it, and the file that says that it is complete."""

import re
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from outputs import translate

from nmt.errors import DeadlineReached, UnusableInput
from nmt.settings import GateSettings, SearchSettings
from nmt.storage.location import Location
from nmt.translation import finalize, job
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.marker import await_marker
from nmt.translation.request import TranslateRequest
from nmt.translation.verify.output import verify

PART = "translations/part-00000.parquet"


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("The dog sleeps.\nA cat sees the old bird.\n")
    return folder


def test_files_that_came_later_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", "a.txt", "b.txt")
    (folder / "empty.txt").touch()
    corpus = inspect(str(folder), "source")
    assert corpus.added() == []
    write(folder, "_SUCCESS", ".hidden", "c.txt")
    assert corpus.added() == [str(folder / "c.txt")]
    assert inspect(str(folder / "a*"), "source").added() == []


@pytest.mark.parametrize(("allowed", "status"), [(0, 3), (1, 0), (None, 0)])
def test_a_setting_decides_whether_that_is_an_error(
    saved_models, tmp_path, monkeypatch, capsys, allowed, status
) -> None:
    folder = write(tmp_path / "in", "a.txt")
    real = finalize.refuse_changed

    def late(corpus: InputCorpus, output: object) -> None:
        real(corpus, output)  # type: ignore[arg-type]
        write(folder, "b.txt")

    monkeypatch.setattr(finalize, "refuse_changed", late)
    gates = GateSettings(
        suspicious=None, truncated=None, repetition=None, score=None, added_files=allowed
    )
    outcome = translate(saved_models[0], folder, tmp_path / "out", gate=True, gates=gates)
    assert outcome.exit_status == status
    said = f"and not translated: 1, more than gate.added_files=0 ({folder / 'b.txt'})"
    assert (said in outcome.reason) == (status == 3)
    assert f"{folder / 'b.txt'}: added to the input while the job ran" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "file", "files", "parquet", "cache"])
def test_an_input_without_rows_is_an_empty_output(saved_models, tmp_path, kind) -> None:
    """If that is allowed; the output has a table all the same, with its columns."""
    folder, options = tmp_path / "in", {}
    folder.mkdir()
    match kind:
        case "file" | "cache":
            (folder / "a.txt").touch()
            options = {"cache": tmp_path / "cache"} if kind == "cache" else {}
        case "files":
            for name in "ab":
                (folder / f"{name}.txt").touch()
        case "parquet":
            table = pa.table({"source": pa.array([], pa.string()), "page": pa.array([], pa.int8())})
            pq.write_table(table, folder / "a.parquet")
    name = folder / "a.txt" if kind in ("file", "cache") else folder
    with pytest.raises(UnusableInput, match=r"give (sentences to translate|UTF-8 text)"):
        inspect(str(name), "source")
    out = tmp_path / "out"
    outcome = translate(saved_models[0], name, out, allow_empty=True, **options)
    assert (outcome.exit_status, outcome.report.counts.rows) == (0, 0)
    table = ds.dataset(out / "translations").to_table()
    assert len(table) == 0
    assert {"id", "source", "translation", "score"} <= set(table.column_names)
    assert ("page" in table.column_names) == (kind == "parquet")
    checked = verify(Location(out))
    assert (checked.violations, checked.notes) == ([], [])


@pytest.mark.parametrize("column", ["source", "translation"])
def test_a_finished_output_is_an_input(saved_models, tmp_path, column) -> None:
    """By its manifest: what is not named there does not count. Columns of the user's stay."""
    rows = {"source": ["The dog sleeps.", "A cat.", None], "id": [7, 8, 9], "page": ["a", "b", "c"]}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    options = {"max_rejected": 1.0}
    translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "first", **options)
    before = ds.dataset(tmp_path / "first/translations").to_table().to_pydict()
    (tmp_path / "first/translations/part-00009.parquet").write_bytes(b"stray")
    name, out = tmp_path / "first", tmp_path / "second"
    outcome = translate(saved_models[0], name, out, text_column=(column,), **options)
    assert outcome.report.counts.rows == 2
    after = ds.dataset(out / "translations").to_table().to_pydict()
    assert (after["id"], after["page"]) == ([7, 8], ["a", "b"])
    assert after["source"] == before[column]
    assert after.keys() == before.keys()
    (name / "_SUCCESS").unlink()
    with pytest.raises(UnusableInput, match="not finished; finish it with the same command"):
        inspect(str(name), column)


def test_of_an_output_what_was_recorded_is_compared(saved_models, tmp_path) -> None:
    write(tmp_path / "in", "a.txt")
    translate(saved_models[0], tmp_path / "in", tmp_path / "out")
    part, manifest = (tmp_path / "out" / name for name in (PART, "manifest.json"))
    data, said = part.read_bytes(), manifest.read_text()
    part.write_bytes(data + b"x")
    with pytest.raises(UnusableInput, match=r"part-00000.*bytes, not the .* --repair"):
        inspect(str(tmp_path / "out"), "translation")
    part.write_bytes(data[:-9] + b"y" + data[-8:])
    with pytest.raises(UnusableInput, match="is not the file that was written"):
        inspect(str(tmp_path / "out"), "translation")
    part.write_bytes(data)
    manifest.write_text(re.sub(rf'("{PART}": {{[^}}]*"rows": )2', r"\g<1>9", said))
    with pytest.raises(UnusableInput, match="has 2 rows, not the 9 that its manifest says"):
        inspect(str(tmp_path / "out"), "translation")
    manifest.write_text(said.replace(PART, "translations/a.txt"))
    with pytest.raises(UnusableInput, match=r"damaged, for it names 'translations/a\.txt'"):
        inspect(str(tmp_path / "out"), "translation")


def test_who_waits_for_the_input_has_a_limit_and_a_hook(tmp_path, monkeypatch) -> None:
    """The time of the job counts from its start, and a marker that does not come is a bad night."""
    calls: list[tuple[int, str]] = []
    monkeypatch.setattr(job, "notify", lambda _, __, status, reason: calls.append((status, reason)))
    marker = Location(tmp_path / "_COMPLETE")
    options = {"output": Location(tmp_path / "out"), "search": SearchSettings(), "notify": "true"}

    def wait(**more: object) -> None:
        request = TranslateRequest((), "in", **options, **more)
        job._await_input(request, time.monotonic())

    with pytest.raises(UnusableInput, match="--input-wait: waits for --input-complete MARKER"):
        wait(input_wait=1.0)
    wait()
    with pytest.raises(UnusableInput, match="or give --input-wait MINUTES"):
        wait(input_complete=marker)
    assert calls == []
    with pytest.raises(UnusableInput, match="a larger --input-wait"):
        wait(input_complete=marker, input_wait=0.001)
    with pytest.raises(DeadlineReached, match=r"--max-minutes 0\.001 are over"):
        wait(input_complete=marker, input_wait=60.0, max_minutes=0.001)
    assert [status for status, _ in calls] == [2, 4]


def test_a_marker_is_waited_for(tmp_path: Path) -> None:
    marker = Location(tmp_path / "_COMPLETE")
    with pytest.raises(UnusableInput, match=r"not there, so .* or give --input-wait MINUTES"):
        await_marker(marker, 0)
    with pytest.raises(UnusableInput, match="or give a larger --input-wait"):
        await_marker(marker, 0.001)
    threading.Timer(0.3, lambda: marker.write_bytes(b"")).start()
    begun = time.monotonic()
    await_marker(marker, 5)
    assert time.monotonic() - begun >= 0.3
    await_marker(marker, 0)
