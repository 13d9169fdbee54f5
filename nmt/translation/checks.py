"""Whether a translation can be done: options, columns and model, before anything is written."""

from __future__ import annotations

import pyarrow as pa

from nmt import model_folder
from nmt.configuration import nearest
from nmt.errors import UnusableInput
from nmt.evaluation.baseline import Baseline, read_baseline
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.evaluation.files import read_beside
from nmt.evaluation.groups import check_grouping
from nmt.evaluation.sentences import References
from nmt.evaluation.tokenizers import check_tokenizer
from nmt.inference.row_filter import tag_id
from nmt.inference.unknown_words import read_dictionary
from nmt.printable import join_names, there_are
from nmt.records.model import ModelRecord
from nmt.settings import check_search
from nmt.storage.location import Location
from nmt.tables.columns import is_bytes, is_text
from nmt.tables.values import is_scalar
from nmt.translation import notification
from nmt.translation.export.files import columns_of
from nmt.translation.export.formats import COMPRESSIONS, FORMATS, REJECTED_LINES
from nmt.translation.input.corpus import InputCorpus
from nmt.translation.input.earlier_output import OWN_COLUMNS
from nmt.translation.request import TranslateRequest


def check(request: TranslateRequest, info: ModelRecord, corpus: InputCorpus) -> References:
    """Check that options, columns and model go together; returns where the references are."""
    if request.alignment_column and not request.own_reference_column:
        raise UnusableInput(
            "--alignment-column needs --reference-column, the aligned references in a column of "
            "the input"
        )
    if "direction" not in info.model_fields_set:
        raise UnusableInput(
            f"{request.models[0]}: its model.json names no direction; use a model that "
            "`nmt train` has saved"
        )
    check_search(request.search)
    if request.search.has_shortlist and not model_folder.has_lexicon(info):
        raise UnusableInput(
            f"{request.models[0]}: has no lexicon for search.shortlist (an older release saved "
            "it); train it again, or leave the setting out"
        )
    if request.search.tag is not None or request.tag_column is not None:
        vocabulary = model_folder.read_vocabulary(request.models[0], info, "source")
        if request.search.tag is not None:
            tag_id(vocabulary, request.search.tag)
        if not vocabulary.tags:
            raise UnusableInput(
                f"{request.models[0]}: has no tags (data.tags of `nmt prepare`); leave "
                "--tag-column out"
            )
    if info.architecture["attention"] == "none":
        for option, wanted in (
            ("--alignments", request.alignments),
            ("--alignment-column", request.alignment_column),
            ("search.coverage_penalty", request.search.coverage_penalty),
        ):
            if wanted:
                raise UnusableInput(
                    f"{request.model_names}: has no attention (model.attention=none), so {option} "
                    "cannot be had; leave it out"
                )
    for option, column in (
        ("--reference-column", request.own_reference_column),
        ("--alignment-column", request.alignment_column),
        ("--tag-column", request.tag_column),
    ):
        if column:
            _check_text_column(request, corpus, option, column)
    _check_cache(request)
    _check_text_columns(request, corpus)
    _check_export(request, corpus)
    _check_groups(request, corpus)
    if request.baseline is not None:
        Baseline(read_baseline(request.baseline, request.output)[0]).check()
    if request.notify is not None:
        notification.check(request.notify)
    own = {*OWN_COLUMNS} - ({"alternatives"} if request.search.n_best == 1 else set())
    if clash := sorted(set(corpus.columns.names) & own):
        raise UnusableInput(
            f"{request.input}: column '{clash[0]}' has the name of an output column; rename it"
        )
    if request.search.dictionary is not None:
        read_dictionary(Location(request.search.dictionary))
    most = request.search.max_characters
    column = request.reference_column
    streams = [
        read_beside(
            *(name, column, "--reference-column", corpus.rows, "references", most),
            ids=corpus.row_ids,
        )
        for name in request.references
    ]
    references = References(streams, request.own_reference_column, most)
    if references:
        check_tokenizer(request.tokenize)
    return references


def _check_cache(request: TranslateRequest) -> None:
    if request.cache is None:
        return
    if request.search.temperature:
        raise UnusableInput(
            "--cache keeps the one translation of a sentence, and search.temperature draws "
            "others at random; leave one of them out"
        )
    inside = f"{request.output.uri.rstrip('/')}/"
    if f"{request.cache.uri.rstrip('/')}/".startswith(inside):
        raise UnusableInput(
            f"{request.cache}: lies in --output, which --overwrite would empty; give the cache "
            "a folder of its own"
        )


def _check_export(request: TranslateRequest, corpus: InputCorpus) -> None:
    for option, value, choices in (
        ("--output-format", request.output_format or "parquet", FORMATS),
        ("--rejected-lines", request.rejected_lines, REJECTED_LINES),
        ("--export-compression", request.export_compression, COMPRESSIONS),
    ):
        if value not in choices:
            raise UnusableInput(f"{option} {value}: unknown; {nearest(value, choices)}")
    if request.rejected_lines != "blank" and request.output_format != "text":
        raise UnusableInput("--rejected-lines goes with --output-format text")
    if request.export_compression != "none" and request.output_format in (None, "parquet"):
        raise UnusableInput("--export-compression goes with --output-format jsonl, csv or text")
    if (partitions := request.partitions) is not None:
        columns, name = corpus.columns, partitions.column
        # Bytes are written as a text may stand there, too: 0xff.
        if name not in columns.names or not _names_folders(kind := columns.field(name).type):
            problem = (
                f"it holds {kind}" if name in columns.names else "the input has no such column"
            )
            raise UnusableInput(
                f"--partition-by {name}: {problem}; give a column of texts, numbers or dates "
                f"{there_are(columns.names, name)}"
            )
        partitions.check(request.input, corpus.values(name))


def _names_folders(kind: pa.DataType) -> bool:
    return is_scalar(kind) and not is_bytes(kind)


def _check_text_columns(request: TranslateRequest, corpus: InputCorpus) -> None:
    """Refuse what does not go with several text columns."""
    if not (columns := request.text_columns):
        return
    if len({*columns}) < len(columns):
        raise UnusableInput("--text-column: a column is named twice; name each once")
    there = (corpus.text_column, *corpus.more_columns)
    if corpus.rows and there != columns:  # of TMX, a language may stand for its one dialect
        raise UnusableInput(
            f"--text-column {' '.join(columns)}: name several columns as the input has them "
            f"({join_names(there)})"
        )
    for option, value in (
        ("--references", request.references),
        ("--reference-column", request.reference_column),
        ("--output-format text", request.output_format == "text"),
        ("--partition-by text_column", request.partition_by == TEXT_COLUMN),
    ):
        if value:
            raise UnusableInput(
                f"{option} goes with one --text-column; translate the columns one by one, or leave "
                "it out"
            )
    added = {name for column in columns for name in columns_of(column)} | {TEXT_COLUMN}
    others = [*corpus.columns.names, corpus.id_column, *columns]
    if clash := sorted(name for name in added if others.count(name) > (name == TEXT_COLUMN)):
        raise UnusableInput(
            f"{request.input}: column '{clash[0]}' has the name of an output column; rename it"
        )
    if clash := sorted({*columns} & {*OWN_COLUMNS, TEXT_COLUMN} - {"source"}):
        raise UnusableInput(
            f"{request.input}: column '{clash[0]}' has the name of an output column; rename it"
        )


def _check_text_column(
    request: TranslateRequest, corpus: InputCorpus, option: str, column: str
) -> None:
    if column not in corpus.columns.names:
        raise UnusableInput(
            f"{request.input}: no column '{column}' for {option} beside texts and ids "
            f"{there_are(corpus.columns.names, column)}"
        )
    kind = corpus.columns.field(column).type
    if not is_text(kind):
        raise UnusableInput(f"{request.input}: column '{column}' for {option} holds {kind}")


def _check_groups(request: TranslateRequest, corpus: InputCorpus) -> None:
    for column in request.group_by:
        check_grouping(request.input, corpus.columns, column)
    if len(set(request.group_by)) < len(request.group_by):
        raise UnusableInput("--group-by: a column is named twice; name each once")
