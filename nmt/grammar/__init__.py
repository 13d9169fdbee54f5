"""A built-in English-German grammar: correct sentence pairs with gold word alignments.

Every pair is built from pieces that know what they translate, so that the alignment is exact,
and the German is a function of the English.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from nmt.grammar import compounds, relatives, sentences
from nmt.grammar.phrases import Draw
from nmt.grammar.tokens import SentencePair

__all__ = ["SentencePair", "generate"]

KINDS = (
    (sentences.simple,) * 12
    + (sentences.existence,)
    + (sentences.yes_no,) * 2
    + (sentences.adverbial_question,)
    + (sentences.object_question,)
    + (sentences.subject_question,)
    + (sentences.command,) * 2
    + (sentences.passive,) * 2
    + (compounds.subordinate,) * 6
    + (compounds.reported,) * 3
    + (compounds.coordinated,) * 3
    + (compounds.intention,)
    + (compounds.purpose,)
    + (compounds.referring,) * 2
    + (relatives.relative,) * 4
)
"""The kinds of sentences, repeated by weight."""


def generate(seed: int, start: int, count: int) -> Iterator[SentencePair]:
    """Sentence pairs number `start` to `start + count - 1` of the corpus named by `seed`.

    Args:
        seed: the corpus; equal seeds give equal corpora.
        start: number of the first pair, from 0. A pair depends on its number and the seed alone.
        count: how many pairs.
    """
    random = Random()
    draw = Draw(random.random)
    for number in range(start, start + count):
        random.seed(f"{seed}:{number}")
        yield draw.pick(KINDS)(draw)
