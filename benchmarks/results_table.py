"""Print the tables of results in the documentation from docs/results.json.

python benchmarks/results_table.py scores       # scores
python benchmarks/results_table.py signatures   # how each was scored, by its letter
python benchmarks/results_table.py commands     # the command of each, by its number
python benchmarks/results_table.py speed        # goals of speed, most of them ratios
python benchmarks/results_table.py timed        # the command of each, by its number
python benchmarks/results_table.py summary      # the table of the README
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from string import ascii_uppercase

_SUMMARY = {
    "Built-in grammar en→de, greedy (`nmt demo`)": ("Built-in grammar", "BLEU"),
    "The same: attention against gold alignments": ("The same: attention", "AER"),
    "Multi30k en→de, `--preset small`, beam 5": ("Multi30k en→de test_2016, preset small", "BLEU"),
    "Multi30k en→de, cased, `benchmarks/multi30k.yaml`, beam 12": (
        "Multi30k en→de test_2016, benchmarks/multi30k.yaml, cased",
        "BLEU",
    ),
    "Multi30k en→de, protocol of LIUM-CVC 2017, mean of two seeds": (
        "Multi30k en→de test_2016, protocol of LIUM-CVC",
        "BLEU",
    ),
    "Tatoeba en→de, 169,813 pairs, beam 5": ("Tatoeba, all", "BLEU"),
}


def scores(results: list[dict]) -> str:
    """The Markdown table of scores."""
    header = "what", "metric", "value", "minutes", "parameters", "scored as", "command"
    numbers, letters = _numbers(_scores(results)), _letters(results)
    rows = [
        (
            item["name"],
            item["metric"],
            _value(item),
            _minutes(item),
            _parameters(item),
            letters[item["signature"]],
            str(numbers[item["command"]]),
        )
        for item in _scores(results)
    ]
    return _markdown([header, *rows], "---|---|---:|---:|---:|---|---:")


def signatures(results: list[dict]) -> str:
    """The signatures of the table of scores, by their letters there."""
    return "\n".join(f"- {letter}: `{text}`" for text, letter in _letters(results).items())


def commands(results: list[dict]) -> str:
    """The commands of the table of scores, by their numbers there."""
    return _listing(_scores(results))


def speed(results: list[dict]) -> str:
    """The Markdown table of goals of speed, most of them ratios of two measured side by side."""
    rows = [("what", "measured", "goal", "ours : theirs", "unit", "command")]
    numbers = _numbers(_goals(results))
    for item in _goals(results):
        unit = {"ratio": " ×", "seconds": " s"}.get(item["metric"], "")
        both = f"{item['ours']:,.4g} : {item['theirs']:,.4g}" if "ours" in item else ""
        value, goal = f"{item['value']:.{item['digits']}f}{unit}", f"{item['goal']:g}{unit}"
        rows.append((item["name"], value, goal, both, item["unit"], f"{numbers[item['command']]}"))
    return _markdown(rows, "---|---:|---:|---|---|---:")


def timed(results: list[dict]) -> str:
    """The commands of the table of speed, by their numbers there."""
    return _listing(_goals(results))


def summary(results: list[dict]) -> str:
    """The Markdown table of the README."""
    rows = [("task", "score", "minutes of training", "parameters")]
    for label, (start, metric) in _SUMMARY.items():
        (item,) = (
            item
            for item in _scores(results)
            if item["name"].startswith(start) and item["metric"] == metric
        )
        rows.append((label, f"{_value(item)} {metric}", _minutes(item), _parameters(item)))
    return _markdown(rows, "---|---:|---:|---:")


def _scores(results: list[dict]) -> list[dict]:
    return [item for item in results if "goal" not in item]


def _goals(results: list[dict]) -> list[dict]:
    return [item for item in results if "goal" in item]


def _listing(results: list[dict]) -> str:
    lines = [
        f"# {number}\n" + command.replace("; ", "\n")
        for command, number in _numbers(results).items()
    ]
    return "\n".join(["```bash", *lines, "```"])


def _numbers(results: list[dict]) -> dict[str, int]:
    different = dict.fromkeys(item["command"] for item in results)
    return {command: number for number, command in enumerate(different, 1)}


def _letters(results: list[dict]) -> dict[str, str]:
    different = dict.fromkeys(item["signature"] for item in _scores(results))
    return dict(zip(different, ascii_uppercase, strict=False))


def _value(item: dict) -> str:
    return f"{item['value']:.{item.get('digits', 1)}f}"


def _minutes(item: dict) -> str:
    return "" if item["minutes"] is None else f"{item['minutes']:.0f}"


def _parameters(item: dict) -> str:
    return f"{item['parameters'] / 1e6:.1f} M" if item["parameters"] else ""


def _markdown(rows: Iterable[tuple[str, ...]], alignment: str) -> str:
    header, *rest = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([header, f"|{alignment}|", *rest])


TABLES = {table.__name__: table for table in (scores, signatures, commands, speed, timed, summary)}

if __name__ == "__main__":
    file = Path(__file__).parents[1] / "docs" / "results.json"
    print(TABLES[sys.argv[1]](json.loads(file.read_text("utf-8"))))
