"""Standard streams that are closed, full or of another locale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JOB = """
import sys
import typer
from nmt.cli import application
from nmt.console import echo

app = typer.Typer()

@app.command()
def job(size: int) -> None:
    kept = open("kept", "wb")
    assert kept.fileno() > 2
    echo("zw\\xf6lf \\u2026" + "x" * size)

application.application = lambda: app
application.main()
"""


def run(
    redirection: str,
    *words: str,
    folder: Path,
    code: str = JOB,
    stdout: int = subprocess.PIPE,
    **variables: str,
) -> subprocess.CompletedProcess[bytes]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", code, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, cwd=folder, env=environment, timeout=120
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["encoding", "locale"],
)
def test_what_is_printed_is_utf8_whatever_the_locale(tmp_path, variables) -> None:
    done = run("", "0", folder=tmp_path, **variables)
    assert (done.returncode, done.stdout.decode()) == (0, "zwölf …\n"), done.stderr


@pytest.mark.parametrize("size", ["0", "100000"])
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_an_output_that_takes_nothing_is_one_line(tmp_path, redirection, reason, size) -> None:
    done = run(redirection, size, folder=tmp_path)
    (line,) = done.stderr.decode().splitlines()
    assert f": standard output cannot be written ({reason}); send it elsewhere" in line
    assert done.returncode == 1


@pytest.mark.parametrize("size", ["0", "100000"])
def test_an_output_that_nobody_reads_ends_the_command(tmp_path, size) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run("", size, folder=tmp_path, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "<&- 2>&-"])
def test_streams_that_a_command_does_not_need_may_be_closed(tmp_path, redirection) -> None:
    done = run(redirection, "0", folder=tmp_path)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "zwölf …\n", b"")


@pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null"])
def test_lines_that_cannot_be_read_are_refused(saved_models, tmp_path, redirection) -> None:
    code = "from nmt.cli.application import main\nmain('translate')"
    done = run(redirection, "--model", str(saved_models[0]), folder=tmp_path, code=code)
    (line,) = done.stderr.decode().splitlines()
    assert "ERROR translate: standard input cannot be read (Bad file descriptor); give" in line
    assert (done.returncode, done.stdout) == (2, b"")
