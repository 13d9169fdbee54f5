"""What is written as JSON is JSON, whatever the numbers are."""

import json
import re
from pathlib import Path

import pytest

from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.json_text import format_json, hash_json, json_text
from nmt.report import page
from nmt.storage.location import Location

NAN, INF = float("nan"), float("inf")
ODD = {"a": [1.5, NAN, (INF, -INF)], "b": {"c": NAN, "d": None}, "e": "ä"}
PLAIN = {"a": [1.5, None, [None, None]], "b": {"c": None, "d": None}, "e": "ä"}


def strict(text: str) -> object:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_none_are_null(tmp_path) -> None:
    assert strict(json_text(ODD)) == PLAIN
    assert strict(format_json(ODD)) == PLAIN
    assert hash_json(ODD) == hash_json(PLAIN)
    Location(tmp_path / "a.json").write_json(ODD)
    assert strict((tmp_path / "a.json").read_text("utf-8")) == PLAIN
    shown = page._json(ODD)
    assert shown is not None
    assert shown.isascii()
    assert strict(str(shown)) == PLAIN


def test_metrics_of_a_training_are_lines_of_json(tmp_path) -> None:
    from nmt.records.run import MetricsLine
    from nmt.training.run_folder import RunFolder

    folder = RunFolder(Location(tmp_path), 0)
    folder.add_metrics(MetricsLine(step=1, epoch=0, loss=NAN, gradient_norm=INF))
    folder.write_lines()
    line = strict((tmp_path / "metrics.jsonl").read_text("utf-8"))
    assert line == {"step": 1, "epoch": 0, "loss": None, "gradient_norm": None}
    again = RunFolder(Location(tmp_path), 1)
    again.write_validations()  # draws what was read back


def test_nothing_else_writes_json() -> None:
    folder = Path(__file__).parents[1]
    files = [*(folder / "nmt").rglob("*.py"), *(folder / "jobs").glob("*.py")]
    found = {file.name for file in files if "json.dump" in file.read_text("utf-8")}
    assert found == {"json_text.py"}


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
def test_settings_are_finite(value) -> None:
    for name in ("search.length_penalty", "search.max_length_ratio", "training.dropout"):
        with pytest.raises(UnusableInput) as caught:
            resolve(assignments=[f"{name}={value}"])
        assert re.match(f"setting '{name}': (input should|must) be ", str(caught.value))
        assert "\n" not in str(caught.value)


def test_equal_values_have_equal_hashes() -> None:
    assert hash_json({"a": 1, "b": [1, "ü"]}) == hash_json({"b": [1, "ü"], "a": 1})
    assert len({hash_json(value) for value in ({"a": 1}, {"a": "1"}, {"a": 1.5}, {}, [])}) == 5
