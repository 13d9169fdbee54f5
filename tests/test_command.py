"""Options, settings files and statuses of a command, in this process with a job of its own."""

import errno
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from nmt.cli import application
from nmt.cli.application import OnceCommand
from nmt.cli.command import command
from nmt.cli.parameters import parse_range
from nmt.cluster.connection import Address
from nmt.configuration import resolve
from nmt.errors import JobFailed, UnusableInput
from nmt.options import FromSettings, Option
from nmt.settings import Settings


@dataclass(frozen=True)
class SmallRequest:
    """The request of a job called ``train``."""

    data: Annotated[str, Option("")]
    output: Annotated[str, Option("")]
    settings: Annotated[Settings, FromSettings(options=("search.beam_size",), preset=True)]
    max_minutes: Annotated[float | None, Option("")] = None
    references: Annotated[tuple[str, ...], Option("")] = ()
    workers: Annotated[str, Option("")] = "1"
    use_gpu: Annotated[bool | None, Option("", name="--use-gpu/--no-use-gpu")] = None
    dry_run: Annotated[bool, Option("")] = False
    address: Address = None


def application_of(job: Callable[[SmallRequest], None]) -> typer.Typer:
    app = typer.Typer()
    app.command("train", cls=OnceCommand)(command(SmallRequest, job))
    app.command("other")(lambda: None)  # a single one would have no name
    return app


def run(*options: str, env: dict[str, str] | None = None) -> tuple[int, str, SmallRequest | None]:
    """Run a job called ``train`` with some options; exit status, message, its request."""
    requests: list[SmallRequest] = []

    def train(request: SmallRequest) -> None:
        requests.append(request)
        if request.data == "bad":
            raise UnusableInput("bad: give other data")
        if request.data.startswith("odd"):
            raise UnusableInput(f"{request.data}: give other data")
        if request.data == "failed":
            raise JobFailed("the disk is gone")
        if request.data == "large":
            raise MemoryError("an array of 9 GiB")
        if request.data == "full":
            raise OSError(errno.ENOSPC, "No space left on device", "a\x1b[31mb")
        if request.data == "stop":
            raise KeyboardInterrupt
        if request.data == "gate":
            raise typer.Exit(3)
        if request.data == "broken":
            raise ValueError("first \x1b[2J\nerror: forged")

    runner = CliRunner(env={"NMT_CONFIG": "", "RAY_ADDRESS": "", **(env or {})})
    with runner.isolation() as (_, error, *_):
        try:
            application.run(application_of(train), ["train", *options])
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            sys.stderr.flush()
        message = re.sub(r"^\S+Z ", "", error.getvalue().decode(), flags=re.MULTILINE)
    return status, message, requests[0] if requests else None


def write(path: Path, content: str) -> str:
    path.write_text(content)
    return str(path)


def test_options_come_from_the_settings_file(tmp_path) -> None:
    name = write(
        tmp_path / "c.yaml",
        "training: {epochs: 3}\ntrain: {data: d, max-minutes: 2.5, references: [x, y]}\n"
        "output: o\nprepare: {pairs: p}\n",
    )
    for options, env in ((["--config", name], {}), ([], {"NMT_CONFIG": name})):
        status, _, request = run(*options, env=env)
        assert status == 0
        assert (request.data, request.output, request.max_minutes) == ("d", "o", 2.5)
        assert request.references == ("x", "y")
        assert request.settings.training.epochs == 3
    status, _, request = run("--data", "other", env={"NMT_CONFIG": name})
    assert (request.data, request.output) == ("other", "o")  # the command line wins


def test_a_settings_file_with_underscores_or_dashes(tmp_path) -> None:
    for key in ("max-minutes", "max_minutes"):
        name = write(tmp_path / "c.yaml", f"\ufefftrain: {{data: d, output: o, {key}: 7}}\n")
        assert run("--config", name)[2].max_minutes == 7


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        ("workers: 1:4", "workers", "1:4"),
        ("workers: 1", "workers", "1"),
        ("workers: no", "workers", "no"),
        ("workers: 1_000", "workers", "1_000"),
        ("workers: 1.10", "workers", "1.10"),
        ("workers: True", "workers", "True"),
        ("references: [1, 2026-11-22]", "references", ("1", "2026-11-22")),
        ("references: one", "references", ("one",)),
        ("use_gpu: no", "use_gpu", False),
        ("use-gpu: true", "use_gpu", True),
        ("use_gpu: null", "use_gpu", None),
        ("dry_run: true", "dry_run", True),
        ("dry-run: false", "dry_run", False),
        ("beam_size: 5", "settings.search.beam_size", 5),
        ("max_minutes: 0.1", "max_minutes", 0.1),
        ("max_minutes: 7", "max_minutes", 7.0),
    ],
)
def test_values_of_the_settings_file_are_as_if_typed(tmp_path, content, name, value) -> None:
    file = write(tmp_path / "c.yaml", f"train: {{data: d, output: o}}\n{content}\n")
    status, error, request = run("--config", file)
    assert status == 0, error
    assert attrgetter(name)(request) == value
    assert type(attrgetter(name)(request)) is type(value)


def test_a_number_that_does_not_fit_is_refused_not_cut(tmp_path) -> None:
    file = write(tmp_path / "c.yaml", "train: {data: d, output: o, beam_size: 2.5}")
    status, error, _ = run("--config", file)
    assert status == 2
    assert "--beam-size" in error


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(tmp_path, value) -> None:
    given = ["--data", "d", "--output", "o"]
    file = write(
        tmp_path / "c.yaml",
        f"train: {{max_minutes: {value.replace('inf', '.inf').replace('nan', '.nan')}}}",
    )
    for options in (["--max-minutes", value], ["--config", file]):
        status, error, _ = run(*given, *options)
        assert (status, error.count("\n")) == (2, 1), error
        assert "--max-minutes" in error
    assert "--max-minutes nan: give a finite number" in run(*given, "--max-minutes", "nan")[1]


def test_an_option_may_have_the_name_of_a_group(tmp_path) -> None:
    """`data` is a group of settings, and an option of jobs/train.py."""
    file = write(tmp_path / "c.yaml", "data: /path\noutput: o\nsearch:\n")
    status, _, request = run("--config", file)
    assert (status, request.data, request.settings) == (0, "/path", Settings())
    file = write(tmp_path / "c.yaml", "data: {seed: 3}\ntrain: {data: d, output: o}\n")
    request = run("--config", file)[2]
    assert (request.data, request.settings.data.seed) == ("d", 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("search: 3", "under that job's name, as `train:`"),
        ("prepare: x", "'prepare' must hold the options"),
        ("train: x", "'train' must hold the options"),
        ("data: [a, b]", "takes one value"),
        ("train: {data: d, output: o, max_minuts: 3}", "max_minutes"),
        ("data_: d", "data"),
        ("trainin: {epochs: 3}", "training"),
        ("- a\n- b", "key: value"),
        ("a: [", "not valid YAML: line 1"),
        ("\x00", "not valid YAML"),
        ("train: {data: d,\n output: o,\n data: e}", "line 3: the key 'data' stands in line 1"),
        ("training:\n  epochs: 1\n  epochs: 2", "line 3: the key 'epochs' stands in line 2"),
        ("train: {max-minutes: 1, max_minutes: 2}", "'max-minutes' and 'max_minutes' are one"),
        ("references: [a, null]", "takes one value, not an empty one"),
    ],
)
def test_a_bad_settings_file_is_refused_in_one_line(tmp_path, content, message) -> None:
    name = write(tmp_path / "c.yaml", content)
    status, error, _ = run("--config", name, "--data", "d", "--output", "o")
    assert status == 2
    assert message in error
    assert name in error
    assert error.startswith("ERROR train: ")
    assert len(error.strip().splitlines()) == 1


def test_a_setting_outside_of_its_group_is_told_where_it_belongs(tmp_path) -> None:
    (tmp_path / "c.yaml").write_text("epochs: 3\n")
    status, error, _ = run("--config", str(tmp_path / "c.yaml"))
    assert (status, "did you mean training.epochs?" in error) == (2, True)
    with pytest.raises(UnusableInput, match=r"did you mean search\.beam_size\?"):
        resolve(assignments=["training.beam_size=3"])


def test_a_settings_file_that_is_not_there(tmp_path) -> None:
    for name in (tmp_path / "none.yaml", tmp_path):
        status, error, _ = run("--config", str(name), "--data", "d", "--output", "o")
        assert status == 2
        assert error.startswith(f"ERROR train: {name}")
        assert len(error.strip().splitlines()) == 1
    os.mkfifo(tmp_path / "pipe")  # it would be read twice: for options, and for settings
    status, error, _ = run("--config", str(tmp_path / "pipe"))
    assert (status, error.count("\n")) == (2, 1)
    assert "a pipe cannot be read" in error
    (tmp_path / "latin.yaml").write_bytes(b"output: K\xf6ter\n")
    status, error, _ = run("--config", str(tmp_path / "latin.yaml"))
    assert (status, error.count("\n")) == (2, 1)
    assert "not UTF-8" in error


def test_each_end_has_its_status() -> None:
    assert run("--data", "good", "--output", "o")[0] == 0
    status, error, _ = run("--data", "bad", "--output", "o")
    assert (status, error) == (2, "ERROR train: bad: give other data\n")
    status, error, _ = run("--data", "failed", "--output", "o")
    assert (status, error) == (1, "ERROR train: the disk is gone\n")
    status, error, _ = run("--data", "large", "--output", "o")
    assert (status, error) == (1, "ERROR train: not enough memory (an array of 9 GiB)\n")
    status, error, _ = run("--data", "full", "--output", "o")
    assert status == 1
    assert error == "ERROR train: [Errno 28] No space left on device: 'a\\x1b[31mb'\n"
    assert run("--data", "gate", "--output", "o")[0] == 3
    status, error, _ = run("--data", "stop", "--output", "o")
    assert (status, error) == (130, "INFO train: interrupted; run the same command again\n")


@pytest.mark.parametrize("name", ["odd:x:", "odd[b]c[/b]", "odd  blanks", "odd\\[x]", "odd\nx"])
def test_a_message_shows_names_as_they_are(name) -> None:
    status, error, _ = run("--data", name, "--output", "o")
    shown = name.replace("\n", "\\n")
    assert (status, error) == (2, f"ERROR train: {shown}: give other data\n")


def test_a_fault_of_the_program_is_shown_whole_and_forges_nothing() -> None:
    status, error, _ = run("--data", "broken", "--output", "o")
    lines = [line.removeprefix("ERROR train: ") for line in error.splitlines()]
    assert status == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == r"ValueError: first \x1b[2J\nerror: forged"
    assert any(line.strip().startswith("raise ValueError") for line in lines)


def test_an_option_that_is_not_utf8_is_refused_and_shown() -> None:
    for option in ("--output", "--references", "--workers", "--set"):
        given = {"--data": "d", "--output": "o", option: os.fsdecode(b"K\xf6")}
        status, error, _ = run(*(word for pair in given.items() for word in pair))
        assert (status, error.count("\n")) == (2, 1)
        assert f"{option} K\\xf6: not UTF-8" in error


def test_the_cluster_is_named_by_option_or_environment() -> None:
    given = "--data", "d", "--output", "o"
    assert run(*given)[2].address in (None, "")
    assert run(*given, env={"RAY_ADDRESS": "ray:1"})[2].address == "ray:1"
    assert run(*given, "--address", "ray:2", env={"RAY_ADDRESS": "ray:1"})[2].address == "ray:2"


def test_ranges() -> None:
    assert parse_range("3") == (3, 3)
    assert parse_range("1:4") == (1, 4)
    for text in ("", "0", "4:1", "1:2:3", "x", "-1", "1:"):
        with pytest.raises(UnusableInput, match="write N or MIN:MAX"):
            parse_range(text)


_ONCE = {"--pairs": "; several corpora: --corpora"}


@pytest.mark.parametrize(
    "line",
    [
        "prepare --output o --pairs {} --pairs {}",
        "prepare --pairs p --output {} --output {}",
        "train --data d --data e --output {} --output {}",
        "translate --model m --model n --output o --input {} --input {}",
        "translate --model m --beam-size {} --beam-size {}",
        "translate --model m --input i --output o --id-column {} --id-column {}",
        "evaluate --references r --output o --candidate {} --candidate {}",
        "verify --output {} --output {}",
        "cache list --cache {} --cache {}",
        "prepare --demo 3 --output o --log-format text --log-format json",
    ],
)
def test_an_option_of_one_value_is_not_given_twice(line, monkeypatch) -> None:
    monkeypatch.delenv("NMT_CONFIG", raising=False)
    option = line.split()[-2]
    runner = CliRunner()
    with runner.isolation() as (_, error, *_):
        with pytest.raises(SystemExit) as end:
            application.run(application.application(), line.format("1", "2").split())
        sys.stderr.flush()
        shown = error.getvalue().decode()
    assert end.value.code == 2
    message = f"{option} is given twice; it takes one value{_ONCE.get(option, '')}\n"
    assert shown.partition(": ")[2] == message


def test_switches_and_repeatable_options_may_stand_twice() -> None:
    assert run("--data", "d", "--output", "o", "--dry-run", "--dry-run")[0] == 0
    twice = ["--references", "a", "--references", "b", "--use-gpu", "--no-use-gpu"]
    status, error, _ = run("--data", "d", "--output", "o", *twice)
    assert (status, error) == (0, "")
