"""Print the README's tables of results from docs/results.json.

python docs/results_table.py            # scores
python docs/results_table.py commands   # their commands
python docs/results_table.py speed      # goals of speed, most of them ratios
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def table(results: list[dict]) -> str:
    """The Markdown table of scores."""
    header = "what", "metric", "value", "minutes", "parameters", "how it was scored", "command"
    rows, numbers = [header], _numbers(results)
    for item in _scores(results):
        parameters = f"{item['parameters'] / 1e6:.1f} M" if item["parameters"] else ""
        minutes = "" if item["minutes"] is None else f"{item['minutes']:.0f}"
        value = f"{item['value']:.{item.get('digits', 1)}f}"
        signature = f"`{item['signature'].replace('|', ' ')}`"
        number = f"{numbers[item['command']]}"
        rows.append((item["name"], item["metric"], value, minutes, parameters, signature, number))
    return _markdown(rows, "---|---|---:|---:|---:|---|---:")


def commands(results: list[dict]) -> str:
    """The commands of the table of scores, by their numbers there."""
    lines = [
        f"# {number}\n" + command.replace("; ", "\n")
        for command, number in _numbers(results).items()
    ]
    return "\n".join(["```bash", *lines, "```"])


def _scores(results: list[dict]) -> list[dict]:
    return [item for item in results if "goal" not in item]


def _numbers(results: list[dict]) -> dict[str, int]:
    different = dict.fromkeys(item["command"] for item in _scores(results))
    return {command: number for number, command in enumerate(different, 1)}


def speed(results: list[dict]) -> str:
    """The Markdown table of goals of speed, most of them ratios of two measured side by side."""
    rows = [("what", "found", "goal", "ours : theirs", "unit", "command")]
    for item in results:
        if "goal" not in item:
            continue
        unit = {"ratio": " ×", "seconds": " s"}.get(item["metric"], "")
        both = f"{item['ours']:,.4g} : {item['theirs']:,.4g}" if "ours" in item else ""
        value, goal = f"{item['value']:.{item['digits']}f}{unit}", f"{item['goal']:g}{unit}"
        command = f"`{item['command']}`"
        rows.append((item["name"], value, goal, both, item["unit"], command))
    return _markdown(rows, "---|---:|---:|---|---|---")


def _markdown(rows: list[tuple[str, ...]], alignment: str) -> str:
    header, *rest = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([header, f"|{alignment}|", *rest])


if __name__ == "__main__":
    found = json.loads((Path(__file__).parent / "results.json").read_text("utf-8"))
    tables = {"": table, "commands": commands, "speed": speed}
    print(tables["".join(sys.argv[1:])](found))
