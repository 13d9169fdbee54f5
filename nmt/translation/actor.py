"""The actor that holds a model and translates units of a corpus, one at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from nmt.corpus.columns import texts_of
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation import rates, suspicion
from nmt.evaluation.alignment import LinkCounts, diagonal, format_pharaoh, parse_gold
from nmt.evaluation.sentences import Sentence
from nmt.lease import check_owner
from nmt.settings import SearchSettings
from nmt.storage import Location, persistently
from nmt.translation import attention
from nmt.translation.corpus import Rows, Unit, read_unit
from nmt.translation.metrics import Metrics
from nmt.translation.output import Output
from nmt.translation.survival import Attempts, surviving
from nmt.translator import Translation, Translator, load_model

_ALTERNATIVES = pa.list_(
    pa.struct({"translation": pa.string(), "score": pa.float64(), "ranking": pa.float64()})
)


@dataclass(frozen=True)
class Work:
    """What every actor of a job needs to know; sent to it once.

    Attributes:
        models: URIs of the MODELs: one, or an ensemble.
        model_id: the id under which the job began.
        output: URI of the OUT folder.
        search: settings of the search.
        dictionary_hash: SHA-256 of `search.dictionary` when the job began; None without one.
        text_column: the Parquet column of the sentences.
        id_column: the Parquet column of the ids; None numbers the rows.
        reference_column: the column of the references, for forced decoding; or None.
        alignment_column: the column of the gold alignments; or None.
        batch_size: sentences decoded together.
        threads: cores of the actor.
        alignments: whether to write ``alignments/``.
        heatmaps: numbers of the rows whose attention is drawn.
        heatmap_words: draw it between whole words.
        generation: of the output's files.
        owner: who must have the output's lease when a unit is committed; None asks nobody.
        page: numbers of the rows that stand on the page, where their attention is looked at.
    """

    models: tuple[str, ...]
    model_id: str
    output: str
    search: SearchSettings
    dictionary_hash: str | None
    text_column: str
    id_column: str | None
    reference_column: str | None
    alignment_column: str | None
    batch_size: int
    threads: int
    alignments: bool
    heatmaps: frozenset[int]
    heatmap_words: bool = False
    generation: int = 1
    owner: str | None = None
    page: frozenset[int] = frozenset()


class DecodeActor:
    """Loads the model once and translates the units it is handed."""

    def __init__(self, work: Work) -> None:
        import nmt.model  # noqa: F401  (quiets TensorFlow before it is imported)

        import tensorflow as tf  # isort: skip

        tf.config.threading.set_intra_op_parallelism_threads(work.threads)
        tf.config.threading.set_inter_op_parallelism_threads(work.threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        self._work = work
        self._output = output_of(work)
        self._translator = load_translator(work)
        self._metrics = Metrics(work.model_id)

    def __call__(self, unit: Unit) -> dict[str, Any]:
        """Translate and commit a unit; returns its record."""
        record = translate_unit(unit, self._work, self._translator, self._output)
        self._metrics.add(record)
        return record


def output_of(work: Work) -> Output:
    """Where an actor writes, as long as its job has the lease."""
    location = Location(work.output)
    if work.owner is None:
        return Output(location, work.generation)
    return Output(location, work.generation, partial(check_owner, location, work.owner))


def load_translator(work: Work) -> Translator:
    """Load the job's model.

    Raises:
        JobFailed: there is another model or dictionary now than when the job began.
    """
    translator = load_model(work.models, work.search, work.batch_size)
    if translator.model_id != work.model_id:
        raise JobFailed(
            f"{', '.join(work.models)}: is another model than when the job began; translate with "
            "a copy of the model that nobody writes to"
        )
    name = work.search.dictionary
    if name is not None and Location(name).sha256() != work.dictionary_hash:
        raise JobFailed(
            f"{name}: is another dictionary than when the job began; translate with a copy that "
            "nobody writes to"
        )
    return translator


def translate_unit(
    unit: Unit, work: Work, translator: Translator, output: Output
) -> dict[str, Any]:
    """Translate one unit and commit it.

    Args:
        unit: which rows.
        work: what the job wants.
        translator: the loaded model.
        output: where the files go.

    Returns:
        The unit's record: files written, counts, sums for the report.
    """
    start = time.monotonic()
    attempts = Attempts(output.attempts(unit), f"rows {unit.first}–{unit.first + unit.rows - 1}")
    try:
        record = _translate_unit(unit, work, translator, output, attempts, start)
    except Exception:
        attempts.forgive()
        raise
    attempts.clear()
    return record


def _translate_unit(
    unit: Unit,
    work: Work,
    translator: Translator,
    output: Output,
    attempts: Attempts,
    start: float,
) -> dict[str, Any]:
    rows = persistently(lambda: read_unit(unit, work.text_column, work.id_column))
    reasons: dict[int, str] = {}
    texts: dict[int, str] = {}
    for i, raw in enumerate(rows.texts):
        try:
            texts[i] = _decode(raw)
        except ValueError as error:
            reasons[i] = str(error)
            continue
        if translator.too_long(translator.clean(texts[i])):
            reasons[i] = "too_long"
            del texts[i]
    kept = list(texts)
    decoding = time.monotonic()
    results, lost = surviving([texts[i] for i in kept], translator.translate, attempts)
    decoding = time.monotonic() - decoding
    if lost:
        reasons |= {kept[place]: reason for place, reason in lost.items()}
        reasons = dict(sorted(reasons.items()))
        kept = [i for i in kept if i not in reasons]
    sentences = [
        _sentence(unit.first + i, texts[i], result) for i, result in zip(kept, results, strict=True)
    ]
    alternatives = [result.alternatives for result in results] if work.search.n_best > 1 else None
    files = {f"translations/{unit.part}": _translations(rows, kept, sentences, alternatives)}
    if reasons:
        files[f"rejected/{unit.part}"] = _rejected(rows, reasons)
    if work.alignments:
        pharaoh = pa.array([format_pharaoh(r.alignment) for r in results], pa.string())
        columns = {"id": rows.ids.take(pa.array(kept, pa.int64())), "alignment": pharaoh}
        files[f"alignments/{unit.part}"] = pa.table(columns)
    _draw(unit, work, kept, results, output)
    record = {
        "unit": unit.number,
        "first": unit.first,
        "rejected_rows": [unit.first + i for i in reasons],
        "counts": _counts(rows, results, reasons),
        "sums": rates.sums(sentences),
        "suspicious": suspicion.worst(suspicion.suspects(sentences)),
        "alignment": _alignment_counts(rows, kept, texts, results, work, translator),
        "decode_seconds": decoding,
    }
    return output.commit(unit, files, {**record, "seconds": time.monotonic() - start})


def _decode(raw: Any) -> str:
    """The text of a row.

    Raises:
        ValueError: with the reason to reject it.
    """
    if raw is None:
        raise ValueError("null")
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("broken_utf8") from None


def _shown(raw: Any) -> str | None:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def _sentence(row: int, source: str, result: Translation) -> Sentence:
    """A translated row as it will be read back, without id and references."""
    return Sentence(
        row=row,
        id=None,
        source=source,
        translation=result.text,
        score=result.score,
        source_tokens=result.source_tokens,
        target_tokens=result.tokens,
        attention_entropy=result.attention_entropy,
        coverage=result.coverage,
        flags=list(result.flags),
        references=[],
    )


def _translations(
    rows: Rows,
    kept: list[int],
    sentences: list[Sentence],
    alternatives: list[tuple[Translation, ...]] | None,
) -> pa.Table:
    taken = pa.array(kept, pa.int64())
    strings = pa.list_(pa.string())
    columns = {
        "id": rows.ids.take(taken),
        "source": pa.array([s.source for s in sentences], pa.string()),
        "translation": pa.array([s.translation for s in sentences], pa.string()),
        "score": pa.array([s.score for s in sentences], pa.float64()),
        "source_tokens": pa.array([s.source_tokens for s in sentences], strings),
        "target_tokens": pa.array([s.target_tokens for s in sentences], strings),
        "attention_entropy": pa.array([s.attention_entropy for s in sentences], pa.float64()),
        "coverage": pa.array([s.coverage for s in sentences], pa.float64()),
        "flags": pa.array([s.flags for s in sentences], strings),
    }
    if alternatives is not None:
        lists = [[_alternative(one) for one in several] for several in alternatives]
        columns["alternatives"] = pa.array(lists, _ALTERNATIVES)
    return _with_others(columns, rows, taken)


def _alternative(result: Translation) -> dict[str, Any]:
    return {"translation": result.text, "score": result.score, "ranking": result.ranking}


def _rejected(rows: Rows, reasons: dict[int, str]) -> pa.Table:
    taken = pa.array(list(reasons), pa.int64())
    columns = {
        "id": rows.ids.take(taken),
        "reason": pa.array(list(reasons.values()), pa.string()),
        "source": pa.array([_shown(rows.texts[i]) for i in reasons], pa.string()),
    }
    return _with_others(columns, rows, taken)


def _with_others(columns: dict[str, pa.Array], rows: Rows, taken: pa.Array) -> pa.Table:
    others = {name: rows.others.column(name).take(taken) for name in rows.others.column_names}
    return pa.table({**columns, **others})


def _draw(
    unit: Unit, work: Work, kept: list[int], results: list[Translation], output: Output
) -> None:
    """Write the heatmaps of the rows that were sampled, and where the words of those on the page
    looked; a split sentence's could not be read."""
    looked = [
        {"row": unit.first + i, **found}
        for i, result in zip(kept, results, strict=True)
        if unit.first + i in work.page and (found := attention.of(result))
    ]
    if looked:
        output.write_attention(unit.number, looked)
    for i, result in zip(kept, results, strict=True):
        number = unit.first + i
        if number not in work.heatmaps or "split" in result.flags:
            continue
        if result.attention is not None and result.attention.size:
            from nmt.report.heatmap import attention_heatmap

            drawn = result.heatmap(work.heatmap_words)
            output.write_heatmap(number, attention_heatmap(*drawn, title=result.text))


def _counts(rows: Rows, results: list[Translation], reasons: dict[int, str]) -> dict[str, Any]:
    by_reason: dict[str, int] = {}
    for reason in reasons.values():
        by_reason[reason] = by_reason.get(reason, 0) + 1
    flags = [flag for result in results for flag in result.flags]
    return {
        "rows": len(rows.texts),
        "translated": len(results),
        "rejected": len(reasons),
        "empty": flags.count("empty"),
        "truncated": flags.count("truncated"),
        "split": flags.count("split"),
        "unk_replaced": flags.count("unk_replaced"),
        "source_tokens": sum(len(result.source_tokens) for result in results),
        "target_tokens": sum(len(result.tokens) for result in results),
        "rejected_by_reason": by_reason,
    }


def _alignment_counts(
    rows: Rows,
    kept: list[int],
    texts: dict[int, str],
    results: list[Translation],
    work: Work,
    translator: Translator,
) -> dict[str, Any] | None:
    """Links of attention and of the plain diagonal along the references, against gold; of
    sentences that were translated whole."""
    if work.alignment_column is None or work.reference_column is None:
        return None
    gold = texts_of(rows.others.column(work.alignment_column))
    references = texts_of(rows.others.column(work.reference_column))
    whole = [i for i, result in zip(kept, results, strict=True) if "split" not in result.flags]
    chosen = [(i, gold[i] or "", references[i] or "") for i in whole if gold[i] and references[i]]
    forced = translator.force([texts[i] for i, _, _ in chosen], [text for _, _, text in chosen])
    attention, plain, malformed = LinkCounts(), LinkCounts(), 0
    for (i, pharaoh, reference), result in zip(chosen, forced, strict=True):
        try:
            links = parse_gold(pharaoh)
        except UnusableInput:  # one bad cell is no reason to lose the translation
            malformed += 1
            continue
        straight = diagonal(len(texts[i].split()), len(reference.split()))
        attention = attention.plus(LinkCounts.of(result.alignment, links))
        plain = plain.plus(LinkCounts.of(straight, links))
    return {
        "attention": attention._asdict(),
        "diagonal": plain._asdict(),
        "malformed": malformed,
    }
