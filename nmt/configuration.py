"""Where settings come from: defaults, a preset, a YAML file, options, ``--set group.key=value``.

Later ones win, in this order. An unknown key is an error that proposes the nearest one.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from nmt.errors import UnusableInput
from nmt.presets import PRESETS
from nmt.printable import lower_first
from nmt.settings import Settings
from nmt.vocabulary.base import TAG
from nmt.yaml_text import describe_problem, parse_yaml

_SHOWN = 120  # characters of a value in a message


def resolve(
    *,
    base: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str | None = None,
    config: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Bring the sources of settings together.

    Args:
        base: groups of settings in the place of the defaults.
        preset: a key of `PRESETS`, or None for none.
        config: groups of settings as read from YAML. Other keys are left to the job, and so is
            what stands under a group's name without being a group (``data: /path`` is an option
            of `nmt train`; `nmt.cli` refuses it where it is none).
        overrides: settings that have an option of their own (``--max-minutes``), which may
            stand in the YAML file, too; None values are passed over.
        assignments: ``group.key=value`` texts, values in YAML syntax (``--set``); they win.

    Raises:
        UnusableInput: an unknown preset, group or key, or a value of the wrong kind.
    """
    if preset is not None and preset not in PRESETS:
        raise UnusableInput(f"preset '{preset}' is unknown; {nearest(preset, PRESETS)}")
    groups = list(Settings.model_fields)
    values: dict[str, dict[str, Any]] = {group: {**(base or {}).get(group, {})} for group in groups}
    for group, entries in PRESETS.get(preset or "", {}).items():
        values[group] |= entries
    for group in groups:
        given = (config or {}).get(group)
        if isinstance(given, Mapping):
            values[group] |= dict(given)
    for group, options in (overrides or {}).items():
        values[group] |= {key: value for key, value in options.items() if value is not None}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        group, dot, key = name.strip().partition(".")
        if not separator or not dot:
            raise UnusableInput(f"--set {assignment}: write group.key=value")
        if group not in values:
            raise UnusableInput(f"--set {assignment}: unknown group; {nearest(group, groups)}")
        try:
            values[group][key] = parse_yaml(text) if text else ""
        except yaml.YAMLError as error:
            raise UnusableInput(
                f"--set {assignment}: the value is not valid YAML ({describe_problem(error)}); "
                "quote it"
            ) from None
    for group, entries in values.items():
        fields = Settings.model_fields[group].annotation.model_fields  # type: ignore[union-attr]
        for key in entries:
            if key not in fields:
                hint = nearest_setting(str(key), fields)
                raise UnusableInput(f"setting '{group}.{key}' is unknown; {hint}")
    return validated(Settings, values, "setting '{}'")


_Group = TypeVar("_Group", bound=BaseModel)


def validated(kind: type[_Group], values: Mapping[str, Any], name: str) -> _Group:
    """Make settings of values.

    Args:
        kind: of the settings.
        values: as given.
        name: what messages call a setting, with ``{}`` in the place of its name.

    Raises:
        UnusableInput: a value of the wrong kind, or outside its bounds, which are named.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    place, problem = _value_at(kind, first["loc"], first["type"])
    if words := _PATTERNS.get(first.get("ctx", {}).get("pattern", "")):
        problem = f"write {words}"
    problem = problem or lower_first(first["msg"]).replace("valid tuple", "list, as [a, b]")
    key = first["input"] if isinstance(first["input"], str) else "name"
    problem = problem.replace("valid dictionary", f"mapping, as {{{key[:_SHOWN]}: 1}}")
    given = reprlib.repr(first["input"])
    raise UnusableInput(f"{name.format('.'.join(map(str, place)))}: {problem}, not {given}")


_PATTERNS = {TAG: "letters, digits, _ and -, at most 32, a letter or digit first"}
_OUTSIDE = ("_than", "_than_equal", "finite_number")  # ends of pydantic's names of such errors
_WORDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _value_at(
    kind: type[BaseModel], loc: Sequence[str | int], error: str
) -> tuple[Sequence[str | int], str]:
    """Where a wrong value stands, as a user writes it, and what it must be.

    Args:
        kind: of the settings.
        loc: pydantic's place of the value. Below a setting it goes on with the place in a list or
            the key of a mapping. Below one that takes several kinds of value it goes on with
            pydantic's name of a kind, which nobody wrote.
        error: pydantic's name of the error.

    Returns:
        the place, and the words; empty if pydantic's own say it.
    """
    value: Any = kind
    bounded: FieldInfo | None = None
    for depth, part in enumerate(loc):
        if hasattr(value, "model_fields"):
            if part not in value.model_fields:
                return loc, ""
            bounded = value.model_fields[part]
            value = bounded.annotation
        elif get_origin(value) in (tuple, dict):
            value = get_args(value)[get_origin(value) is dict]
        else:
            return loc[:depth], ""
        if get_origin(value) is Annotated:
            value, bounded = get_args(value)
        if alternatives := [one for one in _kinds(value) if one is not NoneType]:
            if len(alternatives) > 1:
                return loc[: depth + 1], f"must be {' or '.join(map(_words, alternatives))}"
            value = alternatives[0]
    bounds = _bounds(bounded) if bounded is not None and error.endswith(_OUTSIDE) else ""
    return loc, f"must be {bounds}" if bounds else ""


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The kinds of value that a setting takes, where they are several."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()


def _words(kind: Any) -> str:
    """One of several kinds of value in words: ``auto``, ``0 to 50 (0 is off)``."""
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is not Annotated:
        return f"a {kind.__name__}"
    bounded: FieldInfo = get_args(kind)[1]
    note = f" ({bounded.description})" if bounded.description else ""
    return f"{_bounds(bounded)}{note}"


def _bounds(setting: FieldInfo) -> str:
    """The bounds of a setting in words: ``0 to 50``, ``above 0``."""
    bounds = {
        words: f"{bound:,}" if isinstance(bound, int) else f"{bound}"
        for attribute, words in _WORDS.items()
        for one in setting.metadata
        if (bound := getattr(one, attribute, None)) is not None
    }
    if list(bounds) == ["at least", "at most"]:
        return " to ".join(bounds.values())
    return " and ".join(f"{words} {bound}" for words, bound in bounds.items())


def nearest(word: str, choices: Iterable[str]) -> str:
    """A hint for who wrote a word that is unknown: the nearest choice, or all of them."""
    choices = sorted(choices)
    close = difflib.get_close_matches(word[:_SHOWN], choices, n=1)
    return f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(choices)}"


def nearest_setting(word: str, choices: Iterable[str]) -> str:
    """As `nearest`, for who may have written a setting outside of its group."""
    homes = [
        f"{group}.{word}"
        for group, field in Settings.model_fields.items()
        if word in field.annotation.model_fields  # type: ignore[union-attr]
    ]
    return f"did you mean {' or '.join(homes)}?" if homes else nearest(word, choices)
