"""The parameters of a command from the declarations of its request; see `nmt.options`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from nmt import logs
from nmt.cli.settings_file import take_options
from nmt.errors import UnusableInput
from nmt.options import Field, FromSettings, Option, declared_fields
from nmt.presets import PRESETS
from nmt.settings import Settings
from nmt.storage.location import Location


class Value(NamedTuple):
    """How an option's value is typed on a command line."""

    type: Any
    many: bool
    parse: Callable[[Any], Any] | None


def parameters_of(request: type, config: bool = True) -> list[inspect.Parameter]:
    fields = declared_fields(request)
    parameters = [parameter for field in fields for parameter in _parameters(request, field)]
    if any(isinstance(field.declaration, FromSettings) for field in fields):
        parameters.append(_ASSIGNMENTS)
    return [*parameters, *_LOG, _CONFIG] if config else [*parameters, *_LOG]


def spelling(parameter: inspect.Parameter) -> str:
    """How an option is written, ``--beam-size``."""
    return str(parameter.default.param_decls[0]).partition("/")[0]


def _parameters(request: type, field: Field) -> list[inspect.Parameter]:
    """The options that a field of a request declares."""
    declaration = field.declaration
    if isinstance(declaration, Option):
        return [_own_option(request, field, declaration)]
    preset = [_PRESET] if declaration.preset else []
    return [*preset, *(_setting_option(*place.split(".")) for place in declaration.options)]


def _own_option(request: type, field: Field, option: Option) -> inspect.Parameter:
    default = request.__dataclass_fields__[field.name].default  # type: ignore[attr-defined]
    value = value_of(field)
    shown: bool | str = True
    if default == ():
        default = None
    if option.default is not None:
        shown = option.default
    elif default is MISSING:
        default = ...
    elif default in (None, False):
        shown = False
    if value.type is str and default not in (None, ...) and not isinstance(default, str):
        shown, default = shown if isinstance(shown, str) else _typed(default), None
    return _parameter(
        field.name,
        list[value.type] if value.many else value.type,  # type: ignore[name-defined]
        default,
        option.name or f"--{field.name.replace('_', '-')}",
        help=option.help,
        metavar=option.metavar,
        min=option.least,
        max=option.most,
        envvar=option.environment,
        show_default=shown,
        show_envvar=option.environment is not None,
    )


def _setting_option(group: str, key: str) -> inspect.Parameter:
    """The option of a setting: described, bounded and named as the setting."""
    fields: dict[str, FieldInfo] = Settings.model_fields[group].annotation.model_fields  # type: ignore
    setting = fields[key]
    kind = _without_none(setting.annotation)
    name = f"--{key.replace('_', '-')}"
    metavar = None
    if get_origin(kind) is Literal:
        metavar, kind = "|".join(map(str, get_args(kind))), str
    elif kind is bool:
        name = f"{name}/--no-{key.replace('_', '-')}"
    bounds = {
        bound: getattr(entry, bound)
        for entry in setting.metadata
        for bound in ("ge", "le")
        if hasattr(entry, bound)
    }
    default = setting.default
    return _parameter(
        key,
        kind | None,
        None,
        name,
        help=setting.description,
        metavar=metavar,
        min=bounds.get("ge"),
        max=bounds.get("le"),
        show_default=False if default is None or default is False else str(default),
    )


def _parameter(
    name: str, annotation: Any, default: Any, *names: str, **extra: Any
) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(default, *names, **extra),
        annotation=annotation,
    )


def value_of(field: Field) -> Value:
    """How a field's value is typed: places and pairs of numbers as text."""
    option, kind = field.declaration, _without_none(field.type)
    many = get_origin(kind) is tuple and get_args(kind)[-1] is ...
    if many:
        kind = get_args(kind)[0]
    parse = option.parse if isinstance(option, Option) else None
    if kind is Location:
        parse = parse or Location
    elif get_origin(kind) is tuple:
        parse = parse or parse_range
    return Value(str if parse else kind, many, parse)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (kind,) = [choice for choice in get_args(kind) if choice is not NoneType]
    return kind


def _typed(default: Any) -> str:
    """A default as one would type it: (1, 1) is 1, (1, 4) is 1:4."""
    if isinstance(default, tuple):
        return ":".join(str(number) for number in dict.fromkeys(default))
    return str(default)


def parse_range(text: str) -> tuple[int, int]:
    """Read ``N`` or ``MIN:MAX``; returns least and most.

    Raises:
        UnusableInput: neither.
    """
    try:
        numbers = [int(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1 or numbers != sorted(numbers):
        raise UnusableInput(f"'{text}': write N or MIN:MAX, each at least 1")
    return numbers[0], numbers[-1]


_PRESET = _parameter(
    "preset",
    str | None,
    None,
    "--preset",
    metavar="|".join(PRESETS),
    help="Sizes and training.",
)


_ASSIGNMENTS = _parameter(
    "assignments",
    list[str] | None,
    None,
    "--set",
    metavar="GROUP.KEY=VALUE",
    help="Override one setting. Repeatable.",
)


_LOG = (
    _parameter(
        "log_level",
        Literal[logs.LEVELS],
        None,
        "--log-level",
        envvar=logs.LEVEL_VARIABLE,
        case_sensitive=False,
        metavar="|".join(logs.LEVELS),
        help="Lowest level of the lines on standard error.",
        show_default="INFO",
    ),
    _parameter(
        "log_format",
        Literal["text", "json"],
        None,
        "--log-format",
        envvar=logs.FORMAT_VARIABLE,
        metavar="text|json",
        help="Lines as text, or a JSON object per line: time, level, job, logger, message.",
        show_default="text",
    ),
)


_CONFIG = _parameter(
    "config",
    str | None,
    None,
    "--config",
    envvar="NMT_CONFIG",
    is_eager=True,
    callback=take_options,
    metavar="FILE.yaml",
    help="YAML file with settings, in their groups, and options, under the command's name.",
)
