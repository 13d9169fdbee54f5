"""What is shown is what was said: no text of a path or of data is an instruction."""

import datetime
import json
import logging
import re
import sys

import pytest
from logged import messages

from nmt import logs
from nmt.cli.application import application, run
from nmt.console import activity, echo
from nmt.errors import JobFailed, UnusableInput
from nmt.printable import printable
from nmt.storage.location import Location
from nmt.translation import notification

log = logging.getLogger("nmt.test")
ODD = ["runs/:x:/a", "[b]/c[/b]", "[red]x", "a  b", ":smile:", "[link=http://x]y[/link]", "日本/اب"]


def test_each_line_of_the_log_has_time_level_and_job(capsys) -> None:
    log.warning("it rains")
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\S+Z WARNING test: it rains", line)
    logs.configure("WARNING", "json")
    try:
        log.info("not shown")
        log.warning(HOSTILE)
    finally:
        logs.configure()
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["job"], record["logger"]) == ("WARNING", "test", "nmt.test")
    assert record["message"] == printable(HOSTILE)
    assert datetime.datetime.fromisoformat(record["time"]).tzinfo is not None


@pytest.mark.parametrize("text", ODD)
def test_markup_and_emoji_are_shown_as_they_are(text, capsys) -> None:
    log.info(text)
    echo(text)
    with activity(text):
        pass
    shown = capsys.readouterr()
    assert shown.out == f"{text}\n"
    assert messages(shown.err)[0] == text
    assert messages(shown.err)[1].startswith(f"{text}: done in")


def test_a_terminal_obeys_no_name(capsys) -> None:
    name = b"K\xf6ter \x1b[2J\t\x9b1m".decode("utf-8", "surrogateescape")
    assert printable(name) == "K\\xf6ter \\x1b[2J\\t\\x9b1m"
    log.info(name)
    echo(name)
    shown = capsys.readouterr()
    assert shown.out == printable(name) + "\n"
    assert messages(shown.err) == [printable(name)]


HOSTILE = "a\x1b]0;title\x07b\nerror: forged\r\u2028c\u202ed\x85e\0f"


def test_nothing_forges_a_line_or_sets_a_title(capsys) -> None:
    """Neither in what is shown, nor in an error that Ray or Python print."""
    log.info(HOSTILE)
    echo(HOSTILE)
    with activity(HOSTILE) as shown:
        shown.update(1, HOSTILE)
    lines = capsys.readouterr()
    for error in (UnusableInput(HOSTILE), JobFailed(HOSTILE)):
        lines = lines._replace(out=f"{lines.out}{error}\n{error!r}\n")
    assert len(lines.out.split("\n")) == 6
    assert len(lines.err.split("\n")) == 3
    assert all(c.isprintable() or c == "\n" for c in "".join(lines))
    assert r"\x1b]0;title\x07" in lines.out


@pytest.mark.parametrize(
    "code",
    [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x202E, 0x2060, 0x2064, 0x2069, 0x206F, 0x3164,
     0xFEFF, 0xFFA0, 0xFFF9, 0x1BCA0, 0x1D173, 0xE0001, 0xE0041, 0xE007F],
)  # fmt: skip
def test_what_is_not_seen_is_escaped(code) -> None:
    shown = printable(f"a{chr(code)}b")
    assert shown.isascii()
    assert f"{code:x}" in shown


@pytest.mark.parametrize("text", ["می‌خواهم", "क्‍ष", "👩‍👩‍👧", "❤️", "葛\U000e0100", "שלום", "مرحبا"])
def test_what_words_and_emoji_are_spelt_with_stays(text) -> None:
    assert printable(text) == text


def test_an_error_is_the_same_on_a_worker_and_here() -> None:
    import pickle

    for error in (UnusableInput(HOSTILE), JobFailed("plain")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_command_that_does_not_exist_forges_no_line(form, capsys, monkeypatch) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, form)
    with pytest.raises(SystemExit, match="2"):
        run(application(), [f"{HOSTILE}ray://KEY:SECRET@head:1/x{'y' * 10_000}"])
    shown = capsys.readouterr().err
    logs.configure(job="nmt")
    assert len(shown) < 3000
    assert shown.count("\n") == 1
    assert "SECRET" not in shown
    assert all(c.isprintable() for c in shown[:-1])


def test_a_hook_is_told_one_line(tmp_path) -> None:
    report = Location(tmp_path / "report.json")
    write = f"import os; open('{tmp_path}/told', 'w').write(os.environ['NMT_VERDICT'])"
    command = f'{sys.executable} -c "{write}"'
    assert notification.notify(command, report, 3, HOSTILE)
    assert (tmp_path / "told").read_text() == printable(HOSTILE)


def test_no_password_of_a_uri_is_shown(capsys, monkeypatch) -> None:
    address = "ray://KEY:SECRET@head:10001/x?"
    log.info(f"joining {address}")
    assert messages(capsys.readouterr().err) == ["joining ray://…@head:10001/x?"]
    assert "SECRET" not in str(JobFailed(f"no proxy at http://:SECRET@[::1]:80 and {address}"))
    for password in ("SEC/RET", "SEC@RET", "SEC@/RET", "SE/C@RET"):
        shown = printable(f"joining ray://KEY:{password}@head:10001")
        assert shown == "joining ray://…@head:10001"
    assert printable("cannot reach https://SECRET@host/x") == "cannot reach https://…@host/x"
    for plain in ("s3://bucket/a:b@c", "abfs://container@account/x", "http://h:80/a@b", "a:b@c"):
        assert printable(plain) == plain
