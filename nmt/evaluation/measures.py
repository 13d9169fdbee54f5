"""Measures of sentences without references, as columns; their rates; and quality checks: sentences
for a person to look at, because the model was unsure, skipped words, looped, or said nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt import segmentation
from nmt.evaluation.columns import STRINGS
from nmt.evaluation.sentences import Sentence
from nmt.records.output import Suspect
from nmt.vocabulary.base import SPECIALS, UNK, is_byte, lost_bytes

LISTED = 50  # suspicious translations in a report
LOW_SCORE = -1.0  # nats per token: on average each has a probability below one in three
LOW_COVERAGE = 0.5  # half of the source got no attention

_DIGITS = 12  # significant; later digits depend on the order of the additions


class Measures(NamedTuple):
    """One entry per sentence in each column.

    Attributes:
        score: log-probability, nats per token; NaN where no model is known.
        attention_entropy: nats per target token; NaN without attention or target token.
        coverage: mean total attention per source token, at most 1; NaN without attention.
        unknown: target tokens that are unknown; see `unknown`.
        spelled: source tokens that are bytes, of characters that the vocabulary lacks.
        source_tokens: all tokens of the source.
        source_words: words of the source, see `nmt.segmentation`.
        target_words: words of the translation.
        looping: whether the translation repeats itself; see `repeats`.
        truncated: whether it was cut off at the length limit.
        empty: whether the source holds nothing to translate, as a blank line.
        multiline: whether it holds several lines or sentences.
        markup: whether it holds tags.
    """

    score: np.ndarray
    attention_entropy: np.ndarray
    coverage: np.ndarray
    unknown: np.ndarray
    spelled: np.ndarray
    source_tokens: np.ndarray
    source_words: np.ndarray
    target_words: np.ndarray
    looping: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray
    multiline: np.ndarray
    markup: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Measures:
        """Measure sentences one by one."""
        return cls(
            score=np.array([s.score for s in sentences], np.float64),
            attention_entropy=np.array([s.attention_entropy for s in sentences], np.float64),
            coverage=np.array([s.coverage for s in sentences], np.float64),
            unknown=np.array([unknown(s.target_tokens) for s in sentences], np.int64),
            spelled=spelled(pa.array([s.source_tokens for s in sentences], STRINGS)),
            source_tokens=np.array([len(s.source_tokens) for s in sentences], np.int64),
            source_words=count_words([s.source for s in sentences]),
            target_words=count_words([s.translation for s in sentences]),
            looping=np.array([repeats(s.target_tokens) for s in sentences], bool),
            **{
                flag: np.array([flag in s.flags for s in sentences], bool)
                for flag in ("truncated", "empty", "multiline", "markup")
            },
        )


def count_words(texts: Sequence[str]) -> np.ndarray:
    """Words of each text, see `nmt.segmentation`."""
    return np.fromiter(map(segmentation.count_words, texts), np.int64, len(texts))


def spelled(lists: pa.ListArray) -> np.ndarray:
    """How many tokens of each list are bytes of characters that the vocabulary lacks."""
    tokens = lists.flatten()
    chosen = pc.starts_with(tokens, "<").to_numpy(zero_copy_only=False)
    places = [place for place in np.flatnonzero(chosen).tolist() if is_byte(tokens[place].as_py())]
    owners = pc.list_parent_indices(lists).to_numpy()[places]
    return np.bincount(owners, minlength=len(lists))


def unknown(tokens: Sequence[str]) -> int:
    """How many of the tokens are unk, or bytes that form no character."""
    return tokens.count(SPECIALS[UNK]) + lost_bytes(tokens)


def repeats(tokens: Sequence[str]) -> bool:
    """Whether the decoder loops: a run of two or more tokens occurs three times in a row, or one
    token four times.

    Three times are enough for a run of any length, for the longer it is, the less likely people
    say it three times in a row; twice are not, for sources hold sentences twice.
    """
    count = len(tokens)
    if count - len(set(tokens)) < 3:  # most sentences: too few come again
        return False
    for size in range(1, count // 3 + 1):
        needed = (3 if size == 1 else 2) * size
        # So many neighbours that come again `size` later cover one of these places.
        for place in range(needed - 1, count - size, needed):
            first = last = place
            while first >= 0 and tokens[first] == tokens[first + size]:
                first -= 1
            if first == place:
                continue
            while last < count - size and tokens[last] == tokens[last + size]:
                last += 1
            if last - first > needed:
                return True
    return False


def reasons(measures: Measures) -> dict[str, np.ndarray]:
    """Apply the checks; returns for each the sentences that fail it, bool, shape (sentences,).

    ``empty translation``: no words, of a source with words. ``looping``: the same words repeat.
    ``truncated``: cut off at the length limit. ``low score``: below `LOW_SCORE`.
    ``low coverage``: below `LOW_COVERAGE`.
    """
    return {
        "empty translation": (measures.target_words == 0) & ~measures.empty,
        "looping": measures.looping,
        "truncated": measures.truncated,
        "low score": measures.score < LOW_SCORE,  # of NaN it is false
        "low coverage": measures.coverage < LOW_COVERAGE,
    }


def suspects(measures: Measures, rows: np.ndarray | Sequence[int]) -> list[Suspect]:
    """The sentences that fail a check.

    Args:
        measures: of the sentences.
        rows: the number of each in the input.
    """
    failures = reasons(measures)
    return [
        Suspect(
            row=int(rows[i]),
            reasons=[name for name, fails in failures.items() if fails[i]],
            score=round(float(np.nan_to_num(measures.score[i])), 4),
        )
        for i in np.flatnonzero(np.any(list(failures.values()), axis=0)).tolist()
    ]


def worst(suspects: Iterable[Suspect]) -> list[Suspect]:
    """The most suspicious, at most `LISTED`: most reasons first, then the lowest score."""
    return heapq.nsmallest(LISTED, suspects, key=lambda s: (-len(s.reasons), s.score, s.row))


def sums(measures: Measures) -> dict[str, float]:
    """Sums over sentences, from which `rates` makes shares and means."""
    attended = ~np.isnan(measures.attention_entropy)  # an empty translation has a coverage only
    return {
        "score": float(np.nansum(measures.score)),
        "attended": float(np.count_nonzero(attended)),
        "unattended": float(np.count_nonzero(~attended & ~np.isnan(measures.coverage))),
        "attention_entropy": float(np.nansum(measures.attention_entropy)),
        "coverage": float(np.nansum(measures.coverage)),
        "unk": float(measures.unknown.sum()),
        "bytes": float(measures.spelled.sum()),
        "source_tokens": float(measures.source_tokens.sum()),
        "multiline": float(np.count_nonzero(measures.multiline)),
        "markup": float(np.count_nonzero(measures.markup)),
        "source_words": float(measures.source_words.sum()),
        "target_words": float(measures.target_words.sum()),
        "repetition": float(np.count_nonzero(measures.looping)),
        "suspicious": float(np.count_nonzero(np.any(list(reasons(measures).values()), axis=0))),
    }


def rates(counts: Mapping[str, float], sums: Mapping[str, float]) -> dict[str, float]:
    """Shares and means over a whole output; the length ratio is target to source words.

    Empty lines are not counted as sentences, because their score of 0 would change each mean. A
    rate of no sentences is omitted.

    Args:
        counts: rows, translated, empty, rejected, truncated, target_tokens.
        sums: as the function `sums` makes them, added up; those of an earlier release lack some.
    """
    sentences, attended = counts["translated"] - counts["empty"], sums["attended"]
    parts = {
        "rejected": (counts["rejected"], counts["rows"]),
        "truncated": (counts["truncated"], sentences),
        "unk": (sums["unk"], counts["target_tokens"]),
        "bytes": (sums.get("bytes", 0), sums.get("source_tokens", 0)),
        "multiline": (sums.get("multiline", 0), sentences),
        "markup": (sums.get("markup", 0), sentences),
        "repetition": (sums["repetition"], sentences),
        "suspicious": (sums.get("suspicious", 0), sentences),
        "score": (sums["score"], sentences),
        "length_ratio": (sums["target_words"], sums["source_words"]),
        "attention_entropy": (sums["attention_entropy"], attended),
        "coverage": (sums["coverage"], attended + sums.get("unattended", 0)),
    }
    return {
        name: float(f"{total / number:.{_DIGITS}g}")
        for name, (total, number) in parts.items()
        if number
    }


def added(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers added up key by key, nested dictionaries too."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = added([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total
