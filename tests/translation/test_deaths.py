"""Deaths of the processes that translate are told apart before a row is to blame."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from nmt import records
from nmt.records.output import AttemptsRecord
from nmt.storage.location import Location
from nmt.translation import quarantine
from nmt.translation.quarantine import Attempts, Death, Place, cause_of, decode_surviving

ROWS = [f"row {i}" for i in range(100)]


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def file(tmp_path) -> Location:
    return Location(tmp_path / "00000.attempts")


def killed_by(row: str, spans: list[int]) -> Any:
    """A decoder whose process a row kills; notes how many rows it was given together."""

    def decode(some, failed):
        spans.append(len(some))
        if row in some:
            raise Died
        return enumerate(some)

    return decode


def lives(file: Location, row: str) -> tuple[list[int], list[str], dict[int, str]]:
    """Work that is begun anew after every death."""
    spans: list[int] = []
    while True:
        try:
            return spans, *decode_surviving(ROWS, killed_by(row, spans), Attempts(file))
        except Died:
            continue


@pytest.mark.parametrize(
    ("death", "reason", "whole"), [(Death.CRASH, "crashed", 3), (Death.OUT_OF_MEMORY, None, 1)]
)
def test_what_runs_out_of_memory_is_done_in_batches_at_once(
    file, monkeypatch, death, reason, whole
) -> None:
    monkeypatch.setattr(quarantine, "cause_of", lambda place: death)
    spans, results, lost = lives(file, "row 70")
    assert spans.count(100) == whole
    assert lost == {70: reason or "out_of_memory"}
    assert results == [row for row in ROWS if row != "row 70"]


def test_what_is_lost_with_its_node_is_no_attempt(file, monkeypatch, capsys) -> None:
    monkeypatch.setattr(quarantine, "cause_of", lambda place: Death.NODE_LOST)
    for _ in range(2 * quarantine.UNIT_ATTEMPTS):
        attempts = Attempts(file, "rows 0–99")
        assert attempts.begun == 1
    monkeypatch.setattr(quarantine, "cause_of", lambda place: Death.OUT_OF_MEMORY)
    Attempts(file)  # from now on in batches
    monkeypatch.setattr(quarantine, "cause_of", lambda place: Death.NODE_LOST)
    for _ in range(5):
        with pytest.raises(Died):
            decode_surviving(ROWS, killed_by("row 0", []), Attempts(file))
    assert decode_surviving(ROWS, lambda some, failed: enumerate(some), Attempts(file))[1] == {}


def test_a_failure_that_is_seen_is_no_death(file, monkeypatch) -> None:
    monkeypatch.setattr(quarantine, "cause_of", lambda place: pytest.fail("nobody died"))
    for _ in range(3):
        with pytest.raises(ValueError, match="odd"), Attempts(file).counted():
            raise ValueError("odd")
    assert Attempts(file).begun == 1
    assert records.read(file, AttemptsRecord).running


@pytest.mark.parametrize(
    ("before", "after", "death"),
    [
        (Place("a", 3), Place("a", 3), Death.CRASH),
        (Place("a", 3), Place("a", 4), Death.OUT_OF_MEMORY),
        (Place("a", 3), Place("b", 9), Death.CRASH),  # another node's count says nothing
        (Place("gone", 3), Place("a", 9), Death.NODE_LOST),
        (Place("", 3), Place("a", 9), Death.CRASH),
        (Place("a", 3), Place("", 9), Death.CRASH),
        (Place("", 3), Place("", 4), Death.OUT_OF_MEMORY),
    ],
)
def test_causes(monkeypatch, before, after, death) -> None:
    nodes = [{"NodeID": "a", "Alive": True}, {"NodeID": "b", "Alive": True}]
    nodes.append({"NodeID": "gone", "Alive": False})
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(nodes=lambda: nodes))
    monkeypatch.setattr(quarantine, "here", lambda: after)
    assert cause_of(before) == death


def test_the_kernel_says_what_it_ended(tmp_path, monkeypatch) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\nhigh 2\nmax 7\noom 5\noom_kill 4\noom_group_kill 0\n")
    monkeypatch.setattr(quarantine, "_COUNTERS", (tmp_path / "none", events))
    assert quarantine.here().memory_kills == 4
    monkeypatch.setattr(quarantine, "_COUNTERS", (tmp_path / "none",))
    assert quarantine.here().memory_kills == 0
