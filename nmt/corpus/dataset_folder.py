"""The folder of a DATASET while it is prepared: whose it is, how another preparation differs, and
what is removed from it."""

from __future__ import annotations

import logging
import re
from typing import Any

import pyarrow.fs as pafs

from nmt import records
from nmt.changes import Change, changed, describe_changes
from nmt.corpus.request import OPTIONS
from nmt.corpus.splitting import SPLITS
from nmt.corpus.stages import STAGING, UNNAMED
from nmt.errors import UnusableInput
from nmt.records.dataset import Preparation
from nmt.records.preparation import UnfinishedPreparation
from nmt.settings import FILTER_PRESETS
from nmt.shards.dataset import INFO_NAME, LEXICON_NAME, MARKER_NAME, read_info
from nmt.storage.location import Location
from nmt.vocabulary import vocabulary_class

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

log = logging.getLogger(__name__)

# The names of files that a preparation writes.
_STAGED, _PART = re.compile(r"[a-z]+(?:-[a-z]+)?(?:-\d+)+"), re.compile(r"part-\d+\.parquet")
_PAGE = re.compile(r"index\.html")
_NOTHING = re.compile("(?!)")


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


def already_done(output: Location, preparation: Preparation) -> bool:
    """Whether this dataset is finished.

    Raises:
        UnusableInput: the output is in use for something else.
    """
    info = output.info()
    if info.type == pafs.FileType.NotFound:
        return False
    if info.type == pafs.FileType.File:
        raise UnusableInput(f"{output}: a file; --output must name a folder")
    for file in (output / INFO_NAME, output / MARKER_NAME):
        file.refuse_links()
        if file.is_local and file.info().type == pafs.FileType.Directory:
            raise UnusableInput(
                f"{file}: a folder, where a file of ours belongs; move it elsewhere"
            )
    stored = read_info(output)
    finished = stored is not None
    marker = output / MARKER_NAME
    if stored is not None:
        before = stored.request
    elif marker.is_file():
        before = records.read(marker, UnfinishedPreparation).request()
    else:
        if output.files(recursive=True):
            raise UnusableInput(f"{output}: not empty and no dataset; choose another --output")
        return False
    if differences := preparation_changes(before, preparation):
        state = "holds a dataset" if finished else "holds an unfinished dataset"
        raise UnusableInput(
            f"{output}: {state} made with other settings ({describe_changes(differences, NAMES)}); "
            "choose another --output or delete it"
        )
    if finished and marker.exists():
        tidy(output)
    return finished


def claim(output: Location, preparation: Preparation, key: str) -> bool:
    """Mark the output as ours; of what an interrupted run left keep what can be used.

    Args:
        output: the DATASET.
        preparation: what is prepared.
        key: what the pieces depend on, see `nmt.corpus.journal.pieces_key`.

    Returns:
        Whether pieces of an interrupted run may be there.
    """
    marker = output / MARKER_NAME
    if marker.exists():
        if records.read(marker, UnfinishedPreparation).pieces == key:
            log.info(f"{output}: an earlier preparation was interrupted; this one goes on with it")
            output.delete_half_written()
            return True
        log.info(f"{output}: another release was interrupted here; the preparation begins anew")
        clear(output)
    marker.write_json(UnfinishedPreparation(**preparation.to_json(), pieces=key))
    return False


def tidy(output: Location) -> None:
    """Remove what a finished dataset needs no more."""
    (output / STAGING).delete_own(_STAGED)
    (output / MARKER_NAME).delete()


def clear(output: Location) -> None:
    """Remove what a preparation writes; the marker last, for till then the folder is ours."""
    (output / STAGING).delete_own(_STAGED)
    for name in (*SPLITS, "rejected", "scores"):
        (output / name).delete_own(_PART)
    (output / "report").delete_own(_PAGE)
    for kind in ("spm", "word"):
        for side in ("source", "target"):
            (output / vocabulary_class(kind).file_name(side)).delete()
    (output / LEXICON_NAME).delete()
    (output / MARKER_NAME).delete()


def remove_empty(output: Location) -> None:
    """Remove the folder, if nothing lies there."""
    output.delete_own(_NOTHING)
