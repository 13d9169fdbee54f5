"""The stages of a preparation, run piece by piece so that an interrupted one goes on.

A stage is a function that is done for each of several items: units, sides, ranges. One call is a
piece. It reads and writes files of fixed names, and counts something. Once its files are stored,
``_staging/done-STAGE-NUMBER`` is: their sizes and SHA-256, what was counted, and a hash of all that
decides on it. A piece that stands there, whose hash is that of this preparation and whose files are
as they were written, is not done again. A damaged one is: it gives the same bytes. So is one whose
record says what no piece of its stage counts or writes. Hashes do not tell who wrote a file: where
anything fails after pieces were found, `nmt.corpus.prepare` does all of them anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Generic, Self, TypeVar

from nmt import records
from nmt.cluster.parallel_map import run_units
from nmt.corpus.stages import Plan
from nmt.errors import JobFailed, Stopped, UnusableInput
from nmt.json_text import hash_json, parse_json
from nmt.printable import printable
from nmt.records import FileEntry, Record, file_entry
from nmt.records.dataset import Preparation
from nmt.records.preparation import PieceRecord
from nmt.storage.location import Location, json_bytes
from nmt.version import __version__

log = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "pyarrow", "py3langid", "regex", "sentencepiece")  # that decide on bytes
_SHOWN = 200  # characters of an error
R = TypeVar("R", bound=Record)
Problem = Callable[[Any, R, Mapping[str, FileEntry]], str]


class UnusablePieces(UnusableInput):
    """A piece failed, perhaps for the pieces that were found."""


def described(error: Exception) -> str:
    """An error as one short line that says what kind it is, if it does not do so itself."""
    if isinstance(error, UnusableInput):
        return str(error)
    text = printable(str(error))  # of a library, which may repeat what a stranger has written
    return f"{type(error).__name__}: {text[:_SHOWN]}{'…' * (len(text) > _SHOWN)}"


def _plausible(*_: object) -> str:
    return ""


def pieces_key(preparation: Preparation) -> str:
    """The hash of what all pieces of a preparation depend on: settings, inputs, and programs."""
    versions = {"nmt": __version__, **{name: version(name) for name in _LIBRARIES}}
    return hash_json({"preparation": preparation.to_json(), "versions": versions})


@dataclass(frozen=True)
class Journal:
    """Runs the stages of one preparation.

    Attributes:
        plan: the preparation.
        key: what its pieces depend on, see `pieces_key`.
        distributed: on Ray, which must have been started; else in this process.
        resumed: whether there may be pieces of an earlier run.
    """

    plan: Plan
    key: str
    distributed: bool = False
    resumed: bool = False

    def run(
        self,
        stage: str,
        function: Callable[..., R | None],
        items: Sequence[Any],
        *arguments: Any,
        result: type[R],
        title: str,
        distributed: bool | None = None,
        problem: Problem[R] = _plausible,
    ) -> list[R]:
        """Do a stage for each item, or find that it was done.

        Args:
            stage: its name, one word of lower-case letters.
            function: called with the plan, `arguments` and an item; what it writes below the
                plan's output are the files of the piece. It must be picklable if distributed.
            items: what to do it for.
            arguments: the same for all items.
            result: what the function returns; one that returns None has no fields.
            title: what is shown while it runs.
            distributed: None is as the preparation.
            problem: what is wrong with the result for an item, given the files that were written;
                empty if nothing is. It must be picklable if distributed.

        Returns:
            The results in the order of the items.

        Raises:
            UnusableInput, JobFailed: as the function raised it.
            UnusablePieces: the function raised anything else, or gave a result that cannot be,
                and pieces of an earlier run were there.
        """
        answers = run_units(
            _Piece(self, stage, function, arguments, result, problem),
            list(enumerate(items)),
            distributed=self.distributed if distributed is None else distributed,
            title=title,
        )
        earlier = sum(was_done for was_done, _ in answers)
        if earlier:
            log.info(f"{title}: {earlier:,} of {len(answers):,} pieces were done before")
        return [one for _, one in answers]


@dataclass(frozen=True)
class _Piece(Generic[R]):
    """What does a piece of a stage, here or in a Ray task."""

    journal: Journal
    stage: str
    function: Callable[..., R | None]
    arguments: tuple[Any, ...]
    result: type[R]
    problem: Problem[R]

    def __call__(self, numbered: tuple[int, Any]) -> tuple[bool, R]:
        """Whether the piece was done before, and its result."""
        number, item = numbered
        done = self.journal.plan.staging / f"done-{self.stage}-{number:05d}"
        try:
            if (earlier := self._find(done, item)) is not None:
                return True, earlier
            return False, self._do(done, item)
        except (UnusableInput, JobFailed, Stopped):
            raise
        except Exception as error:  # whatever a table or a record of others leads to
            if not self.journal.resumed:
                raise
            raise UnusablePieces(f"{self.stage} {number:,}: {described(error)}") from error

    def _do(self, done: Location, item: Any) -> R:
        """Do the piece and note that it is done."""
        plan = self.journal.plan
        output = NotingLocation.of(plan.output)
        answer = self.function(replace(plan, output=output), *self.arguments, item)
        result = {} if answer is None else answer.to_json()
        piece = PieceRecord(key=self.journal.key, files=output.written, result=result)
        done.write_json(piece)
        # As whoever finds it reads it: even the order of keys may show in a dataset.
        stored = records.check(parse_json(json_bytes(piece).decode()), PieceRecord, done)
        return self._checked(stored, item, done)

    def _find(self, done: Location, item: Any) -> R | None:
        """The result of a piece that was done; None if it is to be done, perhaps again."""
        if not done.is_file():
            return None
        try:
            piece = records.read(done, PieceRecord)
            if piece.key != self.journal.key:
                return None
            for name, entry in piece.files.items():
                file = self.journal.plan.output.named(name)
                if file.info().size != entry.bytes or file.sha256() != entry.sha256:
                    raise UnusableInput(f"{file}: is not as it was written")
            return self._checked(piece, item, done)
        except UnusableInput as problem:
            log.warning(f"{problem}; this piece is done again")
            return None

    def _checked(self, piece: PieceRecord, item: Any, done: Location) -> R:
        result = records.check(piece.result, self.result, done)
        if problem := self.problem(item, result, piece.files):
            raise UnusablePieces(f"{done}: damaged ({problem})")
        return result


class NotingLocation(Location):
    """A folder that notes what is written below it.

    Attributes:
        written: the files as they were written, by path below the folder; one dictionary for all
            that lies below it.
    """

    written: dict[str, FileEntry]

    @classmethod
    def of(cls, folder: Location) -> Self:
        """The same folder, which has noted nothing so far."""
        noting = cls.__new__(cls)
        noting.__dict__.update(folder.__getstate__(), written={}, _root=folder.uri)
        return noting

    def _sibling(self, uri: str) -> Self:
        other = super()._sibling(uri)
        other.written = self.written
        return other

    def write_bytes(self, data: bytes) -> None:
        """See `Location.write_bytes`."""
        super().write_bytes(data)
        name = "/".join(self.parts_below(self._sibling(self._root)))
        self.written[name] = file_entry(data)
