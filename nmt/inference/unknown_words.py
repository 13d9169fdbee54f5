"""Words that the vocabulary of words has not: in their place stands a word of the source.

Luong et al. 2015 (arXiv 1410.8206) look up the source word that an unknown target word is
aligned with in a dictionary, or else copy it; here the attention says which it is (Jean et al.
2015, arXiv 1412.2007, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nmt.errors import UnusableInput
from nmt.formats.detection import ENTRIES
from nmt.formats.text_files import each_entry
from nmt.segmentation import count_words
from nmt.storage.location import Location
from nmt.text_limits import MOST_CHARACTERS, excess
from nmt.vocabulary.base import UNK
from nmt.vocabulary.words import standardise


def replace_unknown(
    ids: Sequence[int],
    tokens: Sequence[str],
    attention: np.ndarray,
    sources: Sequence[str],
    dictionary: Mapping[str, str],
    most: int = MOST_CHARACTERS,
) -> tuple[str, list[range]] | None:
    """Put what the source word of the highest attention becomes in the place of each unk.

    Args:
        ids: target ids.
        tokens: the words that they stand for.
        attention: shape (target tokens, source tokens).
        sources: the raw word that each source token is of.
        dictionary: see `read_dictionary`.
        most: characters that the text may have.

    Returns:
        The text, and for each token the indices of its words in it; None if it would be too long.
    """
    texts: list[str] = []
    places: list[range] = []
    substitutes: dict[str, str] = {}  # of source words
    before = size = 0
    for t, (number, text) in enumerate(zip(ids, tokens, strict=True)):
        if number == UNK:
            source = sources[int(attention[t].argmax())]
            if source not in substitutes:
                word = _bare(source)
                substitute = dictionary.get(word) or dictionary.get(standardise(word)) or word
                substitutes[source] = " ".join(substitute.split())
            text = substitutes[source]
        texts.append(text)
        size += len(text) + 1
        if size > most + 1:
            return None
        places.append(range(before, before + count_words(text)))
        before = places[-1].stop
    return " ".join(texts), places


def raw_words(raw: str, cleaned: str, clean: Callable[[str], str]) -> list[str]:
    """For each word of a cleaned text what stood between blanks in the raw text and became it.

    Where cleaning made words of something else, all of them are those of the cleaned text.
    """
    parts = cleaned.split()
    raw_parts = _raw_parts(raw, parts, clean)
    return [
        own for own, part in zip(raw_parts, parts, strict=True) for _ in range(count_words(part))
    ]


def _raw_parts(raw: str, parts: list[str], clean: Callable[[str], str]) -> list[str]:
    words = raw.split()
    if [clean(word) for word in words] == parts:
        return words
    owners = [(part, word) for word in words for part in clean(word).split()]
    if [part for part, _ in owners] != parts:
        return parts
    return [word if clean(word) == part else part for part, word in owners]


_LONGEST = 1000  # characters of what stands for one word


def read_dictionary(location: Location) -> dict[str, str]:
    """Read a dictionary of words: UTF-8, a line each of ``source<TAB>target``, or a CSV or JSON
    Lines file with columns ``source`` and ``target``.

    A word is found as it is written, or else lower-cased and without punctuation; of two lines
    for a word the first counts. Blank lines are passed over. The target may be several words.

    Raises:
        UnusableInput: no such file, a line of another form, or one whose source is several words,
            which could never be found.
    """
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    for number, data in each_entry(location, ENTRIES, ("source", "target")):
        try:
            reason = excess(data) or excess(line := data.decode("utf-8"))
        except UnicodeDecodeError:
            raise UnusableInput(f"{location}: line {number} is not UTF-8; mend it") from None
        if reason:
            raise UnusableInput(f"{location}: line {number} is rejected as {reason}; remove it")
        if not line.strip():
            continue
        source, _, target = line.partition("\t")
        source, target = source.strip(), target.strip()
        if len(source.split()) != 1 or not target or "\t" in target:
            raise UnusableInput(
                f"{location}: line {number} is not source<TAB>target; write one word (no "
                "phrase is ever looked up) and its translation a line"
            )
        if len(target) > _LONGEST:
            raise UnusableInput(
                f"{location}: line {number} has a translation of {len(target):,} characters, more "
                f"than {_LONGEST}; shorten it"
            )
        exact.setdefault(source, target)
        loose.setdefault(standardise(source), target)
    return {**loose, **exact}


def _bare(word: str) -> str:
    """A word without the punctuation around it, if anything else is left."""
    kept = (i for i, character in enumerate(word) if standardise(character))
    if (start := next(kept, None)) is None:
        return word
    end = next(i for i in range(len(word), start, -1) if standardise(word[i - 1]))
    return word[start:end]
