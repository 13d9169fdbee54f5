"""What is shown is what was said: no text of a path or of data is an instruction."""

import pytest

from nmt.console import activity, printable, result, say

ODD = ["runs/:x:/a", "[b]/c[/b]", "[red]x", "a  b", ":smile:", "[link=http://x]y[/link]", "日本/اب"]


@pytest.mark.parametrize("text", ODD)
def test_markup_and_emoji_are_shown_as_they_are(text, capsys) -> None:
    say(text)
    result(text)
    with activity(text):
        pass
    shown = capsys.readouterr()
    assert shown.out == f"{text}\n"
    assert shown.err.splitlines()[0] == text
    assert shown.err.splitlines()[1].startswith(f"{text}: done in")


def test_a_terminal_obeys_no_name(capsys) -> None:
    name = b"K\xf6ter \x1b[2J\t\x9b1m".decode("utf-8", "surrogateescape")
    assert printable(name) == "K\\xf6ter \\x1b[2J\\t\\x9b1m"
    say(name)
    result(name)
    shown = capsys.readouterr()
    assert shown.out == shown.err == printable(name) + "\n"
