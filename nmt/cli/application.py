"""The command ``nmt``: one subcommand per job, and errors as one clear line.

Its standard input and output are UTF-8 whatever the locale. An option that takes one value is given
once: of two values none is left out silently.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperOption

from nmt.benchmark.request import BenchmarkRequest
from nmt.cli import jobs
from nmt.cli.command import command, either
from nmt.cli.lines import INTERRUPTED, LinesRequest, translate_lines
from nmt.corpus.request import PrepareRequest
from nmt.errors import JobFailed, Stopped, UnusableInput
from nmt.evaluation.request import EvaluateRequest
from nmt.logs import configure
from nmt.printable import printable, shorten
from nmt.training.request import TrainRequest
from nmt.translation.request import TranslateRequest
from nmt.version import __version__

_REPEATABLE_INSTEAD = {"--pairs": "several corpora: --corpora"}

log = logging.getLogger(__name__)


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


class OnceCommand(TyperCommand):
    """A command of which each option stands once, apart from repeatable ones and from switches."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the arguments.

        Raises:
            UnusableInput: an option that takes one value is given twice.
        """
        *_, order = self.make_parser(ctx).parse_args(list(args))
        rest = super().parse_args(ctx, args)  # --help and what is wrong otherwise come first
        seen: list[TyperOption] = []
        for option in cast(list[TyperOption], order):  # no command has arguments
            if option in seen and not (option.multiple or option.is_flag or option.count):
                name = option.opts[0]
                instead = f"; {_REPEATABLE_INSTEAD[name]}" if name in _REPEATABLE_INSTEAD else ""
                raise UnusableInput(f"{name} is given twice; it takes one value{instead}")
            seen.append(option)
        return rest


def application() -> typer.Typer:
    """The command line with all its subcommands."""
    app = typer.Typer(
        help="Attention-based neural machine translation on Ray.",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # its tables cut long names of options
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        callback=_common,
    )
    translate = either(TranslateRequest, jobs.translate, LinesRequest, translate_lines)
    for subcommand in (
        command(PrepareRequest, jobs.prepare),
        command(TrainRequest, jobs.train),
        translate,
        command(EvaluateRequest, jobs.evaluate),
        command(jobs.VerifyRequest, jobs.verify),
        command(jobs.ExportRequest, jobs.export),
        command(BenchmarkRequest, jobs.benchmark),
        command(jobs.DemoRequest, jobs.demo, config=False),
    ):
        app.command(cls=OnceCommand)(subcommand)
    cache = typer.Typer(
        rich_markup_mode=None, help="List or prune what earlier jobs decoded (translate --cache)."
    )
    cache.command("list", cls=OnceCommand)(
        command(jobs.ListCacheRequest, jobs.list_cache, config=False)
    )
    cache.command("prune", cls=OnceCommand)(
        command(jobs.PruneCacheRequest, jobs.prune_cache, config=False)
    )
    app.add_typer(cache, name="cache")
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"nmt {__version__}")
        raise typer.Exit()


def _common(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Options of ``nmt`` itself."""


def run(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Run a command line and end the process with its exit status.

    The status is 0 when done, 1 after a failure, 2 for unusable arguments or input. A job that
    ends with another status raises ``typer.Exit``.
    """
    configure(job=arguments[0] if arguments else "nmt")
    try:
        status = app(list(arguments), prog_name="nmt", standalone_mode=False)
        sys.stdout.flush()
    except (UnusableInput, JobFailed) as error:
        log.error("%s", error)
        sys.exit(error.exit_status)
    except Stopped as error:
        log.info("%s", error)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except MemoryError as error:
        log.error("not enough memory (%s)", error or "none left")
        status = JobFailed.exit_status
    except Exception as error:
        # Typer's base class of usage errors is not public; its method is.
        if format_message := getattr(error, "format_message", None):
            log.error(f"{_one_line(format_message())} (see --help)")
            sys.exit(UnusableInput.exit_status)
        if isinstance(error, OSError) and error.errno:  # the system says best what is wrong
            log.error("%s", error)
            sys.exit(JobFailed.exit_status)
        # A fault of this program: all of it is shown, each part as it is.
        for part in traceback.TracebackException.from_exception(error).format():
            for line in part.splitlines() if part.startswith("  ") else [part.strip()]:
                log.error("%s", line)
        status = JobFailed.exit_status
    if status == INTERRUPTED:  # what Typer itself returns after Ctrl-C
        log.info("interrupted; run the same command again")
    sys.exit(status if isinstance(status, int) else 0)


def _one_line(message: str) -> str:
    return shorten(printable(re.sub(r"\s*[\r\n]+\s*", " ", message.strip())))


def main(*subcommand: str) -> None:
    """Run ``nmt`` with the arguments of this process, as the last thing that it does.

    The process ends without the destructors of native libraries, which threads of Ray's and
    TensorFlow's may outlive: a job that had failed and said so has ended with SIGSEGV there.

    Args:
        subcommand: stands before the arguments (``jobs/train.py`` is ``nmt train``).
    """
    open_standard_streams()
    try:
        run(application(), [*subcommand, *sys.argv[1:]])
    except SystemExit as ended:
        atexit._run_exitfuncs()  # Ray's shutdown among them
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, JobFailed, SystemExit):  # it takes no more
                stream.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
