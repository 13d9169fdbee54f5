"""The heatmaps of a job."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate

from nmt.report import fonts

IDS = ["page/7", "page_7", "<b>", "8"]


@pytest.mark.parametrize("cache", [False, True], ids=["without a cache", "with one"])
def test_heatmaps_are_named_by_ids_and_boxes_are_told_once(
    saved_models, tmp_path, monkeypatch, capsys, cache
) -> None:
    monkeypatch.setattr(fonts, "families", lambda _: (fonts.FAMILY,))
    monkeypatch.setattr(fonts, "_warned", set())
    sources = ["The 犬 sleeps.", "The 犬 sees.", "A cat.", "The dog."]
    pq.write_table(pa.table({"id": IDS, "source": sources}), tmp_path / "in.parquet")
    options = {"cache": tmp_path / "cache"} if cache else {}
    translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "out", heatmaps=9, **options)
    assert sorted(path.name for path in (tmp_path / "out/report/heatmaps").glob("*.png")) == [
        "row-000000000-page_7.png",
        "row-000000001-page_7.png",
        "row-000000002-b.png",
        "row-000000003-8.png",
    ]
    page = (tmp_path / "out/report/index.html").read_text()
    headings = re.findall(r'<span class="name"[^>]*>(.*?)</span>', page)
    assert headings == ["#page/7", "#page_7", "#&lt;b&gt;", "#8"]
    told = [line for line in capsys.readouterr().err.splitlines() if "fonts-noto-cjk" in line]
    assert len(told) == 1
