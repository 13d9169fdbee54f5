"""Validation: loss on known words, and the scores of real recursive decoding.

All workers share it. The batches do not depend on their number, so neither do the scores.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import tensorflow as tf

from nmt.errors import NoTranslation
from nmt.evaluation.metrics import signatures
from nmt.evaluation.normalization import normalizations
from nmt.evaluation.scores import Scorer
from nmt.inference.batching import BATCH_TOKENS
from nmt.inference.translation import EMPTY, Translation
from nmt.inference.translator import Translator
from nmt.json_text import json_text, parse_json
from nmt.model.seq2seq import Seq2Seq
from nmt.report.heatmap import attention_heatmap
from nmt.segmentation import count_words
from nmt.shards.batches import Ragged, Shape, make_batch
from nmt.shards.dataset import Dataset
from nmt.training.loss import cross_entropy
from nmt.training.strategy import Replicas

_MULTIPLE = 24  # of batches: 2, 3, 4, 6, 8, 12 and 24 workers get equally many
_STEP = 8  # sentences that cost as much as the rest of a step of decoding


def even_batches(widths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Cut sentences into batches of about the same cost; their number is a multiple of 24.

    It does not depend on the number of workers: in other batches, the last digits of a sentence's
    numbers may be others.

    Args:
        widths: tokens of each sentence, its end included.
        batch_tokens: most tokens of a batch, padding included; one sentence may have more.

    Returns:
        The places of each batch's sentences, shortest first. Few sentences make fewer batches.
    """
    sizes = np.asarray(widths, np.int64)
    order = np.argsort(sizes, kind="stable")
    sizes = sizes[order]
    number = _MULTIPLE
    while True:
        budgets = range(_cost(sizes))
        least = bisect_left(budgets, True, key=lambda budget: len(_cut(sizes, budget)) <= number)
        batches = [order[part] for part in _cut(sizes, least)]
        if all(len(rows) * widths[rows[-1]] <= batch_tokens for rows in batches if len(rows) > 1):
            return [rows.tolist() for rows in batches]
        number += _MULTIPLE * -(-int(sizes.sum()) // (_MULTIPLE * batch_tokens))


def _cut(sizes: np.ndarray, budget: int) -> list[slice]:
    """The fewest batches that cost at most this each, or are one sentence."""
    parts, start = [], 0
    while start < len(sizes):
        some = sizes[start : start + budget // int(sizes[start]) + 1]
        costs = (np.arange(1, len(some) + 1) + _STEP) * some  # see `_cost`
        stop = start + max(1, int(np.searchsorted(costs, budget, side="right")))
        parts.append(slice(start, stop))
        start = stop
    return parts


def _cost(widths: np.ndarray) -> int:
    """What a batch costs: its steps times its sentences and the rest of a step."""
    return (len(widths) + _STEP) * int(widths[-1])


def share_batches(batches: int, rank: int, workers: int) -> list[int]:
    """The numbers of a worker's batches.

    Batches are dealt to and fro, from the first worker to the last and back, so that all have short
    and long sentences.

    Args:
        batches: how many there are.
        rank: the worker's number.
        workers: number of workers.
    """
    places = rank, 2 * workers - 1 - rank
    return [number for number in range(batches) if number % (2 * workers) in places]


class Validation(NamedTuple):
    """The outcome of one validation.

    Attributes:
        loss: cross-entropy, nats a target token, teacher-forced.
        accuracy: share of the target tokens predicted rightly, teacher-forced.
        bleu: of greedy translations against the references, both in the form that counts: raw
            for spm, lower-cased and stripped for word.
        chrf: of the same.
        seconds: what the validation took.
    """

    loss: float
    accuracy: float
    bleu: float
    chrf: float
    seconds: float


class Part(NamedTuple):
    """One worker's part of a validation.

    Attributes:
        sums: of its batches, by their numbers: loss, tokens, tokens predicted rightly.
        texts: translations of its sentences, by their numbers.
    """

    sums: list[tuple[int, list[float]]]
    texts: list[tuple[int, str]]


class Validator:
    """Validates one model on the same sentences every time.

    Args:
        dataset: its ``valid`` split is used, at most `sentences` of it, evenly spread.
        model: the model in training.
        translator: around the same model; its ``batch_size`` cuts no batch of the validation.
        sentences: most sentences.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`.
        replicas: the workers that share the validation.

    Attributes:
        signatures: sacrebleu's, of each metric.
    """

    def __init__(
        self,
        dataset: Dataset,
        model: Seq2Seq,
        translator: Translator,
        sentences: int,
        tokenize: str,
        replicas: Replicas,
    ) -> None:
        columns = ["source", "target", "source_ids", "target_ids"]
        table = pa.concat_tables(dataset.read("valid", columns))
        # Evenly spread: corpora are often sorted by length.
        count = min(table.num_rows, sentences)
        table = table.take(pa.array(np.linspace(0, table.num_rows - 1, count).astype(np.int64)))
        self._translator, self._replicas = translator, replicas
        self._sources = table["source"].to_pylist()
        tags = {number: name for name, number in dataset.source_vocabulary.tags.items()}
        self._tags = [tags.get(ids[0]) if ids else None for ids in table["source_ids"].to_pylist()]
        self._references = table["target"].to_pylist()
        self._normalization = normalizations(dataset.info.tokenizer.kind, dataset.settings)[0]
        self._tokenize, self.signatures = tokenize, signatures(tokenize)
        source, target = (Ragged.of(table[name]) for name in ("source_ids", "target_ids"))
        widths = np.maximum(source.lengths, target.lengths) + 1
        self._rows = even_batches(widths.tolist(), BATCH_TOKENS)
        self._batches = [
            make_batch(source, target, np.array(rows), Shape(len(rows), int(widths[rows[-1]])))
            for rows in self._rows
        ]
        self._sums = _compile_sums(model)

    def __len__(self) -> int:
        return len(self._sources)

    def validate(self) -> Validation:
        """Score the model as it is now; called by every worker, and equal on all of them."""
        start, replicas = time.monotonic(), self._replicas
        content = json_text(self.part(replicas.rank, replicas.workers)).encode()
        parts = [Part(*parse_json(part)) for part in replicas.gather(content)]
        return self.score(parts)._replace(seconds=time.monotonic() - start)

    def part(self, rank: int, workers: int) -> Part:
        """Compute the sums of one worker's batches, and translate their sentences."""
        part = Part([], [])
        for number in share_batches(len(self._rows), rank, workers):
            sums, rows = self._sums(*self._batches[number]), self._rows[number]
            part.sums.append((number, [float(value) for value in sums]))
            results = self._translated(rows)
            part.texts.extend(zip(rows, (result.text for result in results), strict=True))
        return part

    def _translated(
        self, rows: Sequence[int], translator: Translator | None = None
    ) -> list[Translation]:
        """Translations of some of the sources; none of a model whose scores are no numbers."""
        translator = translator or self._translator
        try:
            results = dict[int, Translation]()
            for tag in dict.fromkeys(self._tags[row] for row in rows):
                own = [row for row in rows if self._tags[row] == tag]
                texts = [self._sources[row] for row in own]
                results |= zip(own, translator.translate(texts, tag=tag), strict=True)
            return [results[row] for row in rows]
        except NoTranslation:
            return [EMPTY] * len(rows)

    def bleu(self, translator: Translator, rows: Sequence[int]) -> float:
        """BLEU of another translator of these languages on some of the sentences."""
        texts = {
            row: result.text
            for row, result in zip(rows, self._translated(rows, translator), strict=True)
        }
        return self._scorer(texts).score("BLEU")

    def score(self, parts: Sequence[Part]) -> Validation:
        """Put the parts of all workers together, in one order, and score them."""
        sums = dict(chain.from_iterable(part.sums for part in parts))
        # JSON holds a loss that is no number as null.
        table = np.array([sums[number] for number in sorted(sums)], np.float64)
        loss, tokens, right = table.sum(0).tolist()
        scorer = self._scorer(dict(chain.from_iterable(part.texts for part in parts)))
        return Validation(
            loss=loss / max(tokens, 1.0),
            accuracy=right / max(tokens, 1.0),
            bleu=scorer.score("BLEU"),
            chrf=scorer.score("chrF"),
            seconds=0.0,
        )

    def _scorer(self, texts: Mapping[int, str]) -> Scorer:
        """Scores translations of sentences by their numbers."""
        scorer = Scorer(self._normalization, tokenize=self._tokenize, metrics=("BLEU", "chrF"))
        scorer.add([(texts[row], [self._references[row]]) for row in sorted(texts)])
        return scorer

    def heatmaps(self, count: int) -> Iterator[bytes]:
        """PNGs of the attention on the same few sentences of middling length."""
        lengths = np.array([count_words(source) for source in self._sources])
        fitting = np.flatnonzero((lengths >= 4) & (lengths <= 20))
        rows = fitting if len(fitting) else np.arange(len(lengths))
        picked = [int(rows[i * len(rows) // count]) for i in range(min(count, len(rows)))]
        results = self._translated(picked)
        for row, result in zip(picked, results, strict=True):
            if result.attention is not None and result.attention.size:
                yield attention_heatmap(
                    result.attention,
                    result.source_tokens,
                    result.tokens,
                    title=self._sources[row],
                )


def _compile_sums(model: Seq2Seq) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3)
    def sums(source: tf.Tensor, target_inputs: tf.Tensor, target_outputs: tf.Tensor) -> Any:
        readouts, _ = model(source, target_inputs)
        return cross_entropy(model, readouts, target_outputs)

    return sums
