"""What others have written into our stored files is one line, or left out, or done again."""

import hashlib
import json
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hostile_output import OPTIONS, asked, edit, recorded, request, sound_output
from logged import messages
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.errors import UnusableInput
from nmt.evaluation.job import evaluate
from nmt.evaluation.outputs import FinishedOutput
from nmt.json_text import hash_json
from nmt.storage.location import Location
from nmt.training import validations
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.verify.output import verify


@pytest.fixture(scope="module")
def sound(saved_models, tmp_path_factory) -> Path:
    return sound_output(saved_models[0], tmp_path_factory.mktemp("sound"))


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound / "out", tmp_path / "out")
    return tmp_path


REPORTS: dict[str, Callable[[dict], object]] = {
    "samples.0": lambda r: r.update(samples=[1]),
    "samples": lambda r: r.update(samples={"a": 1}),
    "samples.0.id": lambda r: r["samples"][0].pop("id"),
    "samples.0.id.int": lambda r: r["samples"][0].update(id=[1]),
    "samples.0.attention": lambda r: r["samples"][0].update(attention=1),
    "samples.0.attention.source": lambda r: r["samples"][0]["attention"].update(source=5),
    "model": lambda r: r.update(model="x"),
    "scores.0.text": lambda r: r.update(scores=[{**r["scores"][0], "text": [1]}]),
    "scores.0": lambda r: r.update(scores=[5]),
    "rates.unk": lambda r: r["rates"].update(unk=None),
}


@pytest.mark.parametrize("key", REPORTS)
def test_a_damaged_report_is_one_line(copy: Path, key: str) -> None:
    file = copy / "out/report/report.json"
    edit(file, REPORTS[key])
    with pytest.raises(UnusableInput) as caught:
        evaluate(asked(copy))
    assert str(caught.value).startswith(f"{file}: damaged ({key}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("rates.unk", lambda r: r["rates"].update(unk=None)),
        ("throughput", lambda r: r.update(throughput=5)),
        ("created", lambda r: r.update(created={"a": 1})),
        ("scores.0.signature", lambda r: r["scores"][0].pop("signature")),
    ],
)
def test_a_damaged_baseline_is_refused_before_anything_is_decoded(
    sound, saved_models, copy, key, change
) -> None:
    edit(copy / "out/report/report.json", change)
    asked = request(sound, saved_models[0], copy / "new", baseline=Location(copy / "out"))
    corpus = inspect(asked.input, asked.text_column[0])
    with pytest.raises(UnusableInput, match=rf"report\.json: damaged \({key}"):
        check(asked, bundle.check_all(asked.models), corpus)


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        ({}, r"model\.json: damaged \(direction\.source"),
        (None, r"model\.json: damaged \(direction"),
        ({"source": "en", "target": 5}, r"model\.json: damaged \(direction\.target"),
        ("missing", r"its model\.json names no direction"),
    ],
)
def test_a_model_without_direction_is_refused_before_anything_is_decoded(
    sound, saved_models, tmp_path, direction, message
) -> None:
    model = tmp_path / "model"
    shutil.copytree(saved_models[0], model)
    info = json.loads((model / "model.json").read_text())
    del info["model_id"], info["direction"]
    info |= {} if direction == "missing" else {"direction": direction}
    Location(model / "model.json").write_json({**info, "model_id": hash_json(info)})
    asked = request(sound, model, tmp_path / "new")
    corpus = inspect(asked.input, asked.text_column[0])
    with pytest.raises(UnusableInput, match=message):
        check(asked, bundle.check_all(asked.models), corpus)


RECORDS: dict[str, Callable[[dict], object]] = {
    "files": lambda r: r.update(files={}),
    "other files": lambda r: r.update(
        files={n.replace("00000", "00001"): e for n, e in r["files"].items()}
    ),
    "no rejected": lambda r: r["files"].pop("rejected/part-00000.parquet"),
    "sums": lambda r: r.pop("sums"),
    "sums.score": lambda r: r["sums"].update(score="x"),
    "suspicious": lambda r: r.update(suspicious=[{"row": "x\x1b"}]),
    "suspicious row": lambda r: r.update(suspicious=[{"row": 99, "reasons": [], "score": -1.0}]),
    "alignment": lambda r: r.update(alignment={"attention": {"x": 1}, "diagonal": {}}),
    "no alignment": lambda r: r.pop("alignment"),
    "first": lambda r: r.update(first=2**50),
    "rows": lambda r: r["counts"].update(rows=2**50),
    "unit": lambda r: r.update(unit=7),
    "rejected_rows": lambda r: r.update(rejected_rows=[0, 1, 2, 3]),
    "rejected row": lambda r: r.update(rejected_rows=[77]),
    "counts": lambda r: r["counts"].update(split="many"),
    "decoding": lambda r: r.update(decoding={"seconds": "long"}),
    "a list": lambda r: [r],
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_damaged_record_is_removed(sound, copy, capsys, what) -> None:
    units = inspect(str(sound / "in.parquet"), "source").units()
    output = Output(Location(copy / "out"))
    assert output.committed(units) == {0}
    edit(copy / "out/_units/00000.json", RECORDS[what])
    assert output.committed(units) == set()
    (line,) = capsys.readouterr().err.splitlines()
    assert "_units/00000.json: removed (" in line
    assert "\x1b" not in line
    assert output.record_files() == []


@pytest.mark.parametrize("what", ["files", "other files", "sums"])
def test_a_unit_with_a_damaged_record_is_done_again(
    sound, saved_models, copy, capsys, what
) -> None:
    out = copy / "out"
    before = pq.read_table(out / "translations").to_pylist()
    (out / "_SUCCESS").unlink()
    (out / "manifest.json").unlink()
    edit(out / "_units/00000.json", RECORDS[what])
    verdict = translate(saved_models[0], sound / "in.parquet", out, **OPTIONS)
    assert verdict.exit_status == 0
    assert pq.read_table(out / "translations").to_pylist() == before
    warnings = messages(capsys.readouterr().err, "WARNING")
    assert len(warnings) == 1
    assert "_units/00000.json: removed (" in warnings[0]


def test_damaged_words_cost_the_page_their_attention_alone(
    sound, saved_models, copy, capsys
) -> None:
    out = copy / "out"
    (out / "_SUCCESS").unlink()
    (words,) = (out / "report/heatmaps").glob("words-*.json")
    words.write_text('[{"row": 0, "source": 5}]')
    report = translate(saved_models[0], sound / "in.parquet", out, **OPTIONS).report.to_json()
    assert not any("attention" in sample for sample in report["samples"])
    assert f"{words}: damaged (source: " in capsys.readouterr().err


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, extra: bytes = b"", rows: bytes = b"\0" * 100) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + extra + body


PICTURES = {
    "no PNG": b"GIF89a<script>",
    "empty": b"",
    "a head alone": png(2, 2)[:20],
    "60000 x 60000": png(60_000, 60_000),
    "20000 x 10000": png(20_000, 10_000),
    "a bomb of text": png(2, 2, chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(50_000_000)))),
    "much text": png(2, 2, chunk(b"tEXt", b"Title\0" + b"A" * 10_000_000)),
    "no rows": png(2000, 2000),
}


@pytest.mark.parametrize("what", PICTURES)
def test_a_picture_that_is_none_is_left_out(copy: Path, capsys, what: str) -> None:
    first, *others = sorted((copy / "out/report/heatmaps").glob("*.png"))
    first.write_bytes(PICTURES[what])
    recorded(first)
    evaluate(asked(copy))
    assert (copy / "e/index.html").read_text().count("<img") == len(others)
    (line,) = messages(capsys.readouterr().err, "WARNING")
    assert line.startswith(f"{first}: ")
    assert line.endswith("; left out of the report")
    assert len(line) < 400


@pytest.mark.parametrize("recorded", [False, True])
def test_a_part_that_is_no_parquet_is_one_line(copy: Path, recorded: bool) -> None:
    (part,) = (copy / "out/translations").iterdir()
    data = b"x" * part.stat().st_size
    part.write_bytes(data)
    if recorded:
        sha256 = Location(part).sha256()
        edit(
            copy / "out/manifest.json",
            lambda m: m["files"][f"translations/{part.name}"].update(sha256=sha256),
        )
    with pytest.raises(UnusableInput, match=r"part-00000\.parquet: ") as caught:
        evaluate(asked(copy))
    assert "\n" not in str(caught.value)


def test_validations_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "validations.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(UnusableInput, match=r"validations\.tsv: damaged"):
        validations.read(Location(tmp_path))


def test_rows_without_number_are_not_told_one_by_one(copy: Path) -> None:
    edit(copy / "out/manifest.json", lambda m: m["input_files"][0].update(rows=2**53))
    violations = verify(Location(copy / "out")).violations
    assert any("but the input had 9,007,199,254,740,992" in line for line in violations)
    assert len(violations) < 10


def test_parts_that_are_not_there_take_no_memory(copy: Path) -> None:
    def many(manifest: dict[str, Any]) -> None:
        manifest["settings"]["id_column"] = "id"
        (entry,) = (e for n, e in manifest["files"].items() if n.startswith("translations/"))
        names = (f"translations/part-{number:05d}.parquet" for number in range(300))
        manifest["files"] = {name: {**entry, "rows": 10_000_000} for name in names}
        manifest["counts"]["rows"] = 3_000_000_000

    edit(copy / "out/manifest.json", many)
    output = FinishedOutput(Location(copy / "out"), "--candidate")
    tracemalloc.start()
    assert sum(len(part.rows) for part in output.parts) == 3_000_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


@pytest.mark.parametrize("change", ["a row outside", "a part without its rejected rows"])
def test_rows_that_an_output_miscounts_are_damage(copy: Path, change: str) -> None:
    def miscount(manifest: dict[str, Any]) -> None:
        manifest["settings"]["id_column"] = "id"
        entry = manifest["files"]["rejected/part-00000.parquet"]
        entry["rows"] = 0 if change == "a part without its rejected rows" else 1

    edit(copy / "out/manifest.json", miscount)
    if change == "a row outside":
        record = copy / "out/_units/00000.json"
        edit(record, lambda unit: unit.update(rejected_rows=[2**53 - 1]))
        data = record.read_bytes()
        entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        edit(copy / "out/manifest.json", lambda m: m["others"].update({"_units/00000.json": entry}))
    with pytest.raises(UnusableInput, match=r"damaged \(.*\); translate again"):
        _ = FinishedOutput(Location(copy / "out"), "--candidate").parts
