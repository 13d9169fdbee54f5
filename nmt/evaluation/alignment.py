"""Word alignments read off the attention, and the alignment error rate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nmt.alignment import Links
from nmt.errors import UnusableInput

_MOST_SHARING = 16  # source words that share tokens: a subword has at most so many characters
_MOST_LINKS = 100  # per word of both texts


def word_weights(
    weights: np.ndarray, source_words: Sequence[range], target_words: Sequence[range]
) -> tuple[np.ndarray, list[range], list[range]]:
    """Attention between whole words: summed over a source word's tokens, averaged over a target's.

    Words that share a token, as the characters of a text without blanks do, count as one.

    Args:
        weights: attention between tokens, shape (target tokens, source tokens).
        source_words: for each source token the indices of the words that it lies in.
        target_words: for each target token the indices of the words that it lies in.

    Returns:
        The weights, shape (target words, source words), and the indices of the words of its
        columns (source) and rows (target), ascending.
    """
    sources, columns = word_groups(source_words)
    targets, rows = word_groups(target_words)
    summed = np.zeros((weights.shape[0], len(sources)))
    np.add.at(summed.T, columns, weights[:, : len(source_words)].T)
    result = np.zeros((len(targets), len(sources)))
    np.add.at(result, rows, summed)
    result /= np.maximum(np.bincount(rows, minlength=len(targets)), 1)[:, np.newaxis]
    return result, sources, targets


def word_groups(token_words: Sequence[range]) -> tuple[list[range], np.ndarray]:
    """Words that stand alone, and those that tokens hold together.

    Args:
        token_words: for each token the indices of the words that it lies in, at least one.

    Returns:
        The groups, ascending, and for each token the number of its group, int64.
    """
    groups: list[range] = []
    for words in sorted(set(token_words), key=lambda words: (words.start, -words.stop)):
        if groups and words.start < groups[-1].stop:
            groups[-1] = range(groups[-1].start, max(groups[-1].stop, words.stop))
        else:
            groups.append(words)
    starts = [group.start for group in groups]
    places = np.searchsorted(starts, [words.start for words in token_words], "right") - 1
    return groups, places.astype(np.int64)


def word_alignment(
    weights: np.ndarray, source_words: Sequence[range], target_words: Sequence[range]
) -> Links:
    """Link each target word to the source word with the largest attention weight.

    Words that share a token are linked together: each of them to each. Where more than 16 source
    words share tokens, as all of a text without blanks do in a vocabulary of words, each target
    word is linked to the one of them at the same place, see `diagonal`.

    Args:
        weights: attention between tokens, shape (target tokens, source tokens).
        source_words: for each source token the indices of the words that it lies in.
        target_words: for each target token the indices of the words that it lies in.
    """
    if not len(source_words) or not len(target_words):
        return []
    words, sources, targets = word_weights(weights, source_words, target_words)
    return [
        link
        for group, best in zip(targets, words.argmax(1).tolist(), strict=True)
        for link in _linked(sources[best], group)
    ]


def _linked(sources: range, targets: range) -> Links:
    if len(sources) > _MOST_SHARING:
        places = diagonal(len(sources), len(targets))
        return [(sources[source], targets[target]) for source, target in places]
    return [(source, target) for target in targets for source in sources]


def relinked(links: Links, source_words: Sequence[int]) -> Links:
    """Links to the words of another spelling of the source, ascending, each once.

    Args:
        links: word alignments.
        source_words: for each source word its index in the other spelling.
    """
    return sorted({(source_words[source], target) for source, target in links})


def diagonal(source_length: int, target_length: int) -> Links:
    """The plain diagonal, the alignment to beat: target word t is linked to the source word
    that lies at the same share of the sentence."""
    if not source_length:
        return []
    scale = source_length / max(target_length, 1)
    return [(min(int((t + 0.5) * scale), source_length - 1), t) for t in range(target_length)]


def format_pharaoh(links: Links) -> str:
    """Links as ``0-0 1-2 …``, source first, sorted."""
    return " ".join(f"{s}-{t}" for s, t in sorted(links))


_LINK = re.compile(r"([0-9]{1,9})([-?])([0-9]{1,9})")  # no text has more words


def parse_pharaoh(text: str, words: tuple[int, int] | None = None) -> Links:
    """Read ``0-0 1-2 …``; see `parse_gold`.

    Raises:
        UnusableInput: a link of another form, or one that is too much.
    """
    gold = parse_gold(text, words)
    if gold.possible:
        raise UnusableInput(f"'{text[:80]}' is no Pharaoh alignment; write 0-0 1-2 …")
    return gold.sure


class Gold(NamedTuple):
    """The links that people have drawn for one sentence pair (Och and Ney 2003).

    Attributes:
        sure: links that a right alignment has.
        possible: further links that it may have.
    """

    sure: Links
    possible: Links = []  # noqa: RUF012  (never changed)


def parse_gold(text: str, words: tuple[int, int] | None = None) -> Gold:
    """Read ``0-0 1?2 …``: a hyphen is a sure link, a question mark a possible one.

    Args:
        text: the links.
        words: how many words the source and the target have; None if nobody knows.

    Raises:
        UnusableInput: a link of another form, one to a word that there is not, or more than 100
            links per word; what follows it is not read.
    """
    sure: Links = []
    possible: Links = []
    for source, kind, target in _links(text):
        if words is not None:
            if source >= words[0] or target >= words[1]:
                raise UnusableInput(
                    f"the link {source}{kind}{target} is to a word that there is not: the texts "
                    f"have {words[0]:,} and {words[1]:,} words; count them from 0"
                )
            if len(sure) + len(possible) >= _MOST_LINKS * sum(words):
                raise UnusableInput(
                    f"more than {_MOST_LINKS} links per word of texts of {words[0]:,} and "
                    f"{words[1]:,} words; leave some out"
                )
        (sure if kind == "-" else possible).append((source, target))
    return Gold(sure, possible)


def _links(text: str) -> Iterator[tuple[int, str, int]]:
    """The links of a text, one after the other."""
    for part in re.finditer(r"\S+", text):
        match = _LINK.fullmatch(text, *part.span())
        if match is None:
            raise UnusableInput(
                f"'{text[:80]}' is no Pharaoh alignment; write 0-0 1-2 …, or 1?2 for a link that "
                "is only possible"
            )
        source, kind, target = match.groups()
        yield int(source), kind, int(target)


class LinkCounts(NamedTuple):
    """Links of a corpus, from which the alignment error rate follows; they add up.

    Attributes:
        sentences: number of sentences.
        found: links of the alignment, |A|.
        gold: sure gold links, |S|.
        shared: links of the alignment that are sure, |A ∩ S|.
        possible: links of the alignment that are possible and not sure; with the sure ones they
            are |A ∩ P|.
    """

    sentences: int = 0
    found: int = 0
    gold: int = 0
    shared: int = 0
    possible: int = 0

    @classmethod
    def of(cls, alignment: Links, gold: Gold) -> LinkCounts:
        """Count one sentence."""
        links, sure = set(alignment), set(gold.sure)
        shared = len(links & sure)
        return cls(1, len(links), len(sure), shared, len(links & set(gold.possible) - sure))

    def plus(self, other: LinkCounts) -> LinkCounts:
        """The counts of both."""
        return LinkCounts(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def error_rate(self) -> float:
        """AER (Och and Ney 2003): 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|)."""
        total = self.found + self.gold
        return 1.0 - (2.0 * self.shared + self.possible) / total if total else 0.0
