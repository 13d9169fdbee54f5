"""How a preparation differs from the one that a dataset was made by."""

from __future__ import annotations

from typing import Any

from nmt.changes import Change, changed
from nmt.corpus.request import OPTIONS
from nmt.corpus.stages import UNNAMED
from nmt.records.dataset import Preparation
from nmt.settings import FILTER_PRESETS

# What a record of a preparation holds, as it is typed, the most important first; see
# `describe_changes`.
NAMES = {
    "inputs.train.": "corpus: ",
    "inputs.valid.": "validation set: ",
    "inputs.test.": "test set: ",
    "inputs.demo": "--demo",
    "corpora.names": "--corpora",
    "corpora.": "--corpora ",
    "inputs.columns.source": "--source-column",
    "inputs.columns.target": "--target-column",
    "inputs.split_by": "--split-by",
    "inputs.vocabulary.extension": "--extend-vocabulary",
    "inputs.vocabulary.": "vocabulary of --vocabulary-from ",
    "inputs.models.forward": "--forward-model",
    "inputs.models.backward": "--backward-model",
    f"corpora.{UNNAMED}.filters": "--filters",
    f"corpora.{UNNAMED}.thresholds.": "filter.",
    **{f"settings.{name}": f"--{name.replace('_', '-')}" for name in OPTIONS},
    "settings.": "data.",
}


def preparation_changes(before: Preparation, after: Preparation) -> list[Change]:
    """What differs between two preparations."""
    old, new = before.to_json(), after.to_json()
    if old == new:
        return []
    try:
        before_given, after_given = _as_given(old), _as_given(new)
    except (AttributeError, KeyError, TypeError):  # of another release, or edited
        return changed(old, new)
    changes = changed(before_given, after_given)
    if any(change.key == "corpora.names" for change in changes):  # then not what is in each
        changes = [one for one in changes if not _of_a_corpus(one)]
    # Where both say the same in other words, the difference is that of the words.
    return changes or changed(old, new)


def _of_a_corpus(change: Change) -> bool:
    return change.key.startswith("corpora.") and change.key != "corpora.names"


def _as_given(content: dict[str, Any]) -> dict[str, Any]:
    """A record with files by their names, and without what follows from the options."""
    inputs = dict(content.get("inputs", {}))
    for role in ("train", "valid", "test"):
        inputs[role] = _by_name(inputs.get(role) or {})
    none = {"source": "source", "target": "target"}
    inputs |= {"columns": inputs.get("columns", none), "vocabulary": inputs.get("vocabulary", {})}
    corpora = content.get("corpora") or {UNNAMED: {"filters": "none", "thresholds": {}}}
    if list(corpora) == [UNNAMED]:
        corpora = {UNNAMED: _only(corpora[UNNAMED])}
        return {**content, "inputs": inputs, "corpora": {**corpora, "names": []}}
    return {**content, "inputs": inputs, "corpora": {**corpora, "names": [*corpora]}}


def _by_name(files: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The hashes of files, by name; several of one name have numbers."""
    hashes: dict[str, str] = {}
    for number, file in files.items():
        name = str(file["name"])
        hashes[name if name not in hashes else f"{name} ({number})"] = file["sha256"]
    return hashes


def _only(corpus: dict[str, Any]) -> dict[str, Any]:
    """The filters of the only corpus, and those of their thresholds that the preset has not."""
    preset = FILTER_PRESETS[corpus["filters"]]
    thresholds = {k: v for k, v in corpus["thresholds"].items() if preset.get(k) != v}
    return {"filters": corpus["filters"], "thresholds": thresholds}
