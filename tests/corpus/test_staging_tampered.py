"""Whatever stands in ``_staging``, a preparation ends with the bytes of one from nothing."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import make
from memory import peak
from test_prepare_resumed import SETTINGS, contents, request_in

from nmt.corpus import filtering
from nmt.corpus.staged import array_bytes, parse_arrays
from nmt.errors import UnusableInput

Tampering = Callable[[Path], None]


class Killed(BaseException):
    """What stands for a signal: nothing in the program catches it."""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with ``whole/o``, a dataset, and ``o``, which lacks only its page; the request."""
    folder = tmp_path_factory.mktemp("interrupted")
    request = request_in(folder)
    make(folder / "whole/o", SETTINGS, **request)

    def kill(*_: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmt.corpus.prepare.write_page", kill)
        with pytest.raises(Killed):
            make(folder / "o", SETTINGS, **request)
    return folder, request


def change(piece: str, tamper: Callable[[dict[str, Any]], Any]) -> Tampering:
    """Change the result of a piece."""

    def apply(folder: Path) -> None:
        file = folder / "_staging" / f"done-{piece}"
        record = json.loads(file.read_text())
        tamper(record["result"])
        file.write_text(json.dumps(record))

    return apply


def replace(name: str, data: Callable[[Path], bytes | pa.Table], *undone: str) -> Tampering:
    """Put other content into a staged file, with its hash, and undo the stages that read it."""

    def apply(folder: Path) -> None:
        file = folder / "_staging" / name
        content = data(file)
        if isinstance(content, pa.Table):
            pq.write_table(content, file)
        else:
            file.write_bytes(content)
        data_now = file.read_bytes()
        entry = {"bytes": len(data_now), "sha256": hashlib.sha256(data_now).hexdigest()}
        for done in (folder / "_staging").glob("done-*"):
            record = json.loads(done.read_text())
            if f"_staging/{name}" in record["files"]:
                record["files"][f"_staging/{name}"] = entry
                done.write_text(json.dumps(record))
            if done.name.split("-")[1] in undone:
                done.unlink()

    return apply


def several(*tamperings: Tampering) -> Tampering:
    """Do one after the other."""

    def apply(folder: Path) -> None:
        for tampering in tamperings:
            tampering(folder)

    return apply


def table(function: Callable[[pa.Table], pa.Table]) -> Callable[[Path], pa.Table]:
    """A changed table."""
    return lambda file: function(pq.read_table(file))


def huge(_: Path) -> bytes:
    """Arrays one of which has 10^13 values by its header."""
    header = str((3,)).encode(), str((10**13,)).encode()
    empty = np.zeros(0, np.int32)
    data = array_bytes(units=np.zeros(3, np.int32), rows=empty, kinds=empty.astype(np.uint8))
    changed = data.replace(header[0] + b", }" + b" " * 12, header[1] + b", }")
    assert changed != data
    return changed


AFTER_CLEAN = ("score", "aligner", "judge", "repeated", "filter", "vocabulary", "encode", "lexicon")
TAMPERINGS: dict[str, Tampering] = {
    "unit twice": change("read-00000", lambda r: r.update(units=r["units"] * 2)),
    "other role": change("read-00000", lambda r: r["units"][0].update(role="../x")),
    "counts": several(
        change("clean-00000", lambda r: r.update(scripts={})),
        change("score-00000", lambda r: r.update(pairs=2**53)),
        change("filter-00000", lambda r: r.update(drops={"<b>": 1})),
        change("aligner-00000", lambda r: r.update(ratios={"all": "x"})),
        change("lexicon-00000", lambda r: r.update(sha256="0" * 64)),
    ),
    "name": change("encode-00000", lambda r: r["files"]["rejected"].update(name="../x.parquet")),
    "other part": change(
        "encode-00000", lambda r: r["files"]["rejected"].update(name=r["files"]["train"]["name"])
    ),
    "moved rows": change(
        "encode-00000",
        lambda r: [r["files"][s].update(rows=r["files"][s]["rows"] + n) for s, n in MOVED],
    ),
    "rows twice": replace("clean-00000", table(lambda t: pa.concat_tables([t, t])), *AFTER_CLEAN),
    "fewer rows": replace("clean-00001", table(lambda t: t.slice(0, 5)), *AFTER_CLEAN),
    "columns": replace("judged-00000", table(lambda t: t.select(["id"])), "filter"),
    "types": replace("raw-00000", table(lambda t: t.set_column(2, "source", t["id"])), "clean"),
    "nulls": replace(
        "kept-00000",
        table(lambda t: t.set_column(1, "source", pa.nulls(len(t), pa.string()))),
        "encode",
    ),
    "garbage": replace("aligner-00000", lambda _: b"garbage", "judge"),
    "huge array": replace("repeated-00000-00000", huge, "filter"),
}
MOVED = (("train", 1), ("rejected", -1))


@pytest.mark.parametrize("name", TAMPERINGS)
def test_no_tampering_shows_in_a_dataset(
    name: str, interrupted: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, request = interrupted
    shutil.copytree(folder / "o", tmp_path / "o")
    TAMPERINGS[name](tmp_path / "o")
    make(tmp_path / "o", SETTINGS, **request)
    assert contents(tmp_path / "o") == contents(folder / "whole/o")


def test_an_aligner_is_read_by_its_size(
    interrupted: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here no aligner is small enough."""
    folder, request = interrupted
    shutil.copytree(folder / "o", tmp_path / "o")
    replace("aligner-00000", Path.read_bytes, "judge")(tmp_path / "o")
    monkeypatch.setattr(filtering, "LARGEST", 10)
    with pytest.raises(UnusableInput, match=r"aligner-00000: .* more than the 10 "):
        make(tmp_path / "o", SETTINGS, **request)


def test_what_cannot_be_used_is_told_in_one_line(
    interrupted: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, request = interrupted
    shutil.copytree(folder / "o", tmp_path / "o")
    replace("kept-00000", lambda _: b"PAR1\x1b", "encode")(tmp_path / "o")
    make(tmp_path / "o", SETTINGS, **request)
    lines = [line for line in capsys.readouterr().err.splitlines() if "done anew" in line]
    assert len(lines) == 1
    assert "kept-00000" in lines[0] or "encode" in lines[0]
    assert lines[0].isprintable()


def test_a_reason_that_there_is_not_is_told_in_one_short_line(
    interrupted: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, request = interrupted
    shutil.copytree(folder / "o", tmp_path / "o")
    name = "rejected/part-00000.parquet"
    file, done = tmp_path / "o" / name, tmp_path / "o/_staging/done-encode-00000"
    rows = pq.read_table(file)
    place = rows.column_names.index("reason")
    pq.write_table(rows.set_column(place, "reason", pa.array(["9" * 5000] * len(rows))), file)
    data, record = file.read_bytes(), json.loads(done.read_text())
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    record["files"][name] |= entry
    record["result"]["files"]["rejected"] |= entry
    done.write_text(json.dumps(record))
    make(tmp_path / "o", SETTINGS, **request)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "done anew" in line]
    assert "damaged (a reason that there is not)" in line
    assert len(line) < 500
    assert contents(tmp_path / "o") == contents(folder / "whole/o")


def test_a_folder_in_the_place_of_the_record_is_refused_before_anything_is_read(
    interrupted: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, request = interrupted
    shutil.copytree(folder / "o", tmp_path / "o")
    (tmp_path / "o/dataset.json").mkdir()
    before = contents(tmp_path / "o")
    with pytest.raises(UnusableInput, match=r"dataset\.json: a folder"):
        make(tmp_path / "o", SETTINGS, **request)
    assert contents(tmp_path / "o") == before


def test_arrays_are_read_as_they_were_written() -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3), "c": np.zeros(0, np.uint64)}
    again = parse_arrays(array_bytes(**arrays))
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def overlapping(array: bytes, count: int) -> bytes:
    """A .zip of so many names of the same bytes: each header has those after it as its extra."""
    headers, directory = b"", b""
    check, size = zlib.crc32(array), len(array)
    for number in range(count):
        name = f"{number:04}.npy".encode()
        extra = struct.pack("<HH", 0xCAFE, len(headers)) + headers if headers else b""
        shared = struct.pack("<5H3I", 20, 0, 0, 0, 0, check, size, size)
        lengths = struct.pack("<HH", len(name), len(extra))
        headers = b"PK\3\4" + shared + lengths + name + extra
    for number in range(count):
        name = f"{number:04}.npy".encode()
        # Headers of a later number stand further ahead: 38 bytes each, 42 with an extra.
        start = len(headers) - (38 + 42 * number)
        shared = struct.pack("<6H3I", 20, 20, 0, 0, 0, 0, check, size, size)
        directory += b"PK\1\2" + shared + struct.pack("<5H2I", len(name), 0, 0, 0, 0, 0, start)
        directory += name
    place = struct.pack("<4H2IH", 0, 0, count, count, len(directory), len(headers) + size, 0)
    return headers + array + directory + b"PK\5\6" + place


def test_arrays_that_share_their_bytes_are_refused_before_they_are_read() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(1 << 15))
    one, crafted = (overlapping(buffer.getvalue(), count) for count in (1, 64))
    assert [*parse_arrays(one)] == ["0000"]

    def parse() -> None:
        with pytest.raises(ValueError, match=r"arrays of 16,\d{3},\d{3} bytes in a file"):
            parse_arrays(crafted)

    assert peak(parse) < 4 * len(crafted)
