"""No text makes a regular expression of ours take more than linear time."""

import importlib
import inspect
import itertools
import pkgutil
import re
from functools import partial
from typing import NamedTuple

import pytest
import regex
from effort import LINEAR, growth, seconds

import nmt

_SMALL, _LARGE = 2_000, 16_000  # characters
KINDS = re.Pattern, regex.Pattern
_NOISE = 0.02  # seconds below which nothing is said of a pattern
# What patterns of ours look for, and parts of it, again and again.
_PIECES = [
    *(
        " ",
        "a",
        "A",
        "0",
        "&",
        "&a",
        "&amp;",
        "&#",
        "&#1",
        "<",
        "<a",
        "<a ",
        "</",
        "-",
        "0-0",
        "0-0 ",
    ),
    *(
        ".",
        "a.",
        ". ",
        "/",
        "//",
        "http://",
        "a@",
        ":",
        "a:",
        "#",
        "?",
        "=",
        ";",
        "a=;",
        "%",
        "%41",
    ),
    *(
        "\t",
        "\n",
        "\u00a0",
        "\u0301",
        "e\u0301",
        "\u200d",
        "\u3042",
        "\u05d0",
        "\U0001f600",
        "\U0001f1e9",
        "\ud800",
    ),
    *("[", "(", "{", "\\", "'", '"', "`", "~", "_", "part-", "g1-", "1.0e", "nmt_"),
]
_TEXTS = [*_PIECES, *(a + b for a, b in itertools.product("a 0<&.-", "a 0>;.-"))]
# What begins as something that a pattern looks for, goes on for long, and ends as that.
_LONG = [
    *itertools.product(("<", "&", "http://"), "a= ", (" >;@",)),
    *itertools.product(
        ("<", "</", "<a ", "<a b", "<a b='"), ("a", " ", "=", "a ", "= ", "=' "), " >/"
    ),
    *itertools.product(("&", "&#", "&lt;a"), "a1 ", (";", "&gt;", "&gt; ")),
]
_SHAPES = [*(("", piece, "!") for piece in _TEXTS), *_LONG]  # head, what is repeated, tail


class Pattern(NamedTuple):
    """A pattern, and whether it is looked for anywhere in a text, or must fit from its start."""

    pattern: re.Pattern
    anywhere: bool


def patterns() -> dict[str, Pattern]:
    """Every pattern that stands in a module, by where it stands."""
    found = {}
    for info in pkgutil.walk_packages(nmt.__path__, "nmt."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            values = [value] if isinstance(value, KINDS) else flat(value)
            anywhere = re.search(rf"\b{name}\.(search|sub|split|find)|, {name}[,)]", source)
            for part in values:
                where = f"{info.name}.{name} {part.pattern[:60]!r}"
                found[where] = Pattern(part, bool(anywhere) or part is not value)
    return found


def flat(value: object) -> list[re.Pattern]:
    """The patterns in a table of them."""
    parts = itertools.chain(*(v if isinstance(v, tuple) else (v,) for v in table(value)))
    return [part for part in parts if isinstance(part, KINDS)]


def table(value: object) -> tuple | list:
    return value if isinstance(value, tuple | list) else ()


def look(pattern: Pattern, text: str | bytes) -> None:
    """Do what is done with the pattern."""
    pattern.pattern.fullmatch(text)
    for _ in pattern.pattern.finditer(text) if pattern.anywhere else ():
        pass


@pytest.mark.system
def test_every_pattern_is_linear(capsys: pytest.CaptureFixture) -> None:
    worst = (0.0, "", ("", "", ""))
    for name, pattern in patterns().items():
        for shape in _SHAPES:
            head, piece, tail = shape
            long, short = (head + piece * (size // len(piece)) + tail for size in (_LARGE, _SMALL))
            if isinstance(pattern.pattern.pattern, bytes):
                long, short = (t.encode("utf-8", "surrogatepass") for t in (long, short))
            if seconds(partial(look, pattern, long), runs=1) > _NOISE:
                worst = max(worst, (growth(partial(look, pattern), short, long, 1e-6), name, shape))
    factor, name, shape = worst
    with capsys.disabled():
        print(
            f"\nworst growth for {_LARGE // _SMALL} times the text: {factor:.1f}, {name} {shape!r}"
        )
    assert factor < LINEAR, f"{name} on {shape!r}: {factor:.1f} times for 8 times the text"
