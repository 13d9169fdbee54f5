"""What the jobs' command lines share: the settings file, and errors as one clear line."""

from __future__ import annotations

import atexit
import functools
import math
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from nmt.cluster.connection import check_address
from nmt.configuration import nearest, nearest_setting
from nmt.console import say
from nmt.errors import Interrupted, JobFailed, UnusableInput
from nmt.settings import Settings
from nmt.storage.credentials import refuse_secrets
from nmt.storage.local_files import check_file
from nmt.storage.location import Location
from nmt.storage.uri import is_utf8, scheme_of
from nmt.yaml_text import read_yaml

_INTERRUPTED = 130
_LONGEST_LINE = 2000  # characters of an error: it may repeat what a file holds
# The base of typer.BadParameter; newer releases of Typer keep it in a private copy of click.
_UsageError: Any = typer.BadParameter.__mro__[1]


def run(command: Callable[..., None]) -> None:
    """Run a job's function as a command line and end the process with its exit status.

    The status is 0 when done, 1 after a failure, 2 for unusable arguments or input. A job that
    ends with another status raises ``typer.Exit``.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(_with_sound_values(command))
    try:
        status = app(standalone_mode=False)
    except (UnusableInput, JobFailed) as error:
        say(f"error: {error}")
        sys.exit(error.exit_status)
    except Interrupted as error:
        say(str(error))
        sys.exit(error.exit_status)
    except _UsageError as error:
        say(f"error: {_one_line(error.format_message())} (see --help)")
        sys.exit(UnusableInput.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        status = _INTERRUPTED
    except Exception as error:  # a fault of this program: all of it is shown, each part as it is
        for part in traceback.TracebackException.from_exception(error).format():
            for line in part.splitlines() if part.startswith("  ") else [part.strip()]:
                say(line)
        status = JobFailed.exit_status
    if status == _INTERRUPTED:  # what Typer itself returns after Ctrl-C
        say("interrupted; run the same command again")
    sys.exit(status if isinstance(status, int) else 0)


def _with_sound_values(command: Callable[..., None]) -> Callable[..., None]:
    """The command, but for options that are NaN or infinite, which no bound keeps out, and for
    texts that are no UTF-8, which could not be stored."""

    @functools.wraps(command)
    def checked(**options: Any) -> None:
        hints = get_type_hints(command, include_extras=True)
        for name, value in options.items():
            option = _option(name, hints[name])
            if isinstance(value, float) and not math.isfinite(value):
                raise UnusableInput(f"{option} {value}: give a finite number")
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and not is_utf8(text):
                    raise UnusableInput(f"{option} {text}: not UTF-8; give another text or name")
        command(**options)

    return checked


def _option(name: str, hint: Any) -> str:
    """How a parameter of a command is given on its command line."""
    for extra in getattr(hint, "__metadata__", ()):
        # In an annotation Typer has the first of the spellings as what elsewhere is the default.
        if spelled := [t for t in (extra.default, *extra.param_decls) if str(t).startswith("--")]:
            return spelled[0]
    return f"--{name.replace('_', '-')}"


def _one_line(message: str) -> str:
    line = re.sub(r"\s*[\r\n]+\s*", " ", message.strip())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def main(command: Callable[..., None]) -> None:
    """`run`, as the last thing that a process does.

    The process ends without the destructors of native libraries, which threads of Ray's and
    TensorFlow's may outlive: a job that had failed and said so has ended with SIGSEGV there.
    """
    try:
        run(command)
    except SystemExit as ended:
        atexit._run_exitfuncs()  # Ray's shutdown among them
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # nobody reads any more, or a full disk: Python's own end tells of it
            raise ended from None
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def parse_range(text: str) -> tuple[int, int]:
    """Read ``N`` or ``MIN:MAX``; returns least and most.

    Raises:
        UnusableInput: neither.
    """
    try:
        numbers = [int(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1 or numbers != sorted(numbers):
        raise UnusableInput(f"'{text}': write N or MIN:MAX, each at least 1")
    return numbers[0], numbers[-1]


def read_config(name: str | None, spelled: bool = False) -> dict[str, Any]:
    """Read a settings file; {} where none is named.

    Args:
        name: a path or URI.
        spelled: whether numbers, true and false remain text, as they are written.

    Raises:
        UnusableInput: the file is missing, is no YAML, or holds no keys.
    """
    if not name:
        return {}
    # A relative path is fine even in a submitted job: the file came with its code.
    refuse_secrets(name)
    location = Location(name if scheme_of(name) else os.path.abspath(name))
    check_file(location)
    content = read_yaml(location, name, spelled)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UnusableInput(f"{name}: expected 'key: value' lines at the top level")
    return content


def _take_options(context: typer.Context, name: str | None) -> str | None:
    """Let the settings file stand in for options that the command line leaves out.

    A job's options stand under its own name (``train: {output: …}``) or at the top level. A
    mapping under the name of a group of settings is that group; anything else there
    (``data: /path``) is the option of that name.
    """
    if context.resilient_parsing:
        return name
    config = read_config(name, spelled=True)
    job = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    options: dict[str, Any] = {
        option: parameter
        for parameter in context.command.params
        for option in [parameter.name, *(text.lstrip("-") for text in parameter.opts)]
    }
    jobs = {"prepare", "train", "translate", "verify", "evaluate", "benchmark"}
    given: dict[str, Any] = {}
    for key, value in config.items():
        if key in Settings.model_fields and (value is None or isinstance(value, dict)):
            continue
        if key in options:
            given[key] = value
        elif key in Settings.model_fields:
            raise UnusableInput(
                f"{name}: '{key}' is a group of settings and must hold keys and values; if an "
                f"option of another job is meant, write it under that job's name, as `train:`"
            )
        elif key not in jobs:
            known = {*Settings.model_fields, *options, *jobs}
            raise UnusableInput(
                f"{name}: key '{key}' is unknown; {nearest_setting(str(key), known)}"
            )
        elif value is not None and not isinstance(value, dict):
            raise UnusableInput(f"{name}: '{key}' must hold the options of that job")
    own: dict[str, Any] = config.get(job) or {}
    for key in own:
        if key not in options:
            hint = nearest(str(key), options)
            raise UnusableInput(f"{name}: {job} has no option '{key}'; {hint}")
    defaults: dict[str, str | list[str]] = {}
    for level in (given, own):
        spellings: dict[str, str] = {}
        for key, value in level.items():
            parameter = options[key]
            if (other := spellings.setdefault(parameter.name, key)) != key:
                raise UnusableInput(f"{name}: '{other}' and '{key}' are one option; keep one")
            if value is None:
                defaults.pop(parameter.name, None)
            else:
                multiple = getattr(parameter, "multiple", False)
                defaults[parameter.name] = _as_typed(f"{name}: {key}", value, multiple)
    context.default_map = {**(context.default_map or {}), **defaults}
    return name


def _as_typed(where: str, value: Any, multiple: bool) -> str | list[str]:
    """An option's value as one would type it on the command line."""
    if multiple:
        return [
            str(_as_typed(where, v, False)) for v in (value if isinstance(value, list) else [value])
        ]
    if not isinstance(value, str):
        wrong = "an empty one" if value is None else "several"
        raise UnusableInput(f"{where}: takes one value, not {wrong}")
    return value


def _checked_address(address: str | None) -> str | None:
    check_address(address)
    return address


Config = Annotated[
    str | None,
    typer.Option(
        envvar="NMT_CONFIG",
        is_eager=True,
        callback=_take_options,
        metavar="FILE.yaml",
        help="YAML file with settings (groups data, model, training, search, scoring, drift, gate) "
        "and with this job's options (under the job's name).",
    ),
]

Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="GROUP.KEY=VALUE", help="Override one setting. Repeatable."),
]

Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        callback=_checked_address,
        help="Ray cluster to join; without it the job starts a local Ray of its own.",
    ),
]
