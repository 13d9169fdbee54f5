"""Checkpoints in storage: whole or passed over, and never lost to a store that fails."""

import logging
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from checkpoints import weights, write_checkpoint
from logged import Recorder
from s3 import S3Server

from nmt.errors import AllDamaged, NotStored
from nmt.storage.location import Location
from nmt.training.checkpoint import MANIFEST, CheckpointStore


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmt.storage.retry.PAUSES", (0.05, 0.1, 0.2))


class Stored:
    """A store, its warnings, and checkpoints that hold their step as text."""

    def __init__(self, run: Location, count: int = 2) -> None:
        self.run, self.log = run, Recorder()
        self.store = CheckpointStore(run, count)

    def keep(self, step: int, text: str = "") -> None:
        def save(folder: Path) -> None:
            write_checkpoint(folder, step, text)

        self.store.keep(step, save)

    def newest(self, folder: Path) -> tuple[str | None, str]:
        """Name and weights of what a training would continue from."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        name = self.store.fetch_newest(folder)
        if name:
            self.store.remove_later(name)
        return name, weights(folder) if name else ""

    def names(self) -> list[str]:
        return sorted({file.parts_below(self.run)[0] for file in self.run.files(recursive=True)})


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(Location(tmp_path / "run"))


def test_the_last_ones_are_kept_and_the_newest_is_found(stored, tmp_path) -> None:
    assert stored.newest(tmp_path / "x") == (None, "")
    for step in (9, 10, 100, 1000, 9_999_999, 10_000_000):
        stored.keep(step)
        assert stored.newest(tmp_path / "x")[1] == f"weights of {step}"
    assert stored.names() == ["checkpoint_10000000", "checkpoint_9999999"]
    assert stored.log.messages == []


def test_a_second_one_of_a_step_is_newer_and_never_written_over_the_first(stored, tmp_path) -> None:
    stored.keep(5, "first")
    stored.keep(5, "second")
    assert stored.newest(tmp_path / "x") == ("checkpoint_0000005-1", "second")
    assert stored.names() == ["checkpoint_0000005", "checkpoint_0000005-1"]
    for text in "34567890ab":
        stored.keep(5, text)
    assert stored.newest(tmp_path / "x")[1] == "b"


def test_one_that_was_not_completed_is_none(stored, tmp_path) -> None:
    stored.keep(5)
    stored.keep(7)
    (stored.run / "checkpoint_0000007" / MANIFEST).delete()
    assert stored.newest(tmp_path / "x") == ("checkpoint_0000005", "weights of 5")
    assert stored.names() == ["checkpoint_0000005"]  # its steps are done again
    assert stored.log.messages == []


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[3] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["state.safetensors", "progress.json", MANIFEST])
@pytest.mark.parametrize(
    "damage",
    [_flip, lambda file: file.write_bytes(file.read_bytes()[:-5]), lambda f: f.write_bytes(b"")],
    ids=["a flipped bit", "cut", "empty"],
)
def test_damage_is_told_of_and_the_one_before_is_used(stored, tmp_path, name, damage) -> None:
    for step in (5, 7):
        stored.keep(step)
    damage(Path(stored.run.path) / "checkpoint_0000007" / name)
    assert stored.newest(tmp_path / "x") == ("checkpoint_0000005", "weights of 5")
    (line,) = stored.log.messages
    assert "checkpoint_0000007" in line
    assert "damaged" in line
    assert "using the checkpoint before it" in line
    stored.keep(6)  # lower than what was damaged, and yet the newest
    assert stored.newest(tmp_path / "x")[1] == "weights of 6"
    assert stored.names() == ["checkpoint_0000005", "checkpoint_0000006"]


def test_a_missing_file_is_damage(stored, tmp_path) -> None:
    for step in (5, 7):
        stored.keep(step)
    (stored.run / "checkpoint_0000007" / "state.safetensors").delete()
    assert stored.newest(tmp_path / "x")[0] == "checkpoint_0000005"
    assert "missing" in stored.log.messages[0]


def test_many_damaged_checkpoints_are_few_warnings(stored, tmp_path) -> None:
    stored.keep(5)
    for step in range(100, 400):
        (stored.run / f"checkpoint_{step:07d}" / MANIFEST).write_text("{")
    assert stored.newest(tmp_path / "x")[0] == "checkpoint_0000005"
    assert len(stored.log.messages) == 21
    assert stored.log.messages[-1].startswith("and 280 more like ")


def test_where_all_are_damaged_nothing_is_begun_anew(stored, tmp_path) -> None:
    for step in (5, 7):
        stored.keep(step)
        _flip(Path(stored.run.path) / f"checkpoint_{step:07d}" / "state.safetensors")
    with pytest.raises(AllDamaged, match="all of its checkpoints are damaged") as caught:
        stored.newest(tmp_path / "x")
    assert "\n" not in str(caught.value)
    assert len(stored.names()) == 2


FULL = """
import sys
from pathlib import Path
import pytest
import nmt.storage.retry
import test_checkpoint_store as case
from nmt.errors import NotStored
from nmt.storage.location import Location
nmt.storage.retry.PAUSES = (0.05, 0.1)
disk = Path(sys.argv[1])
stored = case.Stored(Location(disk / "run"))
stored.keep(5)
with pytest.raises(NotStored) as caught:
    stored.keep(7, "x" * 2**20)
print(caught.value)
print(*stored.log.messages)
print(*stored.newest(Path(sys.argv[2])))
stored.keep(8)
print(*stored.newest(Path(sys.argv[2])))
"""


def test_a_full_disk_costs_no_checkpoint(tmp_path) -> None:
    """A real one: a small file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=256k tmpfs {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    run = f'{mount} && exec "$0" -c "$1" {disk} {tmp_path / "x"}'
    folders = [Path(__file__).parent, Path(__file__).parents[1], Path(__file__).parents[2]]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", run, sys.executable, FULL],
        env={"PYTHONPATH": ":".join(map(str, folders))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    failure, warning, before, after = done.stdout.splitlines()
    assert "the checkpoint of step 7 could not be stored in 3 attempt" in failure
    assert "no space is left" in failure
    assert "run the same command again" in failure
    assert "trying again" in warning
    assert before == "checkpoint_0000005 weights of 5"
    assert after == "checkpoint_0000008 weights of 8"


class Line:
    """A connection to a server that can be cut: a forwarding port on loopback."""

    def __init__(self, port: int) -> None:
        self._target, self.cut = port, False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            if self.cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while (data := source.recv(65536)) and not self.cut:
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()


@pytest.mark.system
@pytest.mark.slow
def test_a_store_that_is_away_for_a_while_is_waited_for(
    s3: S3Server, tmp_path, monkeypatch
) -> None:
    """A real S3 server, and a connection that is cut and mended."""
    line = Line(int(s3.endpoint.rsplit(":", 1)[1]))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    place = f"s3://nmt/away/run?endpoint_override=127.0.0.1:{line.port}&scheme=http"
    stored = Stored(Location(place))
    stored.keep(5)
    line.cut = True

    class Mender(logging.Handler):
        """Mends the connection as soon as a failure is logged."""

        def emit(self, record: logging.LogRecord) -> None:
            line.cut = False

    logger, mender = logging.getLogger("nmt"), Mender()
    logger.addHandler(mender)
    stored.keep(7)
    logger.removeHandler(mender)
    assert stored.newest(tmp_path / "x") == ("checkpoint_0000007", "weights of 7")
    assert len(stored.log.messages) == 1

    line.cut = True
    with pytest.raises(NotStored, match="step 9 could not be stored in 4 attempt"):
        stored.keep(9)
    line.cut = False
    assert stored.newest(tmp_path / "x") == ("checkpoint_0000007", "weights of 7")
