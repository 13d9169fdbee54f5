"""A command line from the request of a job; see `nmt.options`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import MISSING, dataclass
from functools import reduce
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from nmt import logs
from nmt.cli.settings_file import read_config, take_options
from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.options import Field, FromSettings, Option, declared_fields
from nmt.presets import PRESETS
from nmt.settings import Settings
from nmt.storage.location import Location
from nmt.storage.uri import is_utf8


@dataclass(frozen=True)
class SettingsSources:
    """Where the settings of a command come from, apart from the defaults.

    Attributes:
        preset: a key of `PRESETS`.
        config: the YAML file.
        assignments: ``--set``.
        options: the values of settings with an option of their own, by group and key.
    """

    preset: str | None
    config: Mapping[str, Any]
    assignments: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]

    def resolve(self, base: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
        """The settings; see `nmt.configuration.resolve`."""
        return resolve(
            base=base,
            preset=self.preset,
            config=self.config,
            assignments=self.assignments,
            overrides=self.options,
        )


class _Value(NamedTuple):
    """How an option's value is typed on a command line."""

    type: Any
    many: bool
    parse: Callable[[Any], Any] | None


def command(request: type, run: Callable[..., None], config: bool = True) -> Callable[..., None]:
    """A function for Typer that makes a request from its options and runs the job.

    Args:
        request: the dataclass whose fields declare the options.
        run: takes the request. If it has a second parameter, it takes the `SettingsSources`, too.
        config: whether the options may also stand in the YAML file.
    """
    parameters = _all_parameters(request, config)

    def job(**options: Any) -> None:
        logs.configure(options["log_level"], options["log_format"])
        _check_values(parameters, options)
        sources = _sources(declared_fields(request), options)
        arguments: list[Any] = [request_from(request, options, sources)]
        if len(inspect.signature(run).parameters) > 1:
            arguments.append(sources)
        run(*arguments)

    return _with_signature(job, run, parameters)


def either(
    request: type, run: Callable[..., None], short: type, run_short: Callable[..., None]
) -> Callable[..., None]:
    """A command of two requests: the short one, where all is left out that the other requires.

    Raises:
        UnusableInput: options of both.
    """
    full = {one.name: one for one in _all_parameters(request)}
    few = {one.name: one for one in _all_parameters(short)}
    needed = [name for name, one in full.items() if one.default.default is ... and name not in few]
    parameters = [*full.values(), *(one for name, one in few.items() if name not in full)]
    for place, one in enumerate(parameters):
        if one.name in needed:
            parameters[place] = one.replace(default=_optional(one.default))

    def job(**options: Any) -> None:
        logs.configure(options["log_level"], options["log_format"])
        _check_values(parameters, options)
        missing = [name for name in needed if options[name] is None]
        chosen, other = (short, full) if missing == needed else (request, few)
        own = few if chosen is short else full
        if missing and chosen is request:
            raise UnusableInput(f"Missing option '{_spelling(full[missing[0]])}'. (see --help)")
        for name in set(other) - set(own) - set(needed):
            if options[name] != other[name].default.default:
                with_or_without = "goes with" if chosen is short else "does not go with"
                names = " and ".join(_spelling(full[name]) for name in needed)
                raise UnusableInput(f"{_spelling(other[name])} {with_or_without} {names}")
        sources = _sources(declared_fields(chosen), options)
        (run_short if chosen is short else run)(request_from(chosen, options, sources))

    return _with_signature(job, run, parameters)


def _all_parameters(request: type, config: bool = True) -> list[inspect.Parameter]:
    fields = declared_fields(request)
    parameters = [parameter for field in fields for parameter in _parameters(request, field)]
    if any(isinstance(field.declaration, FromSettings) for field in fields):
        parameters.append(_ASSIGNMENTS)
    return [*parameters, *_LOG, _CONFIG] if config else [*parameters, *_LOG]


def _with_signature(
    job: Callable[..., None], run: Callable[..., None], parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    job.__name__, job.__doc__ = run.__name__, run.__doc__
    job.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    job.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return job


def _optional(option: Any) -> Any:
    option = copy(option)
    option.default = None
    return option


def _spelling(parameter: inspect.Parameter) -> str:
    """How an option is written, ``--beam-size``."""
    return str(parameter.default.param_decls[0]).partition("/")[0]


def request_from(request: type, options: Mapping[str, Any], sources: SettingsSources) -> Any:
    """The request of options as the command line gives them."""
    values: dict[str, Any] = {}
    settings: Settings | None = None
    for field in declared_fields(request):
        if isinstance(field.declaration, Option):
            if (value := options[field.name]) is not None:
                values[field.name] = _parsed(_value_of(field), value)
        else:
            settings = settings or sources.resolve()
            place = filter(None, field.declaration.place.split("."))
            values[field.name] = reduce(getattr, place, settings)
    return request(**values)


def _parsed(kind: _Value, value: Any) -> Any:
    if kind.many:
        return tuple(kind.parse(each) if kind.parse else each for each in value)
    return kind.parse(value) if kind.parse else value


def _sources(fields: Iterable[Field], options: Mapping[str, Any]) -> SettingsSources:
    overrides: dict[str, dict[str, Any]] = {}
    for field in fields:
        if isinstance(field.declaration, FromSettings):
            for place in field.declaration.options:
                group, key = place.split(".")
                overrides.setdefault(group, {})[key] = options[key]
    return SettingsSources(
        preset=options.get("preset"),
        config=read_config(options.get("config")),
        assignments=tuple(options.get("assignments") or ()),
        options=overrides,
    )


def _parameters(request: type, field: Field) -> list[inspect.Parameter]:
    """The options that a field of a request declares."""
    declaration = field.declaration
    if isinstance(declaration, Option):
        return [_own_option(request, field, declaration)]
    preset = [_PRESET] if declaration.preset else []
    return [*preset, *(_setting_option(*place.split(".")) for place in declaration.options)]


def _own_option(request: type, field: Field, option: Option) -> inspect.Parameter:
    default = request.__dataclass_fields__[field.name].default  # type: ignore[attr-defined]
    value = _value_of(field)
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


def _value_of(field: Field) -> _Value:
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
    return _Value(str if parse else kind, many, parse)


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


def _check_values(parameters: Iterable[inspect.Parameter], options: Mapping[str, Any]) -> None:
    """Refuse NaN and infinity, which no bound keeps out, and text that is not UTF-8, which could
    not be stored."""
    for parameter in parameters:
        option, value = _spelling(parameter), options[parameter.name]
        if isinstance(value, float) and not math.isfinite(value):
            raise UnusableInput(f"{option} {value}: give a finite number")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not is_utf8(text):
                raise UnusableInput(f"{option} {text}: not UTF-8; give another text or name")


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
