"""The hook that runs when a job has ended."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys

from nmt.errors import UnusableInput
from nmt.printable import printable
from nmt.storage.location import Location

log = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds that a hook may take


def check(command: str) -> None:
    """Refuse a command that cannot be run.

    Raises:
        UnusableInput: it is empty, has an open quote, or names no program.
    """
    words = _words(command)
    if not words:
        raise UnusableInput("--notify: an empty command; name a program")
    if shutil.which(words[0]) is None:
        raise UnusableInput(
            f"--notify: no program '{words[0]}' on this machine; give its path, and make it "
            "executable"
        )


def notify(command: str, report: Location, exit_status: int, reason: str) -> bool:
    """Run the hook; whatever becomes of it, the job ends as it would.

    Args:
        command: words as in a shell, but no shell runs: no variables, pipes or redirections.
        report: its last argument: the path of report.json, or its URI on an object store.
        exit_status: of the job; the hook finds it in NMT_EXIT_STATUS.
        reason: the job's verdict; the hook finds it in NMT_VERDICT.

    Returns:
        Whether the hook ended well. What it prints goes to standard error.
    """
    variables = {"NMT_EXIT_STATUS": str(exit_status), "NMT_VERDICT": printable(reason)}
    sys.stderr.flush()
    try:
        done = subprocess.run(
            [*_words(command), str(report)],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=2,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        log.warning(f"--notify: the command did not end within {_PATIENCE:g} s and was stopped")
        return False
    except OSError as error:
        log.warning(f"--notify: the command cannot be run: {error.strerror}")
        return False
    if done.returncode:
        log.warning(f"--notify: the command ended with status {done.returncode}")
    return done.returncode == 0


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UnusableInput(f"--notify: {str(error).lower()}; mend the quotes") from None
