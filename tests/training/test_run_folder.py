"""What the folder of a run tells, and what it does not."""

import os
import re
import socket
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nmt.records.run import MetricsLine
from nmt.storage.location import Location
from nmt.training import run_folder
from nmt.training.run_folder import RunFolder


def test_events_name_neither_host_nor_process(tmp_path: Path) -> None:
    """Each attempt has a file of its own, in the order of the attempts."""
    for attempt in (1, 2):
        run = RunFolder(Location(tmp_path))
        for step in (2 * attempt, 2 * attempt + 1):
            run.add_metrics(MetricsLine(step=step, epoch=1, loss=1.0))
            run.write_events()
    files = list((tmp_path / "tensorboard").iterdir())
    assert len(files) == 2
    for file in files:
        assert re.fullmatch(r"events\.out\.tfevents\.\d{10}\.[0-9a-f]{8}\.v2", file.name)
        assert socket.gethostname() not in file.name
        assert socket.gethostname().encode() not in file.read_bytes()
        assert f".{os.getpid()}." not in file.name
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0}).Reload()
    assert sorted(event.step for event in events.Tensors("training/loss")) == [2, 3, 4, 5]


def test_a_run_without_reports_stores_events_too(tmp_path: Path) -> None:
    RunFolder(Location(tmp_path)).write_events()
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_a_curve_that_cannot_be_drawn_ends_no_training(tmp_path: Path, monkeypatch, capsys) -> None:
    def draw(*_: object) -> bytes:
        raise OverflowError("Exceeded cell block limit in Agg")

    monkeypatch.setattr(run_folder, "learning_curve", draw)
    folder = RunFolder(Location(tmp_path))
    folder.write_validations()
    assert (tmp_path / "validations.tsv").is_file()
    assert "plots/learning.png cannot be drawn" in capsys.readouterr().err
