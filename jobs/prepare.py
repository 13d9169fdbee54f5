"""Prepare a parallel corpus: clean, split, learn vocabularies, and write a DATASET."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nmt import cli
from nmt.configuration import resolve
from nmt.console import result
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.errors import UnusableInput
from nmt.settings import DataSettings
from nmt.storage.location import Location

_DEFAULTS = DataSettings()
_LANGUAGE = "the files' ending, or what the script of the text decides"


def _option(text: str, default: object = None, *names: str, metavar: str | None = None) -> Any:
    """An option whose default comes later, from YAML or `--set`; the help shows it."""
    shown = "" if default is None else f" Default: {default}."
    return typer.Option(*names, help=text + shown, metavar=metavar, show_default=False)


def main(
    output: Annotated[str, typer.Option(metavar="DATASET", help="Folder or URI to write.")],
    pairs: Annotated[
        str | None,
        _option(
            "File of source<TAB>target lines (.tsv .txt .zip .gz) or columns source, target "
            "(.parquet).",
            metavar="FILE",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        _option("Source text, a sentence a line, .gz or not. Repeatable.", metavar="FILE"),
    ] = None,
    target: Annotated[
        list[str] | None, _option("Its translation, line by line. Repeatable.", metavar="FILE")
    ] = None,
    demo: Annotated[
        int | None,
        _option("So many pairs of the built-in English–German grammar.", metavar="N"),
    ] = None,
    valid_source: Annotated[
        str | None, _option("Validation set, instead of a fraction.", metavar="FILE")
    ] = None,
    valid_target: Annotated[str | None, _option("Its translation.", metavar="FILE")] = None,
    test_source: Annotated[
        str | None, _option("Test set, instead of a fraction.", metavar="FILE")
    ] = None,
    test_target: Annotated[str | None, _option("Its translation.", metavar="FILE")] = None,
    valid_fraction: Annotated[
        float | None,
        _option(
            "Share of the source sentences drawn for valid/.",
            f"{_DEFAULTS.valid_fraction}, 0 if split files are given",
        ),
    ] = None,
    test_fraction: Annotated[
        float | None,
        _option(
            "Share of the source sentences drawn for test/.",
            f"{_DEFAULTS.test_fraction}, 0 if split files are given",
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        _option(
            "SentencePiece BPE (spm) or the book's words (word).",
            _DEFAULTS.tokenizer,
            metavar="spm|word",
        ),
    ] = None,
    vocab_size: Annotated[
        int | None, _option("Entries a vocabulary, at most.", _DEFAULTS.vocab_size)
    ] = None,
    joint_vocabulary: Annotated[
        bool | None,
        _option(
            "One spm vocabulary of both languages, or one for each.",
            "separate",
            "--joint-vocabulary/--separate-vocabularies",
        ),
    ] = None,
    min_frequency: Annotated[
        int | None,
        _option("A word seen less often is [UNK] (tokenizer word).", _DEFAULTS.min_frequency),
    ] = None,
    lowercase: Annotated[
        bool | None,
        _option("Lower-case both sides.", "no-lowercase", "--lowercase/--no-lowercase"),
    ] = None,
    max_length: Annotated[
        int | None,
        _option("A pair with a side of more tokens is rejected.", _DEFAULTS.max_length),
    ] = None,
    sample: Annotated[
        int | None, _option("Use so many pairs, drawn at random.", "all", metavar="N")
    ] = None,
    seed: Annotated[
        int | None, _option("Seed of sample, split and grammar.", _DEFAULTS.seed)
    ] = None,
    source_language: Annotated[
        str | None, _option("Code of the source language.", _LANGUAGE, metavar="CODE")
    ] = None,
    target_language: Annotated[
        str | None, _option("Code of the target language.", _LANGUAGE, metavar="CODE")
    ] = None,
    assignments: cli.Assignments = None,
    config: cli.Config = None,
    address: cli.Address = None,
) -> None:
    """Clean and split a parallel corpus, learn its vocabularies, and write it as a DATASET.

    Give exactly one of --pairs, --source with --target, --demo. Further settings, such as the
    single rules of cleaning: --set data.KEY=VALUE. A preparation that was interrupted begins anew
    when the same command is run again; a finished one is left alone.
    """
    resolved = resolve(
        config=cli.read_config(config),
        assignments=assignments or (),
        overrides={
            "data": {
                "valid_fraction": valid_fraction,
                "test_fraction": test_fraction,
                "tokenizer": tokenizer,
                "vocab_size": vocab_size,
                "joint_vocabulary": joint_vocabulary,
                "min_frequency": min_frequency,
                "lowercase": lowercase,
                "max_length": max_length,
                "sample": sample,
                "seed": seed,
                "source_language": source_language,
                "target_language": target_language,
            }
        },
    )
    dataset = prepare(
        PrepareRequest(
            output=Location(output),
            settings=resolved.data,
            pairs=Location(pairs) if pairs is not None else None,
            sources=tuple(Location(name) for name in source or ()),
            targets=tuple(Location(name) for name in target or ()),
            demo=demo,
            valid=_both("valid", valid_source, valid_target),
            test=_both("test", test_source, test_target),
            address=address,
        )
    )
    info = dataset.info
    for split in ("train", "valid", "test", "rejected"):
        detail = ", ".join(f"{name} {count:,}" for name, count in info["drops"].items())
        shown = f"  ({detail})" if split == "rejected" and detail else ""
        result(f"{split:<9}{info['counts'][split]:>12,} pairs{shown}")
    for side in ("source", "target"):
        entry = info["tokenizer"][side]
        result(f"{side:<9}{entry['size']:>12,} entries  {info['languages'][side]}  {entry['file']}")
    result(f"DATASET {dataset.location}")


def _both(split: str, source: str | None, target: str | None) -> tuple[Location, Location] | None:
    if source is None and target is None:
        return None
    if source is None or target is None:
        raise UnusableInput(f"give --{split}-source and --{split}-target together")
    return Location(source), Location(target)


if __name__ == "__main__":
    cli.main(main)
