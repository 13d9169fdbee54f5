"""The hook gets the report's path and the verdict, and cannot hurt the job."""

import sys
from pathlib import Path

import pytest

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation import notification
from nmt.translation.notification import check, notify

WRITE = (
    "import os, sys; open(sys.argv[1], 'w').write("
    "'|'.join([sys.argv[2], os.environ['NMT_EXIT_STATUS'], os.environ['NMT_VERDICT']]))"
)


@pytest.mark.parametrize("name", ["/a b/report.json", "s3://bucket/out/report/report.json"])
def test_the_hook_gets_the_place_as_its_last_argument(tmp_path: Path, name: str) -> None:
    command = f'{sys.executable} -c "{WRITE}" {tmp_path / "told"}'
    check(command)
    assert notify(command, Location(name), 3, "drift; a 'quote' $HOME")
    assert (tmp_path / "told").read_text() == f"{name}|3|drift; a 'quote' $HOME"


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    assert notify(f"echo ; touch {tmp_path / 'made'} #", Location("/r.json"), 0, "done")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "status 1"),
        ("/no/such/program", "cannot be run"),
        ("sh -c 'sleep 60'", "did not end"),
    ],
)
def test_a_hook_that_fails_is_a_warning(monkeypatch, capsys, command, message) -> None:
    monkeypatch.setattr(notification, "_PATIENCE", 0.3)
    assert not notify(command, Location("/r.json"), 0, "done")
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [(" ", "empty"), ("echo 'x", "mend the quotes"), ("no-such-program x", "no program")],
)
def test_a_command_that_cannot_be_run_is_refused(command, message) -> None:
    with pytest.raises(UnusableInput, match=message):
        check(command)
