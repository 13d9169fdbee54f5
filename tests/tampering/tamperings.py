"""One tampering with one stored file, and what its readers may do then."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import file_tampering
import json_tampering
import outputs
import table_tampering
from file_tampering import Change
from in_process import Run
from readers import Reader
from sealing import is_named, seal
from stored_folders import Site, remove

LONGEST = 500  # characters of a message, names of folders apart
SECONDS, MEMORY = 60, 1 << 30  # of a command on a folder of some kilobytes
_RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
_TRACE = re.compile(r'Traceback|File ".*", line \d+')
_UNREAD = re.compile(r"(?:.*/)?(?:.*\.png|.*\.html|.*\.pdf|events\.out.*|.*\.tmp)")
PLACES = ("empty folder", "FIFO", "link", "link to nothing", "huge", "removed")


@dataclass(frozen=True)
class Tampering:
    """What was done to a file.

    Attributes:
        folder: the entry of the site that it lies in.
        file: its path there.
        name: what was done.
        make: makes the bytes in its place, or None where that cannot be done; of `PLACES` it is
            None itself.
    """

    folder: str
    file: str
    name: str
    make: Callable[[], bytes | None] | None = None

    def __str__(self) -> str:
        return f"{self.folder}/{self.file}: {self.name[:120]}"


def tamperings(site: Site, folder: str) -> Iterator[Tampering]:
    """All tamperings with the files of a stored folder."""
    place = site.pristine / folder
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_dir() or (folder == "run" and name.startswith("model/")):
            continue
        for what, make in _contents(path):
            yield Tampering(folder, name, what, make)
        for what in PLACES:
            yield Tampering(folder, name, what)


def _contents(path: Path) -> Iterator[Change]:
    data = path.read_bytes()
    if path.suffix in (".json", ".attempts") or path.name.startswith("done-"):
        yield from json_tampering.tampered(data.decode())
    elif path.suffix == ".jsonl":
        yield from file_tampering.json_lines(data)
    elif path.suffix == ".yaml":
        yield from file_tampering.yaml_file(data)
    elif path.suffix == ".tsv":
        yield from file_tampering.tab_separated(data)
    elif path.suffix == ".safetensors":
        yield from file_tampering.tensors(data)
    elif data.startswith(b"PAR1"):
        yield from table_tampering.tampered(data)
    elif data.startswith(b"PK\x03\x04"):
        yield from file_tampering.arrays(data)
    if not _UNREAD.fullmatch(str(path)):
        yield from file_tampering.any_file(data)


def apply(site: Site, tampering: Tampering, consistent: bool) -> bool | None:
    """Do it.

    Args:
        consistent: the records above are changed with it.

    Returns:
        Whether a record above still says, or now says, what the file is; None if nothing was done.
    """
    folder = site / tampering.folder
    file = folder / tampering.file
    old = file.read_bytes()
    if tampering.make is not None:
        data = tampering.make()
        if data is None or data == old:
            return None
        remove(file)
        file.write_bytes(data)
        return seal(folder, file, old) if consistent else is_named(folder, file, old)
    remove(file)
    match tampering.name:
        case "empty folder":
            file.mkdir()
        case "FIFO":
            os.mkfifo(file)
        case "link":
            file.symlink_to(site / "elsewhere/private.txt")
        case "link to nothing":
            file.symlink_to(site / "elsewhere/new.txt")
        case "huge":
            with file.open("wb") as handle:
                handle.truncate(64 << 30)
    return False


def problems(
    site: Site, reader: Reader, tampering: Tampering, consistent: bool, sound: Any
) -> list[str]:
    """What a reader does that it must not, after a tampering that was applied.

    Args:
        sound: the `result` of the reader with nothing tampered with.
    """
    if tampering.folder == "run/model":
        outputs._translators.clear()
    written = {tampering.folder.split("/")[0], *reader.writes}
    before = _snapshot(site, written)
    memory = _memory()
    with _limits():
        run = reader.run(site)
    found = list(_of_run(site, run))
    if (more := _memory() - memory) > MEMORY:
        found.append(f"{more >> 20:,} MiB of memory")
    if changed := before.items() ^ _snapshot(site, written).items():
        found.append(f"touched {sorted({name for name, _ in changed})}")
    if run.status == 0 and not consistent and not found and sound is not None:
        try:
            if reader.result(site) != sound:
                found.append("done, and the result is another")
        except Exception as error:
            found.append(f"done, and the result cannot be read: {type(error).__name__}: {error}")
    return found


def _of_run(site: Site, run: Run) -> Iterator[str]:
    if run.fault is not None:
        frames = traceback.extract_tb(run.fault.__traceback__)
        own = [
            f"{f.filename.rpartition('/nmt/')[2]}:{f.lineno}"
            for f in frames
            if "/nmt/" in f.filename
        ]
        yield f"{run.message[:200]!r} at {' < '.join(own[::-1][:4])}"
        return
    if run.status not in range(5):
        yield f"exit status {run.status}"
    place = str(site.folder)
    for kind, text in (("message", run.message), ("output", run.shown), ("log", run.logged)):
        for line in text.splitlines():
            if len(line.replace(place, "")) > LONGEST:
                yield f"a {kind} of {len(line):,} characters: {line.replace(place, '')[:200]}"
        if match := _RAW.search(text):
            yield f"a {kind} with {match.group()!r}: {text[max(0, match.start() - 80) :][:160]!r}"
        if _TRACE.search(text):
            yield f"a {kind} with a traceback: {text[-400:]!r}"
    if "\n" in run.message:
        yield f"a message of several lines: {run.message[:200]!r}"


def _snapshot(site: Site, written: set[str]) -> dict[str, tuple[int, ...]]:
    """What lies outside of the folders that a command may write to."""
    files = {}
    for path in site.folder.rglob("*"):
        name = str(path.relative_to(site.folder))
        if name.split("/")[0] not in written:
            state = path.lstat()
            # Leases of what is only read are no business of ours; the rest has size and time.
            files[name] = state.st_mode, state.st_size, state.st_mtime_ns * path.is_file()
    return files


def _memory() -> int:
    """Bytes of memory that the process has and uses."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _on_alarm(*_: Any) -> None:
    raise TimeoutError(f"a command that has not ended after {SECONDS} s")


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """What takes far too long, or allocates far too much, is ended with an exception."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    previous = signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(2 * SECONDS, exit=True, file=sys.__stderr__)  # in C
    resource.setrlimit(resource.RLIMIT_AS, (size + 4 * MEMORY, limits[1]))
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def sound_result(site: Site, reader: Reader, folder: str) -> Any:
    """What a reader makes of an untouched folder."""
    run = reader.run(site)
    assert run.status in (0, 3), (folder, reader.name, run.message, run.logged, run.fault)
    result = reader.result(site)
    site.restore(folder, *reader.writes)
    return result


def examine(
    site: Site, reader: Reader, folder: str, every: int = 1, first: int = 0
) -> Iterator[str]:
    """What a reader does that it must not, over the tamperings with a folder.

    Args:
        every: of so many tamperings one is tried.
        first: the number of the first one.
    """
    sound = sound_result(site, reader, folder)
    for number, tampering in enumerate(tamperings(site, folder)):
        if number % every != first % every:
            continue
        for consistent in (True, False):
            named = apply(site, tampering, consistent)
            if named is None or (consistent and not named):
                site.restore(folder)
                continue
            for problem in problems(site, reader, tampering, consistent or not named, sound):
                kind = "consistent" if consistent else "damaged"
                yield f"{tampering}, {kind}; {reader.name}: {problem}"
            site.restore(folder, *reader.writes)
