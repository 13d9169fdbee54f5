"""The filter that asks in which language a side is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import langcodes
import numpy as np

from nmt.corpus.filters.base import SideFilter, Texts
from nmt.corpus.filters.characters import LETTER
from nmt.reject_reasons import RejectReason

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_MOST_CHARACTERS = 1000  # of a side that are looked at
_FEWEST = 10  # letters of a side: "Hallo." is a word of ten languages
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
# What is in no language: addresses, paths, options, names with digits or signs in them.
_NAME = re.compile(r"^-|[/_=@\\|0-9]")
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
# Languages so near that the identifier takes one for the other in whole sentences.
_NEAR = (
    frozenset({"no", "nb", "nn", "da"}),
    frozenset({"hr", "sr", "bs", "sh"}),
    frozenset({"id", "ms"}),
    frozenset({"zh", "yue", "wuu"}),
)


class ExpectedLanguage(SideFilter):
    """Probability of the side's language by its characters (py3langid, after Lui & Baldwin 2012).

    The identifier's probabilities are flatter for shorter texts, so that a short one is rejected
    only if nothing speaks for its language. Tags, addresses, paths, options, names with digits or
    signs in them and single words of capitals are left out. A side of fewer than ten other letters
    has no score, nor has one in a language that the identifier does not know.
    """

    name, reason, bound = "language", RejectReason.WRONG_LANGUAGE, "least"
    title = "Probability of the expected language (the side that has less)"

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        names = expected_labels(side.language)
        scores = np.full(len(side.texts), np.nan, np.float32)
        if names:
            rank = _identifier().rank
            for place in np.flatnonzero(side.characters.count(LETTER) >= _FEWEST).tolist():
                text = _words_of(_TAG.sub("", side.texts[place])[:_MOST_CHARACTERS])
                if text:
                    scores[place] = sum(share for name, share in rank(text) if name in names)
        return scores


def _words_of(text: str) -> str:
    """The words of a text that are in a language; empty if they have fewer than ten letters."""
    words = text.split()  # of a script without blanks a word may be a sentence
    text = " ".join(word for word in words if not (word.isascii() and _NAME.search(word)))
    if not text.isupper():
        text = _CAPITALS.sub(" ", text).strip()
    return text if sum(map(str.isalpha, text)) >= _FEWEST else ""


def expected_labels(language: str) -> frozenset[str]:
    """The labels of the identifier that count as a language; none if it does not know it."""
    base = langcodes.Language.get(language).language or ""
    known = frozenset(_identifier().labels)
    near = next((group for group in _NEAR if base in group), frozenset({base}))
    return near & known


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
