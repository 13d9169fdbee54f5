"""RUN/checkpoint_…/: what continues a training exactly, complete or ignored.

    checkpoint_0001500/
      state.safetensors  weights and optimizer
      progress.json      the position of the loop
      checkpoint.json    size and SHA-256 of each file; written last, makes the checkpoint valid

Ray Train can keep checkpoints, too. It writes its list of them in place, so that a full disk
empties it; it does not notice a file that was damaged in storage; and its format is bound to Ray's
version.
"""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nmt import records, tensors
from nmt.errors import AllDamaged, JobFailed, UnusableInput
from nmt.json_text import json_text, parse_json
from nmt.printable import FewLines, join_names
from nmt.records import file_entry
from nmt.records.run import Checkpoint
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.storage.retry import STORE_ERRORS, retry_storing
from nmt.training.state import TrainingState

if TYPE_CHECKING:  # the store is used before TensorFlow may be imported
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.optimizer import SummedAdam

log = logging.getLogger(__name__)

MANIFEST = "checkpoint.json"
_STATE, _POSITION = "state.safetensors", "progress.json"
_NAME = re.compile(r"checkpoint_(\d+)(?:-(\d+))?")
_FILE = re.compile(r"checkpoint\.json|progress\.json|state\.safetensors")
_LARGEST_POSITION = 1 << 16  # bytes of progress.json; it has one


def save(folder: Path, model: Seq2Seq, optimizer: SummedAdam, state: TrainingState) -> None:
    """Write a checkpoint into a local folder."""
    variables = [*model.weights, *optimizer.variables]
    (folder / _STATE).write_bytes(tensors.serialise(variables))
    text = json_text(state.to_json(), indent=2)
    (folder / _POSITION).write_text(text + "\n", encoding="utf-8")


def restore(folder: Path, model: Seq2Seq, optimizer: SummedAdam) -> TrainingState:
    """Load a checkpoint into a built model and optimizer; returns the position of the loop.

    Raises:
        UnusableInput: the checkpoint of a training with another model or optimizer.
    """
    variables = [*model.weights, *optimizer.variables]
    data = (folder / _STATE).read_bytes()
    remedy = "it is of another model or optimizer: train into a new folder"
    tensors.assign(data, variables, f"the checkpoint's {_STATE}", remedy)
    file = folder / _POSITION
    return TrainingState.of(Location(file).read_json(), file)


def newest_state(run: Location) -> bytes:
    """The weights and optimizer of a run's newest whole checkpoint, as a file of tensors.

    Raises:
        UnusableInput: it has none.
        AllDamaged: each is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        if CheckpointStore(run, 1).fetch_newest(Path(place)) is None:
            raise UnusableInput(f"{run}: has no checkpoint; give the RUN that MODEL was trained in")
        return (Path(place) / _STATE).read_bytes()


class CheckpointStore:
    """Keeps the last checkpoints of a run; only the first worker writes and removes.

    Args:
        run: the RUN folder.
        count: how many are kept.
    """

    def __init__(self, run: Location, count: int) -> None:
        self._run, self._count = run, count

    def keep(self, step: int, save: Callable[[Path], None]) -> None:
        """Store a checkpoint, then remove the oldest ones.

        Args:
            step: of the training.
            save: writes it into a local folder.

        Raises:
            NotStored: every attempt failed; the checkpoints before are untouched.
        """
        what = f"the checkpoint of step {step}"
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            retry_storing(what, lambda: save(folder))
            files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        entries = {name: file_entry(data) for name, data in files.items()}

        def store() -> None:
            # Never over a complete one: until the last file is written, that one counts.
            taken = [_key(name)[1] for name in self._complete() if _key(name)[0] == step]
            name = f"checkpoint_{step:07d}" + (f"-{max(taken) + 1}" if taken else "")
            for file, data in files.items():
                (self._run / name / file).write_bytes(data)
            (self._run / name / MANIFEST).write_json(Checkpoint(step=step, files=entries))

        retry_storing(what, store)
        with contextlib.suppress(*STORE_ERRORS):  # the next one removes them as well
            self._tidy()

    def fetch_newest(self, folder: Path) -> str | None:
        """Download the newest complete checkpoint into a local folder.

        A damaged one is logged and ignored.

        Returns:
            Its name, or None where no checkpoint was ever completed.

        Raises:
            AllDamaged: there are checkpoints, and each is damaged.
        """
        complete, warnings = self._complete(), FewLines(log.warning)
        for name in reversed(complete):
            try:
                self.fetch(name, folder)
            except _Damaged as damage:
                warnings.add(f"{damage}; using the checkpoint before it")
                continue
            warnings.end()
            return name
        warnings.end()
        if complete:
            raise AllDamaged(
                f"{self._run}: all of its checkpoints are damaged ({join_names(complete)}); remove "
                "them to begin anew, or restore them from a copy"
            )
        return None

    def remove_later(self, name: str) -> None:
        """Remove those after this one, because their steps are repeated."""
        for later in [other for other in self._contents() if _key(other) > _key(name)]:
            (self._run / later).delete_own(_FILE)

    def fetch(self, name: str, folder: Path) -> None:
        """Download a checkpoint into a local folder, and check it.

        Raises:
            JobFailed: it has other files than a checkpoint, one of them is missing, was changed,
                or does not hold what it must.
        """
        place = self._run / name
        manifest = place / MANIFEST
        try:
            entries = records.read(manifest, Checkpoint).files
        except UnusableInput as error:
            raise _Damaged(str(error)) from None
        if entries.keys() != _CHECKS.keys():
            raise _Damaged(f"{manifest}: damaged (names other files than {join_names([*_CHECKS])})")
        if (size := entries[_POSITION].bytes) > _LARGEST_POSITION:
            raise _Damaged(f"{manifest}: damaged ({_POSITION} of {size:,} bytes)")
        for file, check in _CHECKS.items():
            stored = place / file
            if not stored.is_file():
                raise _Damaged(f"{stored}: missing")
            try:
                data = read_recorded(stored, entries[file])
                check(data, stored)
            except UnusableInput as error:
                raise _Damaged(f"a checkpoint is damaged: {error}") from None
            (folder / file).write_bytes(data)

    def _contents(self) -> dict[str, set[str]]:
        """Names of the checkpoints, oldest first, and of the files in each."""
        names: dict[str, set[str]] = {}
        for file in self._run.files(recursive=True):
            parts = file.parts_below(self._run)
            if len(parts) == 2 and _NAME.fullmatch(parts[0]):
                names.setdefault(parts[0], set()).add(parts[1])
        return {name: names[name] for name in sorted(names, key=_key)}

    def _complete(self) -> list[str]:
        contents = self._contents()
        return [name for name in contents if MANIFEST in contents[name]]

    def _tidy(self) -> None:
        newest = self._complete()[-self._count :]
        for name in self._contents():
            if name not in newest:
                # The manifest first: a checkpoint that is removed in part must not look complete.
                (self._run / name / MANIFEST).delete()
                (self._run / name).delete_own(_FILE)


class _Damaged(JobFailed):
    pass


def _check_state(data: bytes, file: Location) -> None:
    """Refuse what is no file of tensors; whether it is of this model is seen in `restore`."""
    tensors.check(data, file, "restore it from a copy")


def _check_position(data: bytes, file: Location) -> None:
    try:
        values = parse_json(data)
    except ValueError as error:
        raise UnusableInput(f"{file}: damaged ({error})") from None
    TrainingState.of(values, file)


_CHECKS = {_POSITION: _check_position, _STATE: _check_state}  # the files of a checkpoint


def _key(name: str) -> tuple[int, int]:
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2] or 0)) if match else (-1, 0)
