"""YAML as its writers mean it: YAML 1.2's plain values, each key once, no more than is written.

PyYAML itself follows YAML 1.1 (``no`` is false, ``1:4`` is 64), keeps the last of several equal
keys, and lets a few lines of aliases stand for more values than fit into memory.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from nmt.errors import UnusableInput
from nmt.storage.location import Location

_MOST_VALUES = 10_000  # of a file whose aliases are written out
_MOST_BYTES = 1 << 20  # of a file
_DEEPEST = 100  # lists and mappings in brackets inside each other
_INTEGER_BITS = 64
_LONGEST_NUMBER = 400  # characters
_SHOWN = 160  # characters of what is wrong, which may repeat the text


class YamlLoader(yaml.SafeLoader):
    """``1:4``, ``no`` and ``2026-11-22`` are text; a key stands once in its mapping."""

    def fetch_flow_collection_start(self, kind: type[yaml.Token]) -> None:
        """See `yaml.scanner.Scanner`, which looks at every level for each character."""
        if self.flow_level >= _DEEPEST:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(kind)

    def get_single_node(self) -> yaml.Node | None:
        """See `yaml.composer.Composer`; refuses what must not be constructed."""
        node = super().get_single_node()
        if node is not None:
            self._check(node, {})
        return node

    def _check(self, node: yaml.Node, sizes: dict[int, int]) -> int:
        """Refuse keys that stand twice, and aliases without end; returns how many values there are.

        Args:
            node: where to begin.
            sizes: values below each node that was checked, by its identity; 0 while it is.
        """
        known = sizes.get(id(node))
        if known == 0:
            raise _problem("a value that holds an alias of itself", node)
        if known is not None:
            return known
        sizes[id(node)] = 0
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            self._check_keys([key for key, _ in node.value])
            children = [child for pair in node.value for child in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        size = 1 + sum(self._check(child, sizes) for child in children)
        if size > _MOST_VALUES:
            raise _problem(
                f"more than {_MOST_VALUES:,} values, each time that aliases repeat one counted",
                node,
            )
        sizes[id(node)] = size
        return size

    def _check_keys(self, keys: list[yaml.Node]) -> None:
        lines: dict[Any, int] = {}
        for key in keys:
            if not isinstance(key, yaml.ScalarNode):
                continue
            merge = key.tag.endswith(":merge")
            value = key.value if merge else self.construct_object(key)
            line = key.start_mark.line + 1
            if isinstance(value, list | dict | set):
                raise _problem("a list or a mapping cannot be a key", key)
            if value in lines:
                raise _problem(
                    f"the key '{key.value[:40]}' stands in line {lines[value]} already; keep one "
                    "of them",
                    key,
                )
            lines[value] = line

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """See `yaml.constructor.BaseConstructor`; a value that its tag does not fit is an error
        of the text, not of the program."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
                raise ValueError("as no setting is")
        except (ValueError, LookupError, AttributeError, OverflowError):
            kind = node.tag.rsplit(":", 1)[-1][:_SHOWN]
            raise _problem(f"'{str(node.value)[:40]}' is no {kind}; quote it", node) from None
        return value

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """A number as it is written without a tag, too; never YAML 1.1's ``1:30`` of base 60.

        Raises:
            ValueError: it is none, or has more characters than any has.
        """
        text = self.construct_scalar(node)
        kind = node.tag.rsplit(":", 1)[-1]
        if len(text) > _LONGEST_NUMBER or not any(
            _NUMBERS[form].fullmatch(text) for form in {"int", kind}
        ):
            raise ValueError("no number")
        make = self.construct_yaml_int if kind == "int" else self.construct_yaml_float
        return make(node)


def _problem(text: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, text, node.start_mark)


def _standard_resolvers(*tags: str) -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    return {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":")[-1] in tags]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class SpelledLoader(YamlLoader):
    """All values are text, as they are written, but for null: ``1_000`` may name a folder."""


SpelledLoader.yaml_implicit_resolvers = _standard_resolvers("null", "merge")
YamlLoader.yaml_implicit_resolvers = _standard_resolvers("null", "merge")
_NUMBERS = {
    "int": re.compile(r"^(?:[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+))$"),
    "float": re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))"
        r"(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}
for _tag, _pattern, _first in (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", _NUMBERS["int"], "-+0123456789"),
    ("float", _NUMBERS["float"], "-+.0123456789"),
):
    YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
    if _tag in _NUMBERS:
        YamlLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", YamlLoader.construct_number)


def parse_yaml(text: str, spelled: bool = False) -> Any:
    """Read a YAML text.

    Args:
        text: one document.
        spelled: whether numbers, true and false remain text, as they are written.

    Raises:
        yaml.YAMLError: it is none; see `describe_problem`.
    """
    try:
        return yaml.load(text, Loader=SpelledLoader if spelled else YamlLoader)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None


def read_yaml(location: Location, name: str = "", spelled: bool = False) -> Any:
    """Read a YAML file.

    Args:
        location: the file.
        name: what messages call it, if not by its location.
        spelled: see `parse_yaml`.

    Raises:
        UnusableInput: no such file, one of more than 1 MiB, or one that is no YAML.
    """
    name = name or str(location)
    try:
        return parse_yaml(location.read_bytes(_MOST_BYTES).decode("utf-8-sig"), spelled)
    except UnicodeDecodeError:
        raise UnusableInput(f"{name}: not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UnusableInput(f"{name}: not valid YAML: {describe_problem(error)}") from None


def describe_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text, and in which line; shortened."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(error if mark is None else getattr(error, "problem", "")).split())
    problem = problem.replace(' in "<unicode string>",', "")
    if len(problem) > _SHOWN:
        problem = f"{problem[:_SHOWN]}…"
    return problem if mark is None else f"line {mark.line + 1}: {problem}"
