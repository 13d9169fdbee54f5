"""An input that grows while a job reads it, and the file that says that it is complete."""

import threading
import time
from pathlib import Path

import pytest
from outputs import translate

from nmt.errors import UnusableInput
from nmt.settings import GateSettings
from nmt.storage.location import Location
from nmt.translation import finalize
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.marker import await_marker


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("The dog sleeps.\nA cat sees the old bird.\n")
    return folder


def test_files_that_came_later_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", "a.txt", "b.txt")
    (folder / "empty.txt").touch()
    corpus = inspect(str(folder), "source")
    assert corpus.added() == []
    write(folder, "_SUCCESS", ".hidden", "c.txt")
    assert corpus.added() == [str(folder / "c.txt")]
    assert inspect(str(folder / "a*"), "source").added() == []


@pytest.mark.parametrize(("allowed", "status"), [(0, 3), (1, 0), (None, 0)])
def test_a_setting_decides_whether_that_is_an_error(
    saved_models, tmp_path, monkeypatch, capsys, allowed, status
) -> None:
    folder = write(tmp_path / "in", "a.txt")
    real = finalize.refuse_changed

    def late(corpus: InputCorpus, output: object) -> None:
        real(corpus, output)  # type: ignore[arg-type]
        write(folder, "b.txt")

    monkeypatch.setattr(finalize, "refuse_changed", late)
    gates = GateSettings(
        suspicious=None, truncated=None, repetition=None, score=None, added_files=allowed
    )
    outcome = translate(saved_models[0], folder, tmp_path / "out", gate=True, gates=gates)
    assert outcome.exit_status == status
    assert ("and not translated: 1, more than gate.added_files=0" in outcome.reason) == (
        status == 3
    )
    assert f"{folder / 'b.txt'}: added to the input while the job ran" in capsys.readouterr().err


def test_a_marker_is_waited_for(tmp_path: Path) -> None:
    marker = Location(tmp_path / "_COMPLETE")
    with pytest.raises(UnusableInput, match=r"not there, so .* or give --input-wait MINUTES"):
        await_marker(marker, 0)
    with pytest.raises(UnusableInput, match="or give a larger --input-wait"):
        await_marker(marker, 0.001)
    threading.Timer(0.3, lambda: marker.write_bytes(b"")).start()
    begun = time.monotonic()
    await_marker(marker, 5)
    assert time.monotonic() - begun >= 0.3
    await_marker(marker, 0)
