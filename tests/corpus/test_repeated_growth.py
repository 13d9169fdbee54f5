"""Equal pairs do not fill one range of fingerprints, and a unit reads only its own files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nmt.corpus import repeated
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location


def _units(count: int, rows: int) -> list[Any]:
    return [
        SimpleNamespace(number=n, count=rows, name=lambda kind, n=n: f"{kind}-{n:05d}")
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [4, 16])
def test_equal_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    plan: Any = SimpleNamespace(staging=Location(f"{tmp_path}"))
    units, ranges, reads, most = _units(count, 50), 3, [], []
    actual = repeated.read_arrays

    def read(file: Location, *rest: Any) -> dict[str, np.ndarray]:
        arrays = actual(file, *rest)
        reads.append(file.name)
        most.append(max(map(len, arrays.values())))
        return arrays

    for unit in units:
        texts = ["a"] * 49 + ["A!"]
        repeated.write_pairs(plan, unit, np.arange(50, dtype=np.int32), texts, texts, True, True)
        assert len(repeated.read_pairs(plan, unit)["exact"]) == 2
        assert len(repeated.read_pairs(plan, unit)["near"]) == 1
    for number in range(ranges):
        repeated.find_repeated(plan, units, ranges, number)
    monkeypatch.setattr(repeated, "read_arrays", read)
    for unit in units:
        found = repeated.read_repeated(plan, unit, ranges)
        exact = [*range(1, 49)] if unit.number == 0 else [*range(50)]
        assert found[RejectReason.DUPLICATE].tolist() == exact
        near = [49] if unit.number == 0 else []
        assert found[RejectReason.NEAR_DUPLICATE].tolist() == near
    assert len(reads) == count * (1 + ranges)
    assert max(most) <= 50
