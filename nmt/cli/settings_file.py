"""The YAML file of `--config`: settings in their groups, and options of the jobs."""

from __future__ import annotations

import os
from typing import Any

import typer

from nmt.configuration import nearest, nearest_setting
from nmt.errors import UnusableInput
from nmt.settings import Settings
from nmt.storage.credentials import refuse_secrets
from nmt.storage.location import Location, check_file
from nmt.storage.uri import scheme_of
from nmt.yaml_text import read_yaml

JOBS = ("prepare", "train", "translate", "evaluate", "verify", "cache", "benchmark")


def read_config(name: str | None, spelled: bool = False) -> dict[str, Any]:
    """Read a settings file; {} where none is named.

    Args:
        name: a path or URI.
        spelled: whether numbers, true and false remain text, as they are written.

    Raises:
        UnusableInput: the file is missing, is no YAML, or holds no keys.
    """
    if not name:
        return {}
    # A relative path is fine even in a submitted job: the file came with its code.
    refuse_secrets(name)
    location = Location(name if scheme_of(name) else os.path.abspath(name))
    check_file(location)
    content = read_yaml(location, name, spelled)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UnusableInput(f"{name}: expected 'key: value' lines at the top level")
    return content


def take_options(context: typer.Context, name: str | None) -> str | None:
    """Let the settings file stand in for options that the command line leaves out.

    A job's options stand under its own name (``train: {output: …}``) or at the top level. A
    mapping under the name of a group of settings is that group; anything else there
    (``data: /path``) is the option of that name.
    """
    if context.resilient_parsing:
        return name
    config = read_config(name, spelled=True)
    job = str(context.info_name)
    options: dict[str, Any] = {
        option: parameter
        for parameter in context.command.params
        for option in [parameter.name, *(text.lstrip("-") for text in parameter.opts)]
    }
    given: dict[str, Any] = {}
    for key, value in config.items():
        if key in Settings.model_fields and (value is None or isinstance(value, dict)):
            continue
        if key in options:
            given[key] = value
        elif key in Settings.model_fields:
            raise UnusableInput(
                f"{name}: '{key}' is a group of settings and must hold keys and values; if an "
                f"option of another job is meant, write it under that job's name, as `train:`"
            )
        elif key not in JOBS:
            known = {*Settings.model_fields, *options, *JOBS}
            raise UnusableInput(
                f"{name}: key '{key}' is unknown; {nearest_setting(str(key), known)}"
            )
        elif value is not None and not isinstance(value, dict):
            raise UnusableInput(f"{name}: '{key}' must hold the options of that job")
    own: dict[str, Any] = config.get(job) or {}
    for key in own:
        if key not in options:
            hint = nearest(str(key), options)
            raise UnusableInput(f"{name}: {job} has no option '{key}'; {hint}")
    defaults: dict[str, str | list[str]] = {}
    for level in (given, own):
        spellings: dict[str, str] = {}
        for key, value in level.items():
            parameter = options[key]
            if (other := spellings.setdefault(parameter.name, key)) != key:
                raise UnusableInput(f"{name}: '{other}' and '{key}' are one option; keep one")
            if value is None:
                defaults.pop(parameter.name, None)
            else:
                multiple = getattr(parameter, "multiple", False)
                defaults[parameter.name] = _as_typed(f"{name}: {key}", value, multiple)
    context.default_map = {**(context.default_map or {}), **defaults}
    return name


def _as_typed(where: str, value: Any, multiple: bool) -> str | list[str]:
    """An option's value as one would type it on the command line."""
    if multiple:
        return [
            str(_as_typed(where, v, False)) for v in (value if isinstance(value, list) else [value])
        ]
    if not isinstance(value, str):
        wrong = "an empty one" if value is None else "several"
        raise UnusableInput(f"{where}: takes one value, not {wrong}")
    return value
