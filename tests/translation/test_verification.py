"""An output is checked from what is stored; every kind of damage is found and named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer
from outputs import record_other
from stored_outputs import ROWS, SETTINGS, column, counts, output, record, rewrite

from nmt import records
from nmt.cli import jobs
from nmt.errors import UnusableInput
from nmt.records.output import Manifest
from nmt.storage.location import Location
from nmt.translation import unique_ids
from nmt.translation.unique_ids import OutputIds, stored_keys
from nmt.translation.verify.output import repair, verify, verify_manifest


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("text_ids", [True, False])
def test_a_sound_output_has_no_violation(tmp_path, finished, text_ids) -> None:
    found = verify(output(tmp_path, finished, text_ids))
    assert found.violations == []
    assert found.rows == 3 * ROWS
    assert found.notes == ([] if finished else ["not finished; 3 units are committed: 0-2"])


def spoil(path: Path) -> None:
    path.write_bytes(b"PAR1")
    record(path)


T0, T1 = "translations/part-00000.parquet", "translations/part-00001.parquet"
A0, A1, R2 = (
    "alignments/part-00000.parquet",
    "alignments/part-00001.parquet",
    "rejected/part-00002.parquet",
)
VALUES = [
    (T0, column("score", float("nan")), "'score' has 1 values that are no numbers"),
    (T0, column("score", 0.5), "outside of -262144 to 0"),
    (T0, column("score", None), "'score' has 1 nulls"),
    (T0, column("coverage", 1.5), "outside of 0 to 1"),
    (T0, column("attention_entropy", float("inf")), "no numbers"),
    (T0, column("translation", None), "'translation' has 1 nulls"),
    (T0, column("flags", ["nonsense"]), "unknown flag 'nonsense'"),
    (T0, column("flags", ["empty"]), "flagged as empty, but have a translation"),
    (T0, column("id", 1), f"id 1 stands there 2 times: {T0}, {T0}"),
    (T0, column("id", 7), f"id 7 stands there 2 times: {T0}, {T1}"),
    (T0, column("id", 99), "id 99 is none of the 18 rows"),
    (T0, column("id", 99), "id 0 is missing"),
    (T0, lambda t: t.slice(2), "id 0 to 1 is missing"),
    (T0, lambda t: t.drop_columns(["flags"]), "has no column 'flags'"),
    (T0, lambda t: t.drop_columns(["n"]), "other columns than in other parts (n: int64)"),
    (T0, lambda t: t.append_column("alternatives", [[1] * 6]), "search.n_best"),
    (A1, column("alignment", "0-0 1_1"), "not of the form"),
    (A1, column("id", 8), "its ids are not those of translations/part-00001.parquet"),
    (R2, column("reason", None), "'reason' has 1 nulls"),
    (R2, lambda t: t.slice(0, 0), "holds no row"),
]


@pytest.mark.parametrize(("name", "change", "message"), VALUES)
def test_wrong_values_are_violations(tmp_path, name, change, message) -> None:
    out = output(tmp_path)
    rewrite(tmp_path / name, change)
    assert any(message in line for line in verify(out).violations)


def test_every_violation_is_listed(tmp_path) -> None:
    out = output(tmp_path)
    rewrite(tmp_path / T0, column("score", float("nan")))
    rewrite(tmp_path / T1, column("score", float("nan")))
    (tmp_path / R2).unlink()
    said: list[str] = []
    found = verify(out, said.append)
    assert said == found.violations
    assert sum("no numbers" in line for line in found.violations) == 2
    assert f"{R2}: is missing" in found.violations
    assert "id 16 to 17 is missing" in found.violations
    assert found.damaged == {0, 1, 2}


def remove(*names: str):
    return lambda folder: [(folder / name).unlink() for name in names]


def edit(name: str, **values):
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


FILES = [
    (lambda f: (f / T0).write_bytes(b"PAR1"), f"{T0}: has 4 bytes"),
    (lambda f: spoil(f / T0), f"{T0}: no Parquet file"),
    (
        lambda f: (f / T0).write_bytes((f / T0).read_bytes().replace(b"t0", b"t9")),
        "its SHA-256 differs",
    ),
    (lambda f: rewrite(f / T0, lambda t: t.slice(1), rows=6), "has 5 rows, not the 6"),
    (remove("manifest.json"), "manifest.json: is missing, but _SUCCESS is there"),
    (remove("report/report.json"), "report/report.json: is missing"),
    (remove("report/index.html"), "report/index.html: is missing"),
    (remove(A1), f"{A1}: is missing"),
    (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: damaged (no JSON"),
    (lambda f: (f / "_SUCCESS").write_text("x"), "_SUCCESS: is not empty"),
    (edit("manifest.json", exit_status=1), "exit_status: input should be 0 or 3"),
    (edit("manifest.json", model_id="other"), "another job than _job.json"),
    (edit("manifest.json", input_files=[{"rows": 17}]), "18 rows, but the input had 17"),
    (
        edit("manifest.json", counts=counts(18, 16, 3)),
        "18 rows are not 16 translated and 3 rejected",
    ),
    (
        edit("manifest.json", settings={**SETTINGS, "max_rejected": 0.01}),
        "more than --max-rejected",
    ),
    (edit("manifest.json", files={}), "translations/: 0 rows, but the manifest has 15"),
    (edit("report/report.json", counts={}), "its counts are not those of the manifest"),
]


@pytest.mark.parametrize(("damage", "message"), FILES)
def test_damaged_files_are_violations(tmp_path, damage, message) -> None:
    out = output(tmp_path)
    damage(tmp_path)
    found = verify(out)
    assert any(message in line for line in found.violations), found.violations
    assert all("\n" not in line for line in found.violations)


@pytest.mark.parametrize("finished", [True, False])
def test_what_is_damaged_can_be_forgotten(tmp_path, finished) -> None:
    """Then its job does these units again, and writes its end anew."""
    out = output(tmp_path, finished)
    spoil(tmp_path / "translations/part-00001.parquet")
    found = verify(out)
    assert found.damaged == {1}
    repair(out, found.damaged)
    assert not (tmp_path / "_SUCCESS").exists()
    assert sorted(path.name for path in (tmp_path / "_units").iterdir()) == [
        "00000.json",
        "00002.json",
    ]
    assert verify(out).forgotten == ({1} if finished else set())
    (tmp_path / "_job.json").unlink()
    with pytest.raises(UnusableInput, match=r"no _job\.json to continue from; translate it again"):
        repair(out, {0})


def test_units_of_an_unfinished_output_are_checked(tmp_path) -> None:
    out = output(tmp_path, finished=False)
    (tmp_path / "_units/00001.json").unlink()
    rewrite(tmp_path / T0, column("id", 70))
    found = verify(out)
    assert found.violations == [f"{T0}: its rows are not in the order of the input",
                                f"{T0}: ids 1 to 70, but its unit has 0 to 5",
                                f"{A0}: its ids are not those of {T0}"]  # fmt: skip
    assert "not finished; 2 units are committed: 0, 2" in found.notes
    assert f"{T1}: is not named, so it does not count" in found.notes
    assert found.damaged == {0}


@pytest.mark.parametrize("folder", ["translations", "rejected", "alignments", "export"])
def test_a_file_that_is_not_named_is_a_violation_once_readers_find_it(
    tmp_path, folder, capsys
) -> None:
    """A finished output is read as a folder: it would have rows twice. It is not ours to delete."""
    out = output(tmp_path)
    (tmp_path / folder).mkdir(exist_ok=True)
    stray = tmp_path / folder / "part-99999.parquet"
    shutil.copy(tmp_path / T0, stray)
    (tmp_path / folder / "_notes.txt").write_text("readers of Parquet skip it")
    found = verify(out)
    assert found.violations == [
        f"{folder}/part-99999.parquet: is not named in manifest.json, but whoever reads the folder "
        "reads it, too; move it away"
    ]
    assert found.notes == [f"{folder}/_notes.txt: is not named, so it does not count"]
    with pytest.raises(typer.Exit):
        jobs.verify(jobs.VerifyRequest(out, repair=True))
    assert "again" not in capsys.readouterr().err
    assert (tmp_path / "_SUCCESS").exists()
    stray.unlink()
    assert verify(out).violations == []


@pytest.mark.parametrize("there", ["nothing", "a folder"])
def test_a_record_that_is_gone_is_told(tmp_path, there) -> None:
    out, name = output(tmp_path), "_units/00001.json"
    record_other(tmp_path, name)
    assert verify(out).notes == []
    (tmp_path / name).unlink()
    if there == "a folder":
        (tmp_path / name).mkdir()
    found = verify(out)
    if there == "a folder":
        assert (found.violations, found.notes) == ([f"{name}: is a folder"], [])
        assert found.damaged == {1}
    else:
        assert (found.violations, found.notes) == (
            [],
            [f"{name}: is not there any more; no translation was in it"],
        )


def test_what_is_no_output_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    for name in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(UnusableInput, match=r"no output of `nmt translate`"):
            verify(Location(name))


def test_the_end_of_a_job_is_checked_before_it_is_written(tmp_path) -> None:
    out = output(tmp_path)
    manifest = records.read(out / "manifest.json", Manifest)
    assert verify_manifest(out, manifest).violations == []
    (tmp_path / T1).unlink()
    found = verify_manifest(out, manifest)
    assert found.damaged == {1}


@pytest.mark.parametrize("kind", ["numbers", "int64", "string"])
def test_ids_over_many_files_on_disk(kind, monkeypatch) -> None:
    """Random ids, some of them twice, others missing, against a set of them all."""
    monkeypatch.setattr(unique_ids, "_KEYS", 64)
    random = np.random.default_rng(3)
    rows = 1000
    ids = np.arange(rows) if kind == "numbers" else random.integers(-(2**62), 2**62, rows)
    ids = random.permutation(ids)
    twice, gone = ids[:7], ids[-5:]
    stored = random.permutation(np.concatenate([ids[:-5], twice]))
    values = [f"k{i}" for i in stored] if kind == "string" else stored.tolist()
    parts = {f"p{k}": pa.chunked_array([pa.array(values[k::9])]) for k in range(9)}
    with OutputIds(rows, kind == "numbers") as found:
        for name, column in parts.items():
            found.add(name, stored_keys(column))
        lines = list(found.violations(parts.__getitem__))
    shown = [f"k{i}" if kind == "string" else int(i) for i in twice]
    repeated = [line for line in lines if "stands there 2 times" in line]
    assert sorted(line.split(" stands")[0] for line in repeated) == sorted(
        f"id {i!r}" for i in shown
    )
    missing = [line.split()[1:-2] for line in lines if line.endswith("missing")]
    covered = {i for low, *high in missing for i in range(int(low), int((high or [low])[-1]) + 1)}
    assert covered == (set(gone.tolist()) if kind == "numbers" else set())
    assert len(lines) == len(repeated) + len(missing)


def test_after_a_repair_verify_says_what_is_to_be_done(tmp_path, capsys) -> None:
    """A unit that was forgotten is no violation, and both count those whose record is gone."""
    out = output(tmp_path)
    repair(out, {1})
    jobs.verify(jobs.VerifyRequest(out))
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith("1 unit is to be done again: run the job's command again")
    assert "no violation in 12 rows" in lines[-2]
    for number in (0, 1):
        shutil.rmtree(tmp_path)
        out = output(tmp_path)
        spoil(tmp_path / T1)
        (tmp_path / "_units" / f"0000{number}.json").unlink()
        jobs.verify(jobs.VerifyRequest(out, repair=True))
        assert verify(out).violations == []
        jobs.verify(jobs.VerifyRequest(out))
        said = f"{['2 units are', '1 unit is'][number]} to be done again: run the job's command"
        lines = [line for line in capsys.readouterr().err.splitlines() if "done again" in line]
        assert [said in line for line in lines] == [True, True]


def test_what_is_no_units_is_the_end_of_the_job(tmp_path, capsys) -> None:
    (tmp_path / "out").mkdir()
    out = output(tmp_path / "out")
    (tmp_path / "out/report/report.json").unlink()
    jobs.verify(jobs.VerifyRequest(out, repair=True))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("only the end of the job is to be done again: run the job's command again")
