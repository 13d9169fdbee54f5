"""RUN/checkpoint_…/: checkpoints that are whole, or are none.

Ray Train can keep checkpoints, too. These are kept here because Ray's list of them is written
in place (a full disk empties it), nothing notices a file that was damaged in storage, and its
format is bound to Ray's version.

    checkpoint_0001500/
      state.safetensors  progress.json   what `nmt.training.checkpoint` writes
      checkpoint.json                    size and SHA-256 of each file; written last, makes it valid
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from nmt import records
from nmt.errors import AllDamaged, JobFailed, UnusableInput
from nmt.records.run import Checkpoint
from nmt.storage.location import Location
from nmt.storage.recorded import ChangedFile, read_recorded
from nmt.storage.retry import STORE_ERRORS, retry_storing

MANIFEST = "checkpoint.json"
_NAME = re.compile(r"checkpoint_(\d+)(?:-(\d+))?")


_FILE = re.compile(r"checkpoint\.json|progress\.json|state\.safetensors")


class CheckpointStore:
    """Keeps the last checkpoints of a run; only the first worker writes and removes.

    Args:
        run: the RUN folder.
        count: how many are kept.
        say: is told of damage and of failures that may pass.
    """

    def __init__(self, run: Location, count: int, say: Callable[[str], None]) -> None:
        self._run, self._count, self._say = run, count, say

    def keep(self, step: int, save: Callable[[Path], None]) -> None:
        """Store a checkpoint, then remove those that are too many.

        Args:
            step: of the training.
            save: writes it into a local folder.

        Raises:
            NotStored: the store failed again and again; the checkpoints before are untouched.
        """
        what = f"the checkpoint of step {step}"
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            retry_storing(what, lambda: save(folder), self._say)
            files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        entries = {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        }

        def store() -> None:
            # Never over a whole one: until the last file is written, that one counts.
            taken = [_key(name)[1] for name in self._complete() if _key(name)[0] == step]
            name = f"checkpoint_{step:07d}" + (f"-{max(taken) + 1}" if taken else "")
            for file, data in files.items():
                (self._run / name / file).write_bytes(data)
            (self._run / name / MANIFEST).write_json({"step": step, "files": entries})

        retry_storing(what, store, self._say)
        with contextlib.suppress(*STORE_ERRORS):  # the next one removes them as well
            self._tidy()

    def fetch_newest(self, folder: Path) -> str | None:
        """Bring the newest whole checkpoint into a local folder.

        One that was damaged is told of and passed over; what is newer than the one that is
        found is removed, for its steps are done again.

        Returns:
            Its name, or None where no checkpoint was ever completed.

        Raises:
            AllDamaged: there are some, and none of them is whole.
        """
        complete = self._complete()
        for name in reversed(complete):
            try:
                self.fetch(name, folder)
            except _Damaged as damage:
                self._say(f"warning: {damage}; using the checkpoint before it")
                continue
            for later in [other for other in self._contents() if _key(other) > _key(name)]:
                (self._run / later).delete_own(_FILE)
            return name
        if complete:
            raise AllDamaged(
                f"{self._run}: all of its checkpoints are damaged ({', '.join(complete)}); remove "
                "them to begin anew, or restore them from a copy"
            )
        return None

    def fetch(self, name: str, folder: Path) -> None:
        """Bring a checkpoint into a local folder, and check it.

        Raises:
            JobFailed: a file is missing, is not what was written, or lies elsewhere.
        """
        place = self._run / name
        try:
            written = records.read(place.named(MANIFEST), Checkpoint).files.items()
            entries = {file: (place.named(file), entry) for file, entry in written}
        except UnusableInput as error:
            raise _Damaged(str(error)) from None
        for file, (stored, entry) in entries.items():
            if not stored.is_file():
                raise _Damaged(f"{stored}: missing")
            if "/" in file:
                raise _Damaged(f"{stored}: a checkpoint has no folders")
            try:
                data = read_recorded(stored, entry)
            except ChangedFile as error:
                raise _Damaged(f"a checkpoint is damaged: {error}") from None
            (folder / file).write_bytes(data)

    def _contents(self) -> dict[str, set[str]]:
        """Names of the checkpoints, oldest first, and of the files in each."""
        found: dict[str, set[str]] = {}
        for file in self._run.files(recursive=True):
            parts = file.parts_below(self._run)
            if len(parts) == 2 and _NAME.fullmatch(parts[0]):
                found.setdefault(parts[0], set()).add(parts[1])
        return {name: found[name] for name in sorted(found, key=_key)}

    def _complete(self) -> list[str]:
        contents = self._contents()
        return [name for name in contents if MANIFEST in contents[name]]

    def _tidy(self) -> None:
        wanted = self._complete()[-self._count :]
        for name in self._contents():
            if name not in wanted:
                # The manifest first: what is removed in part must not look whole.
                (self._run / name / MANIFEST).delete()
                (self._run / name).delete_own(_FILE)


class _Damaged(JobFailed):
    pass


def _key(name: str) -> tuple[int, int]:
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2] or 0)) if match else (-1, 0)
