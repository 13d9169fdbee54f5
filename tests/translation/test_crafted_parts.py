"""Whoever can write to an output can give its files any content and any name."""

import os

import pyarrow as pa
import pytest
import typer
from stored_outputs import SETTINGS, column, output, rewrite

from nmt.cli import jobs
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.records.output import JobSettings
from nmt.translation.verify import part
from nmt.translation.verify.output import verify

T0, T1 = "translations/part-00000.parquet", "translations/part-00001.parquet"


def no_utf8(name: str):
    """A change of a column's texts, alone or in lists, to what is no UTF-8."""

    def change(table: pa.Table) -> pa.Table:
        texts = pa.array([b"\xff\xfe"] * len(table)).view(pa.string())
        if pa.types.is_list(table.schema.field(name).type):
            texts = pa.ListArray.from_arrays([*range(len(table) + 1)], texts)
        return table.set_column(table.column_names.index(name), name, texts)

    return change


@pytest.mark.parametrize("name", ["flags", "translation", "target_tokens", "source"])
def test_texts_that_are_no_utf8_are_a_violation_and_the_check_goes_on(tmp_path, name) -> None:
    out = output(tmp_path)
    rewrite(tmp_path / T0, no_utf8(name))
    rewrite(tmp_path / T1, column("score", 0.5))
    found = verify(out)
    assert any(f"{T0}: column '{name}' is damaged (" in line for line in found.violations)
    assert any("outside of -262144 to 0" in line for line in found.violations)
    assert all("\n" not in line for line in found.violations)
    assert found.damaged == {0, 1}


def test_names_of_text_columns_may_be_no_utf8() -> None:
    table = pa.table({TEXT_COLUMN: ["a", "b"]})
    settings = JobSettings.model_validate({**SETTINGS, "text_columns": ["a", "b"]})
    assert part.text_column_problems(table, settings) == []
    assert part.text_column_problems(no_utf8(TEXT_COLUMN)(table), settings) == [
        f"column '{TEXT_COLUMN}' names what is no --text-column"
    ]


def test_alternatives_may_have_two_fields_of_one_name() -> None:
    fields = [pa.field("a", pa.string()), pa.field("a", pa.float64())]
    both = [pa.array(["xxxx", "x"]), pa.array([1.0, float("nan")])]
    lists = pa.ListArray.from_arrays([0, 1, 2], pa.StructArray.from_arrays(both, fields=fields))
    problems = part.value_problems(pa.table({"alternatives": lists}), longest=3, n_best=2)
    assert [*problems] == [
        "column 'alternatives' has values of more than 3 characters",
        "column 'alternatives' has values that are no numbers",
    ]


def test_a_file_whose_name_is_no_utf8_is_a_violation_that_nothing_repairs(tmp_path, capsys) -> None:
    out = output(tmp_path)
    odd = tmp_path / "translations" / os.fsdecode(b"\xff.parquet")
    for stray in (odd, tmp_path / "translations/part-99999.parquet"):
        stray.touch()
    with pytest.raises(typer.Exit):
        jobs.verify(jobs.VerifyRequest(out, repair=True))
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "translations/\\xff.parquet: a name that is not UTF-8; rename the file or move it away",
        "translations/part-99999.parquet: is not named in manifest.json, but whoever reads the "
        "folder reads it, too; move it away",
    ]
    assert "again" not in said.err
    assert (tmp_path / "_SUCCESS").exists()
