"""YAML as its writers mean it: nothing is dropped, cast or blown up in silence."""

import math
import re

import pytest
import yaml

from nmt.yaml_text import describe_problem, parse_yaml


def problem(text: str) -> str:
    with pytest.raises(yaml.YAMLError) as caught:
        parse_yaml(text)
    return describe_problem(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "first", "second"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", 1, 3),
        ("x:\n  y:\n    - k: 1\n      l: 2\n      'k': 1\n", "k", 3, 5),
        ("x: {a: 1,\n a: 2}", "a", 1, 2),
        ("b: &b {x: 1}\na:\n  <<: *b\n  <<: *b\n", "<<", 3, 4),
        ("1: a\n0x1: b\n", "0x1", 1, 2),
        ("? {a: 1,\n  a: 2}\n: x\n", "a", 1, 2),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(text, key, first, second) -> None:
    said = problem(text)
    assert said.startswith(f"line {second}: ")
    assert f"'{key}'" in said
    assert f"line {first} " in said


def test_merged_keys_may_be_overridden() -> None:
    text = "base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\n"
    assert parse_yaml(text)["other"] == {"a": 1, "b": 3}
    assert parse_yaml(text, spelled=True)["other"] == {"a": "1", "b": "3"}


def test_yaml_means_what_it_says() -> None:
    """PyYAML's own YAML 1.1 makes 64, False, a date and octal 8 of these."""
    for text in ("1:4", "1:30:00", "1:30.5", "no", "yes", "on", "off", "NO", "y", "2026-11-22"):
        assert parse_yaml(text) == text
    assert parse_yaml("010") == "010"
    plain = "{a: 1, b: -2.5, c: 3e-4, d: true, e: null, f: ~, g: 8_000, h: [.5, 1., 1e3], i: 0x10}"
    assert parse_yaml(plain) == {
        **{"a": 1, "b": -2.5, "c": 3e-4, "d": True, "e": None, "f": None, "g": 8000},
        **{"h": [0.5, 1.0, 1000.0], "i": 16},
    }
    assert isinstance(parse_yaml("3"), int)
    assert isinstance(parse_yaml("1e3"), float)


@pytest.mark.parametrize("word", ["1_000", "1e3", "0x10", "1.10", "True", "+5", ".5", "no"])
def test_spelled_values_are_as_written(word) -> None:
    assert parse_yaml(f"[{word}, null]", spelled=True) == [word, None]


@pytest.mark.parametrize("spelled", [False, True])
def test_aliases_cannot_blow_a_small_file_up(spelled) -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(yaml.YAMLError, match="aliases"):
        parse_yaml("\n".join(lines), spelled=spelled)
    merged = ["l0: &l0 {x: 1}"]
    merged += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    with pytest.raises(yaml.YAMLError, match="aliases"):
        parse_yaml("\n".join(merged), spelled=spelled)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("&a [*a]", "line 1: .*itself"),
        ("&a {b: {c: *a}}", "line 1: .*itself"),
        ("[" * 5000, "nested"),
        ("a: 1\nb: !!int x", "line 2: "),
        ("a: !!bool maybe", "line 1: "),
        ("a: !!timestamp soon", "line 1: "),
        ("a: !!python/name:os.system x", "line 1: "),
        ("a: " + "1" * 5000, "line 1: "),
        ("a: 0x_", "line 1: "),
        ("a: !!float " + ":".join("1" * 300), "line 1: '1:1:.*' is no float"),
        ("a: !!int 1:30", "line 1: '1:30' is no int"),
        ("a: !!float 1:30.5", "line 1: '1:30.5' is no float"),
        ("a: !!int " + ":".join("1" * 20_000), "line 1: '1:1:.*' is no int"),
        ("a: !!int 0b" + "1" * 900_000, "line 1: '0b1.*' is no int"),
        ("a: " + "1" * 500 + ".5", "line 1: '1*' is no float"),
        ("a: [", "line 1: "),
        ("a: 1\n!!seq b: 1", "line 2: .*cannot be a key"),
        ("!!map a: 1", "line 1: .*cannot be a key"),
        ("a: 1\n\tb: 2", "line 2: "),
        ("a\n---\nb", "line 2: "),
        ("a: \x00", "special characters"),
    ],
)
def test_every_problem_is_one_line(text, said) -> None:
    found = problem(text)
    assert "\n" not in found
    assert "unicode string" not in found
    assert re.search(said, found), found


def test_tagged_numbers_are_those_without_a_tag() -> None:
    for spelled in (False, True):
        assert parse_yaml("[!!int 1_000, !!int '-5', !!int 0x10]", spelled) == [1000, -5, 16]
        assert parse_yaml("[!!float 3, !!float 1e3, !!float '.inf']", spelled) == [3, 1e3, math.inf]


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.mkdir [PLACE]",
        "!!python/object/new:os.mkdir [PLACE]",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "a: !own x",
    ],
)
def test_no_tag_makes_an_object(text, tmp_path) -> None:
    for spelled in (False, True):
        with pytest.raises(yaml.YAMLError):
            parse_yaml(text.replace("PLACE", f"{tmp_path}/made"), spelled)
    assert not list(tmp_path.iterdir())
