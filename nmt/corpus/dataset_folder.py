"""The folder of a DATASET while it is prepared: whose it is, and what is removed from it."""

from __future__ import annotations

import logging
import re

import pyarrow.fs as pafs

from nmt import records
from nmt.changes import describe_changes
from nmt.corpus.preparation_changes import NAMES, preparation_changes
from nmt.corpus.splitting import SPLITS
from nmt.corpus.stages import STAGING
from nmt.errors import UnusableInput
from nmt.records.dataset import Preparation
from nmt.records.preparation import UnfinishedPreparation
from nmt.shards.dataset import INFO_NAME, LEXICON_NAME, MARKER_NAME, read_info
from nmt.storage.location import Location
from nmt.vocabulary import vocabulary_class

log = logging.getLogger(__name__)

# The names of files that a preparation writes.
_STAGED, _PART = re.compile(r"[a-z]+(?:-[a-z]+)?-\d+"), re.compile(r"part-\d+\.parquet")
_PAGE = re.compile(r"index\.html")
_NOTHING = re.compile("(?!)")


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
