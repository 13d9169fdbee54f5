"""``nmt translate --model MODEL``: standard input to standard output, line n in, line n out."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.errors import NoTranslation, UnusableInput
from nmt.evaluation.alignment import format_pharaoh
from nmt.formats.rows import bare
from nmt.inference.batching import lacks_memory
from nmt.inference.source_checks import other_script
from nmt.inference.translation import EMPTY, Translation
from nmt.json_text import json_text
from nmt.options import FromSettings, Option
from nmt.printable import printable
from nmt.reject_reasons import RejectReason
from nmt.settings import SearchSettings, check_search
from nmt.storage.location import Location
from nmt.text_limits import most_bytes

if TYPE_CHECKING:
    from nmt.inference.translator import Translator

log = logging.getLogger(__name__)

# Bytes that are read together at most, some thousand lines: enough to batch them by length as the
# batch job does. A read returns as soon as there are any.
_WINDOW = 256 * 1024
INTERRUPTED = 130  # the exit status after Ctrl-C


@dataclass(frozen=True)
class LinesRequest:
    """What ``nmt translate`` is asked for without --input and --output."""

    models: Annotated[tuple[Location, ...], Option("A RUN/model folder.", "MODEL", name="--model")]
    search: Annotated[
        SearchSettings,
        FromSettings(
            "search",
            ("search.beam_size", "search.length_penalty", "search.n_best", "search.tag"),
        ),
    ]
    alignments: Annotated[bool, Option("Word alignments (Pharaoh), after a tab.")] = False
    json: Annotated[bool, Option("The same as --output-format jsonl, from standard input.")] = False
    output_format: Annotated[
        str | None, Option("text, or jsonl: a JSON object per line.", "text|jsonl")
    ] = None

    @property
    def as_json(self) -> bool:
        """Whether an object is printed per line."""
        return self.json or self.output_format == "jsonl"


def translate_lines(request: LinesRequest) -> None:
    """Translate the lines of standard input as they arrive."""
    check_search(request.search)
    if request.output_format not in (None, "text", "jsonl"):
        raise UnusableInput(
            f"--output-format {request.output_format}: from standard input give text or jsonl; the "
            "others go with --input and --output"
        )
    _read(0)  # before the model is loaded
    terminal = sys.stdin.isatty()
    if terminal:
        log.info("loading the model …")
    from nmt.inference.translator import load_model

    translator = load_model(list(map(str, request.models)), search=request.search)
    if terminal:
        log.info("type a sentence per line; Ctrl-D ends")
    longest = most_bytes(request.search.max_characters)
    if request.search.tag is None and (remark := translator.lacks_tag):
        log.warning(remark)
    number = 0
    try:
        for lines in _arriving(longest) if not terminal else _typed():
            for result in _translated(translator, lines, number):
                for line in _shown(result, number, request):
                    # To another program as it is, to a terminal what it cannot obey.
                    print(printable(line) if sys.stdout.isatty() else line.replace("\n", " "))
                number += 1
            sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _arriving(longest: int) -> Iterator[list[bytes]]:
    """The lines of standard input, so many together as are there.

    Of a line of more than `longest` bytes, only so many are kept that it is still too long.
    """
    begun, number = bytearray(), 0
    _widen_pipe()
    while chunk := _read(_WINDOW):
        first, *others = chunk.split(b"\n")
        begun += first[: longest + 1 - len(begun)]
        if others:
            lines = [bytes(begun), *others[:-1]]
            begun = bytearray(others[-1][: longest + 1])
            yield [bare(line[: longest + 1], number + i) for i, line in enumerate(lines)]
            number += len(lines)
    if begun:
        yield [bare(bytes(begun), number)]


def _widen_pipe() -> None:
    """Let as much wait in the pipe, while lines are translated, as is read at once.

    Linux holds 64 KiB otherwise. Where this cannot be, or is no pipe, fewer lines come together.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import fcntl  # not on Windows

        fcntl.fcntl(sys.stdin.fileno(), fcntl.F_SETPIPE_SZ, _WINDOW)


def _read(most: int) -> bytes:
    try:
        return os.read(sys.stdin.fileno(), most)
    except OSError as error:
        raise UnusableInput(
            f"standard input cannot be read ({error.strerror}); give it lines to translate, or "
            "give --input and --output"
        ) from None


def _typed() -> Iterator[list[bytes]]:
    """The lines that somebody types."""
    import readline  # noqa: F401  input() then has a history, and keys to edit with

    while True:
        try:
            yield [input("> ").encode("utf-8", "surrogateescape")]
        except EOFError:
            return


def _translated(
    translator: Translator, lines: Sequence[bytes], first: int
) -> Iterable[Translation | RejectReason]:
    """A translation per line, or why there is none.

    Standard error names the lines that are rejected, and those of several sentences, of which a
    model of single sentences may leave some out.
    """
    filtered = translator.row_filter(lines)
    if not first and (remark := other_script(translator.bundle.info, filtered.texts)):
        log.warning(remark)
    results: list[Translation | RejectReason] = [EMPTY] * len(lines)

    def reject(place: int, reason: RejectReason) -> None:
        log.warning(f"line {first + place + 1}: rejected ({reason}); its translation is left empty")
        results[place] = reason

    def failed(place: int, error: Exception) -> None:
        if lacks_memory(error):
            reject(filtered.kept[place], RejectReason.OUT_OF_MEMORY)
        elif isinstance(error, NoTranslation):
            reject(filtered.kept[place], error.reason)
        else:
            raise error

    for place, reason in filtered.reasons.items():
        reject(place, reason)
    for place, translation in translator.decoder.decode(filtered.sources, failed=failed):
        row = filtered.kept[place]
        results[row] = translation
        if "multiline" in translation.flags:
            log.warning(f"line {first + row + 1}: several lines or sentences, translated as one")
    return results


def _shown(result: Translation | RejectReason, number: int, request: LinesRequest) -> list[str]:
    """The lines that are printed for a line; several for an n-best list, as Moses prints it."""
    if isinstance(result, RejectReason):
        return [json_text({"translation": "", "rejected": result}) if request.as_json else ""]
    several = result.alternatives or (result,)
    if request.as_json:
        values = _as_json(result)
        if request.search.n_best > 1:
            values["alternatives"] = [_alternative(one) for one in several]
        return [json_text(values)]
    if request.search.n_best > 1:
        return [
            " ||| ".join([str(number), *_columns(one, request), f"{one.score:.4f}"])
            for one in several
        ]
    return ["\t".join(_columns(result, request))]


def _columns(translation: Translation, request: LinesRequest) -> list[str]:
    links = [format_pharaoh(translation.alignment)] if request.alignments else []
    return [translation.text, *links]


def _alternative(translation: Translation) -> dict[str, object]:
    """The fields that `nmt.translation.results_table` stores of one, too."""
    return {
        "translation": translation.text,
        "score": round(translation.score, 4),
        "ranking": None if translation.ranking is None else round(translation.ranking, 4),
    }


def _as_json(translation: Translation) -> dict[str, object]:
    return {
        "translation": translation.text,
        "score": round(translation.score, 4),
        "source_tokens": translation.source_tokens,
        "target_tokens": translation.tokens,
        "alignment": format_pharaoh(translation.alignment),
        "flags": list(translation.flags),
    }
