"""Columns that no job writes, in an output whose hashes are right all the same, are one line."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_output import asked, edit, request, sound_output

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.errors import UnusableInput
from nmt.evaluation.job import evaluate
from nmt.evaluation.sentences import read_table
from nmt.storage.location import Location
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.verify.output import verify


@pytest.fixture(scope="module")
def sound(saved_models, tmp_path_factory) -> Path:
    return sound_output(saved_models[0], tmp_path_factory.mktemp("sound"))


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound / "out", tmp_path / "out")
    return tmp_path


@pytest.mark.parametrize("folder", ["translations", "rejected", "alignments"])
def test_two_columns_of_one_name_are_one_violation(copy: Path, folder: str) -> None:
    """Also where it is a column that nothing but a look at all columns reads."""
    out = copy / "out"
    file = next((out / folder).glob("*.parquet"))
    table = pq.read_table(file)
    last = table.schema.field(table.num_columns - 1)
    pq.write_table(table.append_column(last, table.column(table.num_columns - 1)), file)
    entry = {"bytes": file.stat().st_size, "sha256": Location(file).sha256()}
    edit(out / "manifest.json", lambda m: m["files"][f"{folder}/{file.name}"].update(entry))
    found = verify(Location(out))
    assert any("several columns" in line for line in found.violations), found.violations
    with pytest.raises(UnusableInput, match=rf"several columns '{last.name}'"):
        read_table(Location(file))


MAP = pa.map_(pa.string(), pa.int64())


def no_utf8(rows: int) -> pa.Array:
    binary = pa.array([b"\xff"] * rows, pa.binary())
    return pa.Array.from_buffers(pa.string(), rows, binary.buffers())


COLUMNS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "no score": lambda t: t.drop_columns(["score"]),
    "a null": lambda t: t.set_column(2, "translation", pa.nulls(len(t), pa.string())),
    "numbers": lambda t: t.set_column(2, "translation", pa.array(range(len(t)))),
    "lists with nulls": lambda t: t.set_column(
        t.column_names.index("flags"), "flags", pa.array([[None]] * len(t), pa.list_(pa.string()))
    ),
    "other ids": lambda t: t.set_column(0, "id", pa.array([10**9] * len(t))),
    "long": lambda t: t.set_column(2, "translation", pa.array(["a b c " * 200_000] * len(t))),
    "many tokens": lambda t: t.set_column(
        t.column_names.index("target_tokens"),
        "target_tokens",
        pa.array(
            [[str(n) for n in range(1_000_001)]] + [["a"]] * (len(t) - 1), pa.list_(pa.string())
        ),
    ),
    "ids of text": lambda t: t.set_column(0, "id", pa.array(["x"] * len(t))),
    "maps as ids": lambda t: t.set_column(0, "id", pa.array([[("a", 1)]] * len(t), MAP)),
    "no UTF-8": lambda t: t.set_column(2, "translation", no_utf8(len(t))),
    "sources of no UTF-8": lambda t: t.set_column(1, "source", no_utf8(len(t))),
}


def change_part(copy: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    (part,) = (copy / "out/translations").iterdir()
    table = pq.read_table(part)
    assert table.column_names[1:3] == ["source", "translation"]
    entry = Location(part).write_table(change(table)).to_json()
    edit(
        copy / "out/manifest.json",
        lambda m: m["files"].update({f"translations/{part.name}": entry}),
    )


@pytest.mark.parametrize("what", COLUMNS)
def test_columns_that_no_job_writes_are_one_line(copy: Path, what: str) -> None:
    change_part(copy, COLUMNS[what])
    references = copy / "ref.txt"
    references.write_text("a\nb\nc\nd\n")
    with pytest.raises(UnusableInput, match=r"damaged|dictionaries of 1,000,001 values") as caught:
        evaluate(replace(asked(copy), reference_column=None, references=(str(references),)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["maps as ids", "no UTF-8", "sources of no UTF-8"])
def test_a_baseline_that_cannot_be_read_is_refused_before_anything_is_decoded(
    sound, saved_models, copy, what
) -> None:
    change_part(copy, COLUMNS[what])
    wanted = request(sound, saved_models[0], copy / "new", baseline=Location(copy / "out"))
    with pytest.raises(UnusableInput, match=r"part-00000\.parquet: damaged \(column '"):
        check(wanted, bundle.check_all(wanted.models), inspect(wanted.input, wanted.text_column[0]))


def test_a_limit_that_no_job_can_have_is_damage(copy: Path) -> None:
    edit(
        copy / "out/manifest.json",
        lambda m: m["settings"]["search"].update(max_characters=2**62),
    )
    with pytest.raises(UnusableInput, match=r"manifest\.json: damaged \(settings.search.max_char"):
        evaluate(asked(copy))
