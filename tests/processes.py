"""Processes: Python in one of its own, for what is settled when TensorFlow starts; children."""

import contextlib
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_PATIENCE = 400  # seconds; a generous limit for a loaded machine


class Python:
    """Python code in a process of its own, forked from one that has imported TensorFlow once.

    TensorFlow starts its threads and settles its devices at the first operation, not when it is
    imported, so each process still chooses its own; the import alone takes seconds of CPU.

    Args:
        code: the program.
        argument: its ``sys.argv[1]``, as JSON.
        variables: of its environment, besides this process's.
    """

    def __init__(self, code: str, argument: Any, **variables: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="python-")
        streams = [str(Path(self._folder.name) / name) for name in ("out", "err")]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
        given = textwrap.dedent(code), json.dumps(argument), environment, *streams
        self._streams = [Path(stream) for stream in streams]
        self._process = _forkserver().Process(target=_execute, args=given)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """As of a subprocess."""
        return self._process.exitcode

    def communicate(self) -> tuple[str, str]:
        """Wait for its end; returns what it wrote to its standard output and error."""
        self._process.join(_PATIENCE)
        out, err = (stream.read_text(errors="replace") for stream in self._streams)
        assert self.returncode is not None, f"no end after {_PATIENCE} s:\n{err[-3000:]}"
        return out, err

    def stop(self) -> None:
        """Kill it if it still runs, and forget what it wrote."""
        self._process.kill()
        self._process.join()
        self._folder.cleanup()


def answer_of(code: str, argument: Any) -> Any:
    """Run a program, with an argument as JSON, and return the JSON of its last line."""
    process = Python(code, argument)
    try:
        out, err = process.communicate()
        assert process.returncode == 0, err[-3000:]
    finally:
        process.stop()
    return json.loads(out.splitlines()[-1])


@contextmanager
def workers_of(
    code: str, count: int, argument: Mapping[str, Any] | None = None
) -> Iterator[list[Python]]:
    """The processes of workers, which learn of each other from TF_CONFIG as Ray Train sets it."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    running: list[Python] = []
    try:
        for rank in range(count):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
            variables = {"TF_CONFIG": json.dumps(config)} if count > 1 else {}
            variables["CUDA_VISIBLE_DEVICES"] = ""
            running.append(Python(code, {**(argument or {}), "rank": rank}, **variables))
        yield running
    finally:
        for process in running:
            process.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@cache
def _forkserver() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nmt.training.loop"])
    return context


def _execute(code: str, argument: str, variables: dict[str, str], *streams: str) -> None:
    """Run a program in this new process, as ``python -c CODE ARGUMENT`` would."""
    os.environ.clear()
    os.environ.update(variables)
    for descriptor, stream in enumerate(streams, 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = ["-c", argument]
    exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended may wait for somebody to ask for its status."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their titles."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            titles[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:  # it has just ended
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found, waiting = {}, [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its in parents.items() if its == parent]
        found |= {child: titles[child] for child in children if child in titles}
        waiting += children
    return found


def listeners(pid: int) -> set[tuple[str, str, int]]:
    """Where a process and those below it listen: program, address and port."""
    addresses = {}
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A":
                address, port = local.split(":")
                words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
                host = socket.inet_ntop(family, b"".join(words)).removeprefix("::ffff:")
                addresses[f"socket:[{inode}]"] = host, int(port, 16)
    found = set()
    for process in (pid, *descendants(pid)):
        for file in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(OSError):  # closed, or the process ended, in the meantime
                target = os.readlink(file)
                if target in addresses:
                    program = Path(f"/proc/{process}/comm").read_text().strip()
                    found.add((program, *addresses[target]))
    return found
