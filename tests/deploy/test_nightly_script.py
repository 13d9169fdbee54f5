"""deploy/nightly.sh with a stand-in for the job: what it makes of statuses and stored settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation.nights import baseline_of

ROOT = Path(__file__).parents[2]


def finish(folder: Path) -> Path:
    """Make a finished night of a folder."""
    folder.mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    return folder


def begin(folder: Path, baseline: str | None) -> None:
    """Begin a night with a baseline, or with none."""
    folder.mkdir(parents=True)
    settings = {} if baseline is None else {"baseline": baseline}
    (folder / "_job.json").write_text(json.dumps({"settings": settings}))


class Script:
    """The script, and the commands that it has run.

    Args:
        folder: for outputs, settings and the stand-in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.output = folder, folder / "out"
        stand_in = folder / "bin/python"
        stand_in.parent.mkdir()
        stand_in.write_text(
            f'#!/bin/sh\nif [ "$1" = - ]; then exec {sys.executable} "$@"; fi\n'
            f'echo "$@" >> {folder}/calls\nread -r first < {folder}/ends\n'
            f"sed -i 1d {folder}/ends\nexit $first\n"
        )
        stand_in.chmod(0o755)
        (folder / "calls").touch()
        (folder / "env").write_text(
            f"MODEL=/m\nINPUT=/in\nOUTPUT={folder}/out\nOPTIONS='--beam-size 5'\n"
            f"PATH={folder}/bin:$PATH\n"
        )

    def run(self, date: str, ends: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a night whose jobs end with these statuses, one after the other."""
        (self._folder / "ends").write_text("".join(f"{end}\n" for end in ends))
        return subprocess.run(
            ["bash", "deploy/nightly.sh", self._folder / "env", date],
            cwd=ROOT, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    @property
    def calls(self) -> list[str]:
        return (self._folder / "calls").read_text().splitlines()

    def call(self, date: str, *more: str) -> str:
        """What it should have run."""
        night = f"--input /in/{date} --output {self.output}/{date} --gate"
        return " ".join(["jobs/translate.py --model /m", night, *more, "--beam-size 5"])


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


@pytest.mark.parametrize(
    ("ends", "status", "calls"),
    [
        (["0"], 0, 1),
        (["1", "0"], 0, 2),
        (["1", "1"], 1, 2),
        (["2"], 2, 1),
        (["3"], 3, 1),
        (["4"], 4, 1),
        (["143"], 143, 1),
    ],
)
def test_the_script_tries_again_only_what_failed(script, ends, status, calls) -> None:
    night = finish(script.output / "2026-01-03")
    done = script.run("2026-01-05", ends)
    assert done.returncode == status, done.stderr
    assert script.calls == [script.call("2026-01-05", "--baseline", str(night))] * calls


HOSTILE = [
    *("s3://nmt/x?endpoint_override=http://127.0.0.1:9", "/etc", "none", "", "{out}", "{out}/"),
    *("{out}/2026-01-02/../../x", "{out}/2026-01-2", "{out}/2026-01-02\n", "{out}/2026-01-05"),
    *("{out}/2026-01-06", "{out}/2025-12-28", "{out}/x", "\x1b]0;title\x07\n--overwrite"),
]


def test_nothing_that_is_stored_reaches_the_command_line(script, tmp_path: Path) -> None:
    """Whoever can write to the bucket would choose what the job reads, and with its credentials."""
    begin(script.output / "2026-01-05", HOSTILE[0] + "\x1b]0;title\x07")
    night = finish(script.output / "2026-01-03")
    done = script.run("2026-01-05", ["2"])
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")  # the job itself refuses
    assert script.calls == [script.call("2026-01-05", "--baseline", str(night))]


def test_a_damaged_night_is_one_line(script) -> None:
    begin(script.output / "2026-01-05", None)
    (script.output / "2026-01-05/_job.json").write_text('{"settings": [\x1b]}')
    done = script.run("2026-01-05", [])
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nightly.sh: {script.output}/2026-01-05/_job.json: damaged (")
    assert "\x1b" not in line
    assert not script.calls


@pytest.mark.parametrize("stored", HOSTILE)
def test_a_stored_baseline_only_chooses_among_the_nights_before(tmp_path: Path, stored) -> None:
    out = tmp_path / "out"
    begin(out / "2026-01-05", stored.format(out=out))
    assert baseline_of(str(out), "2026-01-05") == ""
    for date in ("2025-12-28", "2025-12-29", "2026-01-02", "2026-01-06"):
        finish(out / date)
    assert baseline_of(str(out), "2026-01-05") == "2026-01-02"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_night_that_has_begun_keeps_its_baseline(tmp_path: Path, end) -> None:
    outputs = f"{tmp_path}/out{end}"
    for date in ("2026-01-02", "2026-01-04"):  # the later one was repaired meanwhile
        finish(tmp_path / "out" / date)
    assert baseline_of(outputs, "2026-01-05") == "2026-01-04"
    begin(tmp_path / "out/2026-01-05", Location(f"{outputs}/2026-01-02").shown)
    assert baseline_of(outputs, "2026-01-05") == "2026-01-02"
    begin(tmp_path / "out/2026-01-06", None)
    assert baseline_of(outputs, "2026-01-06") == ""


@pytest.mark.parametrize("date", ["today", "20260105", "2026-02-30", "0001-01-01", "2026-01-05\n"])
def test_what_is_no_date_is_one_line(tmp_path: Path, date) -> None:
    with pytest.raises(UnusableInput, match="no date; write it as 2026-01-05"):
        baseline_of(str(tmp_path), date)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"settings": []}', '{"settings": {"baseline": ["/etc"]}}']
)
def test_a_night_whose_settings_are_damaged_is_one_line(tmp_path: Path, text) -> None:
    begin(tmp_path / "2026-01-05", None)
    (tmp_path / "2026-01-05/_job.json").write_text(text)
    with pytest.raises(UnusableInput, match=r"_job\.json: damaged") as caught:
        baseline_of(str(tmp_path), "2026-01-05")
    assert "\n" not in str(caught.value)
