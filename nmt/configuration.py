"""Where settings come from: defaults, a preset, a YAML file, options, ``--set group.key=value``.

Later ones win, in this order. An unknown key is an error that proposes the nearest one.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

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
    place = [part for part in first["loc"] if isinstance(part, str)]
    problem = lower_first(first["msg"]).replace("valid tuple", "list, as [a, b]")
    if words := _PATTERNS.get(first.get("ctx", {}).get("pattern", "")):
        problem = f"write {words}"
    if bounds := _bounds(kind, place) if first["type"].endswith(_OUTSIDE) else "":
        problem = f"must be {bounds}"
    given = reprlib.repr(first["input"])
    raise UnusableInput(f"{name.format('.'.join(map(str, first['loc'])))}: {problem}, not {given}")


_PATTERNS = {TAG: "letters, digits, _ and -, at most 32, a letter or digit first"}
_OUTSIDE = ("_than", "_than_equal", "finite_number")  # ends of pydantic's names of such errors
_WORDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _bounds(kind: type[BaseModel], place: Sequence[str]) -> str:
    """The bounds of a setting in words."""
    *groups, key = place
    for group in groups:
        kind = kind.model_fields[group].annotation  # type: ignore[assignment]
    metadata = kind.model_fields[key].metadata
    bounds = [
        f"{words} {bound:,}" if isinstance(bound, int) else f"{words} {bound}"
        for attribute, words in _WORDS.items()
        for one in metadata
        if (bound := getattr(one, attribute, None)) is not None
    ]
    return " and ".join(bounds)


def nearest(word: str, choices: Iterable[str]) -> str:
    """A hint for who wrote a word that is unknown: the nearest choice, or all of them."""
    choices = sorted(choices)
    close = difflib.get_close_matches(word[:_SHOWN], choices, n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(choices)}"


def nearest_setting(word: str, choices: Iterable[str]) -> str:
    """As `nearest`, for who may have written a setting outside of its group."""
    homes = [
        f"{group}.{word}"
        for group, field in Settings.model_fields.items()
        if word in field.annotation.model_fields  # type: ignore[union-attr]
    ]
    return f"did you mean {' or '.join(homes)}?" if homes else nearest(word, choices)
