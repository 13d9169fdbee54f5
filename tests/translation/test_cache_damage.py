"""A cache that is damaged, or changes while a job runs, costs no more than decoding again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cached_jobs import assert_same, origins
from logged import messages
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)

pytestmark = pytest.mark.system  # whole jobs, each done several times


def test_what_goes_from_a_cache_while_the_job_runs_is_decoded_again(
    models, corpus, tmp_path
) -> None:
    cache, lost = tmp_path / "cache", []

    def lose(number: int) -> None:
        files = list(cache.rglob("*.parquet"))
        if not lost:
            lost.extend(files)
            for file in files:
                file.unlink()

    translate(models[0], corpus, tmp_path / "plain")
    translate(models[0], corpus, tmp_path / "out", None, lose, cache=cache)
    assert lost
    assert_same(tmp_path / "plain", tmp_path / "out")


def test_a_damaged_cache_is_said_and_costs_its_sentences(
    models, corpus, tmp_path, capsys, monkeypatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr("nmt.translation.cache.store._HELD", 5000)  # so there are several files
    first = translate(models[0], corpus, tmp_path / "first", cache=cache)
    files = sorted(cache.rglob("*.parquet"))
    lost = sum(pq.read_metadata(file).num_rows for file in files[:2])
    for file in files[:2]:
        file.write_bytes(file.read_bytes()[:-20])
    capsys.readouterr()
    second = translate(models[0], corpus, tmp_path / "second", cache=cache)
    assert origins(second)[0] == lost > 0
    assert_same(tmp_path / "first", tmp_path / "second")
    (warning,) = messages(capsys.readouterr().err, "WARNING")
    assert f"{files[0]}.damaged and 1 other files: damaged and set aside" in warning
    third = translate(models[0], corpus, tmp_path / "third", cache=cache)
    assert origins(third) == (0, sum(origins(first)), 0)


def test_a_file_whose_keys_alone_can_be_read_is_damaged(models, corpus, tmp_path) -> None:
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache)
    file = max(cache.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    pages = pq.read_metadata(file).row_group(0)
    columns = [pages.column(i) for i in range(pages.num_columns)]
    (found,) = [column for column in columns if column.path_in_schema == "translation"]
    data = bytearray(file.read_bytes())
    start, size = found.data_page_offset, found.total_compressed_size
    data[start : start + size - 1] = b"\xff" * (size - 1)
    file.write_bytes(data)
    second = translate(models[0], corpus, tmp_path / "second", cache=cache)
    assert origins(second)[0] > 0
    assert_same(tmp_path / "first", tmp_path / "second")


@pytest.mark.parametrize(
    ("name", "value"),
    [("translation", None), ("score", float("nan")), ("flags", ["odd"]), ("alignment", "0_0")],
)
def test_results_that_no_job_makes_are_translated_again(
    models, corpus, tmp_path, name, value
) -> None:
    """Whoever can write to a cache can give the sentences of a file other results."""
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache, alignments=True)
    file = max(cache.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    table = pq.read_table(file)
    place, kind = table.column_names.index(name), table.schema.field(name).type
    pq.write_table(table.set_column(place, name, pa.array([value] * len(table), kind)), file)
    translate(models[0], corpus, tmp_path / "second", cache=cache, alignments=True)
    assert file.with_name(f"{file.name}.damaged").is_file()
    assert_same(tmp_path / "first", tmp_path / "second")
