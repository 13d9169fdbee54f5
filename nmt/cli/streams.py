"""Standard input and output of a command: UTF-8 whatever the locale, and each fault one line."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Any

from nmt.errors import JobFailed


def open_standard_streams() -> None:
    """Make the standard streams of this process UTF-8, and open those that are closed.

    Else the next file that is opened would take the number of a closed one, and hold what a
    library prints. In their place, input cannot be read, output cannot be written, and what goes
    to standard error is dropped.
    """
    streams = ((sys.stdin, os.O_WRONLY), (sys.stdout, os.O_RDONLY), (sys.stderr, os.O_WRONLY))
    # The first free number is that of the closed stream.
    numbers = [
        os.open(os.devnull, flags) if stream is None else number
        for number, (stream, flags) in enumerate(streams)
    ]
    sys.stdin = os.fdopen(numbers[0], encoding="utf-8", errors="surrogateescape", closefd=False)
    output = _StandardOutput(numbers[1], "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(output), encoding="utf-8", line_buffering=output.isatty()
    )
    if sys.stderr is None:
        sys.stderr = os.fdopen(numbers[2], "w", encoding="utf-8", closefd=False)


class _StandardOutput(io.FileIO):
    """Ends the command where nothing more can be written, whatever prints."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # What is left in buffers would fail once more at the end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):  # nobody reads any more: the end of `head`
                raise SystemExit(128 + signal.SIGPIPE) from None
            raise JobFailed(
                f"standard output cannot be written ({error.strerror}); send it elsewhere and run "
                "the same command again"
            ) from None
