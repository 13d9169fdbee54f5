"""Print the README's table of results from docs/results.json."""

from __future__ import annotations

import json
from pathlib import Path

_COLUMNS = ("what", "metric", "value", "minutes", "parameters", "how it was scored")


def table(results: list[dict]) -> str:
    """The Markdown table of a list of results."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---|---|---:|---:|---:|---|"]
    for item in results:
        parameters = f"{item['parameters'] / 1e6:.1f} M" if item["parameters"] else ""
        minutes = "" if item["minutes"] is None else f"{item['minutes']:.0f}"
        cells = [item["name"], item["metric"], f"{item['value']:.{item.get('digits', 1)}f}"]
        cells += [minutes, parameters, f"`{item['signature'].replace('|', ' ')}`"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads((Path(__file__).parent / "results.json").read_text("utf-8"))))
