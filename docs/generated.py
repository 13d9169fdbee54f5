"""The parts of the reference that are made from the code, as Markdown: `make reference`.

A page holds each part between the lines ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import typer
from pydantic import BaseModel

from nmt import errors, records
from nmt.cli.application import application
from nmt.corpus.filtering import SCORES
from nmt.evaluation.alarms import GATE
from nmt.evaluation.columns import COLUMNS, NULLABLE
from nmt.presets import PRESETS
from nmt.printable import lower_first
from nmt.reject_reasons import PREPARE, TRANSLATE, RejectReason
from nmt.settings import FILTER_PRESETS, FilterSettings, Settings
from nmt.shards.schema import CORPUS, FILE, REJECTED, pairs_schema


def commands() -> str:
    """Every command with its arguments and options; those of most commands stand once."""
    pages = dict(_commands(typer.main.get_command(application()), "nmt"))
    rows = {name: [_option(option) for option in command.params] for name, command in pages.items()}
    uses = Counter(row for own in rows.values() for row in own)
    common = [row for row, count in uses.items() if count > len(pages) / 2]
    parts = [f"## Common options\n\n{_table(_OPTION, common)}"]
    for name, command in pages.items():
        own = [row for row in rows[name] if row not in common]
        also = ", ".join(row[0] for row in rows[name] if row in common)
        text = inspect.cleandoc(command.help or "")
        parts.append(f"## {name}\n\n{text}\n\n{_table(_OPTION, own)}\n\nCommon options: {also}.")
    return "\n\n".join(parts)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield name, command
    for child in children.values():
        yield from _commands(child, f"{name} {child.name}")


_OPTION = "option", "value", "default", "what it does"


def _option(parameter: Any) -> tuple[str, ...]:
    names = " / ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    annotation = parameter.type_descriptor.annotation
    kinds = annotation, *get_args(annotation)
    kind = "integer" if int in kinds else "number" if float in kinds else "text"
    value = "" if parameter.is_flag else f"`{parameter.metavar}`" if parameter.metavar else kind
    if parameter.min is not None:
        value += f" ≥ {_plain(parameter.min)}"
    if parameter.max is not None:
        value += f" ≤ {_plain(parameter.max)}"
    shown = parameter.show_default
    default = "" if parameter.default in (None, False) else _plain(parameter.default)
    if isinstance(shown, str):
        default = shown
    if parameter.required:
        default = "**required**"
    text = parameter.help or ""
    if parameter.envvar and parameter.show_envvar:
        text += f" The variable `{parameter.envvar}` stands in for it."
    return names, value, default, text


def settings() -> str:
    """Every group of settings, and what the presets change."""
    parts = []
    for group, field in Settings.model_fields.items():
        kind: type[BaseModel] = field.annotation  # type: ignore[assignment]
        rows = [_setting(group, *item) for item in kind.model_json_schema()["properties"].items()]
        text = inspect.cleandoc(kind.__doc__ or "")
        parts.append(f"## {group}\n\n{text}\n\n{_table(_SETTING, rows)}")
    return "\n\n".join(parts)


_SETTING = "setting", "value", "default", "what it does"


def _setting(group: str, key: str, schema: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{group}.{key}`",
        _kind(schema),
        f"`{_plain(schema['default'])}`",
        schema.get("description", ""),
    )


def presets() -> str:
    """What each preset sets, beside the defaults."""
    places = dict.fromkeys(
        f"{group}.{key}"
        for preset in PRESETS.values()
        for group, values in preset.items()
        for key in values
    )
    defaults = Settings().model_dump()
    rows = []
    for place in places:
        group, key = place.split(".")
        cells = [
            _plain(preset.get(group, {}).get(key, defaults[group][key]))
            for preset in PRESETS.values()
        ]
        rows.append((f"`{place}`", *cells))
    return _table(("setting", *(f"`{name}`" for name in PRESETS)), rows)


def filter_presets() -> str:
    """The thresholds of each preset of filters; none where it does not compute the filter."""
    presets = {name: values for name, values in FILTER_PRESETS.items() if values}
    rows = [
        (f"`filter.{key}`", *(_plain(preset[key]) if key in preset else "" for preset in columns))
        for columns in [list(presets.values())]
        for key in FilterSettings.model_fields
        if any(key in preset for preset in columns)
    ]
    return _table(("setting", *(f"`{name}`" for name in presets)), rows)


def stored() -> str:
    """What every stored JSON file holds: the records whose docstring names the file."""
    kinds = {
        kind: match[1]
        for module in _modules(records)
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__.startswith(records.__name__)
        if (match := re.search(r"``([A-Z]+/\S+)``", vars(kind).get("__doc__") or ""))
    }
    parts = []
    for kind, file in sorted(kinds.items(), key=lambda item: item[1]):
        schema = kind.model_json_schema()
        rows = _keys(schema, schema.get("$defs", {}), "")
        text = inspect.cleandoc(kind.__doc__ or "")
        parts.append(f"## `{file}`: {kind.__name__}\n\n{text}\n\n{_table(_KEY, rows)}")
    return "\n\n".join(parts)


_KEY = "key", "value", "required"


def _modules(room: Any) -> Iterator[Any]:
    yield room
    for entry in pkgutil.iter_modules(getattr(room, "__path__", [])):
        yield importlib.import_module(f"{room.__name__}.{entry.name}")


def _keys(
    schema: dict[str, Any], definitions: dict[str, Any], prefix: str
) -> Iterator[tuple[str, ...]]:
    """The keys of an object, and below each those of the objects in it."""
    for key, value in schema.get("properties", {}).items():
        required = "yes" if key in schema.get("required", []) else ""
        yield f"`{prefix}{key}`", _kind(value), required
        for mark, inner in _inner(value, definitions):
            yield from _keys(inner, definitions, f"{prefix}{key}{mark}.")


def _inner(value: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict]]:
    """The objects that a value holds: itself, its items, its values by any key."""
    for choice in value.get("anyOf", [value]):
        places = (
            ("", choice),
            ("[]", choice.get("items")),
            (".*", choice.get("additionalProperties")),
        )
        for mark, place in places:
            if isinstance(place, dict) and "$ref" in place:
                yield mark, definitions[place["$ref"].rpartition("/")[2]]


_NO_BOUND = 2**53  # what JSON holds exactly is no bound to tell of


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value in words."""
    if choices := schema.get("anyOf"):
        return " or ".join(_kind(choice) for choice in choices)
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{_plain(value)}`" for value in values)
    if "$ref" in schema:
        return "object"
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items", {})
        return f"list of {_kind(items)}" if items else "list"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {_kind(values)}" if isinstance(values, dict) else "object"
    signs = ("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")
    bounds = [
        f"{sign} {_plain(schema[name])}"
        for name, sign in signs
        if abs(schema.get(name, _NO_BOUND)) < _NO_BOUND
    ]
    if "maxLength" in schema:
        bounds.append(f"at most {schema['maxLength']} characters")
    if "pattern" in schema:
        bounds.append(f"`{schema['pattern'].strip('^$')}`")
    return ", ".join([kind, *bounds])


def columns() -> str:
    """The columns of the Parquet files."""
    rejected = [("id", "that of the input"), ("reason", "string"), ("source", "string, or null")]
    tables = {
        "DATASET/train, valid, test": _arrow(pairs_schema(alignment=True, corpus=True)),
        "DATASET/rejected": [*_arrow(REJECTED), *_arrow(pa.schema([FILE, CORPUS]))],
        "DATASET/scores": [("id", "int64"), *((name, "float, or null") for name in SCORES)],
        "OUT/translations": [
            ("id", "that of the input"),
            *((name, f"{kind}{', or null' if name in NULLABLE else ''}")
              for name, kind in COLUMNS.items()),
        ],
        "OUT/rejected": rejected,
        "OUT/alignments": [("id", "that of the input"), ("alignment", "string")],
    }  # fmt: skip
    return "\n\n".join(
        f"## {title}\n\n{_table(('column', 'type'), [(f'`{n}`', k) for n, k in rows])}"
        for title, rows in tables.items()
    )


def _arrow(schema: pa.Schema) -> list[tuple[str, str]]:
    return [
        (field.name, f"{field.type}{', or null' if field.nullable else ''}") for field in schema
    ]


def reject_reasons() -> str:
    """Why a row is in ``rejected/``, per job."""
    parts = []
    for job in (PREPARE, TRANSLATE):
        rows = [(f"`{name}`", text) for name, text in RejectReason.descriptions_of(job).items()]
        parts.append(f"## Of `nmt {job}`\n\n{_table(('reason', 'meaning'), rows)}")
    return "\n\n".join(parts)


def exit_statuses() -> str:
    """The exit status of every way in which a command ends."""
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    failures = [kind for kind in kinds if issubclass(kind, errors.JobFailed)]
    causes = [
        lower_first(_first_line(kind)).partition(";")[0].rstrip(".")
        for kind in failures
        if kind not in (errors.JobFailed, errors.Final)
    ]
    failed, _, _ = _first_line(errors.JobFailed).partition(": exit status")
    rows = [
        ("0", "The job is done."),
        (str(errors.JobFailed.exit_status), f"{failed}: {', or '.join(causes)}."),
        (str(errors.UnusableInput.exit_status), "Arguments or input cannot be used."),
        (str(GATE), "`nmt translate` or `nmt evaluate` wrote everything, but a gate failed."),
        ("4", "The time of `nmt translate` is over; the same command continues it."),
        ("128 + signal", "A signal ended the job in good order: SIGINT 130, SIGTERM 143."),
    ]
    return _table(("status", "meaning"), rows)


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").split("\n")[0]


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) if value else "none"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return f"{value:,}" if value >= 10_000 else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in cells)} |" for cells in lines)


def _cell(text: str) -> str:
    """A table's cell: one line, and what looks like HTML or the end of a cell is text."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", "\\|"))
    return "".join(
        part if part.startswith("`") else part.replace("&", "&amp;").replace("<", "&lt;")
        for part in parts
    )


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        commands,
        settings,
        presets,
        filter_presets,
        stored,
        columns,
        reject_reasons,
        exit_statuses,
    )
}

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(\n<!-- end: \2 -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Every page of the reference with such parts, and its text as the code says it now."""
    parts = {name: part() for name, part in PARTS.items()}
    return {
        path: _PART.sub(lambda match: f"{match[1]}\n{parts[match[2]]}\n{match[3]}", text)
        for path in sorted((Path(__file__).parent / "reference").glob("*.md"))
        if _PART.search(text := path.read_text("utf-8"))
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
