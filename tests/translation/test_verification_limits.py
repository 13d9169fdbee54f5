"""Whatever an output claims, it is checked in the time that what it holds takes, in few lines."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from effort import steps
from stored_outputs import ROWS, counts, output

from nmt.cli import application
from nmt.storage import recorded
from nmt.storage.location import Location
from nmt.translation import unique_ids
from nmt.translation.unique_ids import OutputIds, stored_keys
from nmt.translation.verify import files
from nmt.translation.verify.output import verify, verify_manifest

MOST = 200  # lines, of all kinds together
NONE = {"rows": 10_000_000, "bytes": 1, "sha256": "0" * 64}  # a part that is not there
Change = Callable[[dict], object]


def change(file: Path, change: Change) -> None:
    stored = json.loads(file.read_text())
    change(stored)
    file.write_text(json.dumps(stored))


def parts(count: int, folder: str = "translations") -> dict[str, dict]:
    return {f"{folder}/part-{number:07d}.parquet": NONE for number in range(1000, 1000 + count)}


@pytest.fixture
def claimed(monkeypatch) -> list[int]:
    """How many ids each check made room for."""
    rows: list[int] = []
    real = OutputIds.__init__

    def init(self: OutputIds, number: int, numbered: bool) -> None:
        rows.append(number)
        real(self, number, numbered)

    monkeypatch.setattr(OutputIds, "__init__", init)
    return rows


@pytest.mark.parametrize("name", ["export/part-00000.jsonl", "translations/part-00000.parquet"])
def test_a_huge_file_whose_size_is_recorded_is_not_read(tmp_path, monkeypatch, name) -> None:
    """A sparse file takes no room, and minutes to read."""
    out, huge = output(tmp_path), {"rows": 6, "bytes": 1 << 40, "sha256": "0" * 64}
    key = "exports" if name.startswith("export/") else "files"
    change(tmp_path / "manifest.json", lambda m: m.setdefault(key, {}).update({name: huge}))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 1 << 40)
    monkeypatch.setattr(recorded, "hash_stream", lambda _: pytest.fail("it is read"))
    lines = verify(out).violations
    assert any(f"{name}: has 1,099,511,627,776 bytes, more than the" in line for line in lines)


@pytest.mark.parametrize("text_ids", [False, True])
@pytest.mark.parametrize("finished", [False, True])
def test_rows_of_parts_that_are_not_there_do_not_count(
    tmp_path, claimed, finished, text_ids
) -> None:
    """10^9 rows of the manifest, or of a unit, are nowhere."""
    out = output(tmp_path, finished, text_ids)
    name = "manifest.json" if finished else "_units/00002.json"

    def claim(stored: dict) -> None:
        stored["files"] |= parts(100)
        stored["counts"] |= {"rows": 10**9 + ROWS, "translated": 10**9 + ROWS}
        if finished:
            stored["input_files"] = [{"path": "in.txt", "rows": 10**9 + 3 * ROWS}]

    change(tmp_path / name, claim)
    result = verify(out)
    assert result.rows == 3 * ROWS
    assert result.count > 100
    assert len(result.violations) < MOST
    assert max(claimed) <= 3 * ROWS + 10_000


def test_a_part_that_is_there_counts_with_no_more_rows_than_it_can_hold(tmp_path, claimed) -> None:
    out = output(tmp_path, text_ids=True)

    def claim(stored: dict) -> None:
        for entry in stored["files"].values():
            entry["rows"] = 10_000_000

    change(tmp_path / "manifest.json", claim)
    result = verify(out)
    assert "has 6 rows, not the 10,000,000 that were written" in "\n".join(result.violations)
    assert result.rows == 3 * ROWS
    stored = sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    assert max(claimed) <= stored


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("where", ["translations", "alignments", "elsewhere", "x" * 900])
def test_many_parts_that_are_not_there_are_few_lines(tmp_path, finished, where) -> None:
    """And each takes as many steps, whatever their number."""
    taken: list[int] = []
    for count in (250, 1000):
        out = output(tmp_path / str(count), finished)
        name = "manifest.json" if finished else "_units/00001.json"
        change(tmp_path / str(count) / name, lambda s, n=count: s["files"].update(parts(n, where)))
        lines: list[str] = []
        number, result = steps(partial(verify, out, lines.append))
        taken.append(number)
        assert lines == result.violations
        assert len(lines) < MOST
        assert max(map(len, lines)) < 3000
        assert result.count >= count
        assert any(line.startswith("and ") for line in lines)
    print(taken)
    assert taken[1] < 4.5 * taken[0]


def test_the_number_of_all_violations_is_told(tmp_path, capsys) -> None:
    output(tmp_path)
    change(tmp_path / "manifest.json", lambda stored: stored["files"].update(parts(500)))
    with pytest.raises(SystemExit) as ended:
        application.run(application.application(), ["verify", "--output", str(tmp_path)])
    assert ended.value.code == 1
    said = capsys.readouterr()
    total = verify(Location(tmp_path)).count
    assert total > 500
    assert f"{total:,} violations" in said.err
    assert len(said.out.splitlines()) < MOST
    assert "like 'translations/part-0001000.parquet: is missing'" in said.out


def test_a_name_of_a_part_may_hold_any_number(tmp_path) -> None:
    out = output(tmp_path)
    name = f"translations/part-{'9' * 5000}.parquet"
    change(tmp_path / "manifest.json", lambda stored: stored["files"].update({name: NONE}))
    assert "cannot be one of its files" in "\n".join(verify(out).violations)


def test_notes_are_few_lines(tmp_path) -> None:
    out = output(tmp_path, finished=False)
    record = json.loads((tmp_path / "_units/00002.json").read_text())
    for number in range(3, 700, 2):
        record |= {"unit": number, "files": {}, "counts": counts(0, 0, 0)}
        (tmp_path / f"_units/{number:05d}.json").write_text(json.dumps(record))
        (tmp_path / f"translations/stray-{number}.parquet").touch()
    result = verify(out)
    assert len(result.notes) < 30
    assert max(map(len, result.notes)) < 500


@pytest.mark.parametrize("kind", ["flags", "columns"])
def test_a_part_with_much_wrong_in_it_is_few_lines(tmp_path, kind) -> None:
    out = output(tmp_path)
    file = tmp_path / "translations/part-00000.parquet"
    table = pq.read_table(file)
    if kind == "flags":
        flags = pa.array([[f"{row}-{n}" for n in range(1000)] for row in range(ROWS)])
        place = table.column_names.index("flags")
        table = table.set_column(place, "flags", flags)
    else:
        for number in range(700):
            table = table.append_column(f"x{number}", table.column("n"))
    pq.write_table(table, file)
    entry = {"bytes": file.stat().st_size, "sha256": Location(file).sha256()}
    change(
        tmp_path / "manifest.json",
        lambda s: s["files"]["translations/part-00000.parquet"].update(entry),
    )
    result = verify(out)
    assert result.damaged
    assert len(result.violations) < MOST
    assert max(map(len, result.violations)) < 3000


def test_a_part_that_two_units_name_is_a_violation(tmp_path) -> None:
    out = output(tmp_path, finished=False)
    first = json.loads((tmp_path / "_units/00000.json").read_text())
    change(tmp_path / "_units/00001.json", lambda stored: stored.update(files=first["files"]))
    name = "translations/part-00000.parquet"
    assert f"{name}: is named by the records of two units" in verify(out).violations


def test_two_records_of_one_unit_are_a_violation(tmp_path) -> None:
    out = output(tmp_path, finished=False)
    change(tmp_path / "_units/00001.json", lambda stored: stored.update(unit=0))
    assert "_units/00001.json: is the record of unit 0" in verify(out).violations


@pytest.mark.parametrize("name", ["manifest.json", "_units/00001.json"])
@pytest.mark.parametrize("damage", ["a count below 0", "a name twice", "rows below 0"])
def test_what_no_job_writes_is_damage_in_one_line(tmp_path, name, damage) -> None:
    out = output(tmp_path, finished=name == "manifest.json")
    text = (tmp_path / name).read_text()
    match damage:
        case "a count below 0":
            text = text.replace('"rows": ', '"rows": -')
        case "rows below 0":
            text = text.replace('"rows": 6', '"rows": -6')
        case "a name twice":
            part = '"translations/part-00001.parquet": '
            text = text.replace(part, f"{part}{json.dumps(NONE)}, {part}")
    (tmp_path / name).write_text(text)
    result = verify(out)
    assert result.violations[0].startswith(f"{name}: damaged (")
    assert "\n" not in "".join(result.violations)
    assert len(result.violations) <= 2
    assert not any("move it away" in line for line in result.violations)  # they may be its own


def test_ids_that_stand_everywhere_are_few_lines_and_few_reads(monkeypatch) -> None:
    """As many as there are rows, in each of many parts."""
    monkeypatch.setattr(unique_ids, "_KEYS", 64)
    reads = []
    ids = pa.chunked_array([pa.array([f"k{i}" for i in range(1000)])])
    with OutputIds(1000 * 30, numbered=False) as identities:
        for number in range(30):
            identities.add(f"p{number}", stored_keys(ids))
        lines = list(identities.violations(lambda name: (reads.append(name), ids)[1]))
    assert len(lines) < 30
    assert max(map(len, lines)) < 3000
    assert "980 other ids" in lines[-1]
    assert len(reads) < 30 * 30


def test_a_job_that_ends_tells_how_many_violations_there_are(tmp_path) -> None:
    from nmt import records
    from nmt.records.output import Manifest

    out = output(tmp_path)
    change(tmp_path / "manifest.json", lambda stored: stored["files"].update(parts(300)))
    result = verify_manifest(out, records.read(out / "manifest.json", Manifest))
    assert result.count > 300
    assert len(result.violations) < MOST
    assert len(result.damaged) == 300  # each is translated again


def test_what_cannot_be_listed_is_a_violation(tmp_path) -> None:
    out = output(tmp_path / "out")
    (tmp_path / "out/rejected").rename(tmp_path / "other")
    (tmp_path / "out/rejected").symlink_to(tmp_path / "other")
    assert "rejected: a link" in "\n".join(verify(out).violations)


def test_only_files_that_are_there_have_sizes(tmp_path) -> None:
    """Links, pipes, folders and what is missing hold no rows."""
    out = output(tmp_path)
    sizes = files.Check(out, print).sizes
    name = "translations/part-00000.parquet"
    assert sizes[name] == (tmp_path / name).stat().st_size
    assert len(sizes) == 8
    assert not any(name in sizes for name in parts(5))
