"""A command line from the request of a job; see `nmt.options`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import reduce
from typing import Any

from nmt import logs
from nmt.cli.parameters import Value, parameters_of, spelling, value_of
from nmt.cli.settings_file import read_config
from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.options import Field, FromSettings, Option, declared_fields
from nmt.settings import Settings
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


def command(request: type, run: Callable[..., None], config: bool = True) -> Callable[..., None]:
    """A function for Typer that makes a request from its options and runs the job.

    Args:
        request: the dataclass whose fields declare the options.
        run: takes the request. If it has a second parameter, it takes the `SettingsSources`, too.
        config: whether the options may also stand in the YAML file.
    """
    parameters = parameters_of(request, config)

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
    full = {one.name: one for one in parameters_of(request)}
    few = {one.name: one for one in parameters_of(short)}
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
        names = " and ".join(spelling(full[name]) for name in needed)
        for name in needed:
            if str(options[name]) == "-":
                raise UnusableInput(
                    f"{spelling(full[name])} -: for standard input and output leave out {names}"
                )
        if missing and chosen is request:
            raise UnusableInput(f"Missing option '{spelling(full[missing[0]])}'. (see --help)")
        for name in set(other) - set(own) - set(needed):
            if options[name] != other[name].default.default:
                with_or_without = "goes with" if chosen is short else "does not go with"
                names = " and ".join(spelling(full[name]) for name in needed)
                raise UnusableInput(f"{spelling(other[name])} {with_or_without} {names}")
        sources = _sources(declared_fields(chosen), options)
        (run_short if chosen is short else run)(request_from(chosen, options, sources))

    return _with_signature(job, run, parameters)


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


def request_from(request: type, options: Mapping[str, Any], sources: SettingsSources) -> Any:
    """The request of options as the command line gives them."""
    values: dict[str, Any] = {}
    settings: Settings | None = None
    for field in declared_fields(request):
        if isinstance(field.declaration, Option):
            if (value := options[field.name]) is not None:
                values[field.name] = _parsed(value_of(field), value)
        else:
            settings = settings or sources.resolve()
            place = filter(None, field.declaration.place.split("."))
            values[field.name] = reduce(getattr, place, settings)
    return request(**values)


def _parsed(kind: Value, value: Any) -> Any:
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


def _check_values(parameters: Iterable[inspect.Parameter], options: Mapping[str, Any]) -> None:
    """Refuse NaN and infinity, which no bound keeps out, and text that is not UTF-8, which could
    not be stored."""
    for parameter in parameters:
        option, value = spelling(parameter), options[parameter.name]
        if isinstance(value, float) and not math.isfinite(value):
            raise UnusableInput(f"{option} {value}: give a finite number")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not is_utf8(text):
                raise UnusableInput(f"{option} {text}: not UTF-8; give another text or name")
