"""Whether a beam may choose from a shortlist: what that loses on the validation set."""

from __future__ import annotations

import logging

import numpy as np

from nmt.bundle import Bundle
from nmt.inference.translator import Translator
from nmt.records.model import FEWEST_SENTENCES, ShortlistCheck
from nmt.settings import SearchSettings
from nmt.training.validation import Validator

log = logging.getLogger(__name__)

SIZE = 20  # likeliest translations of a source token, unless search.shortlist says how many
BEAM = 5
SENTENCES = 1000  # that are translated twice, at most


def check_shortlist(
    validator: Validator, bundle: Bundle, search: SearchSettings, longest: int
) -> ShortlistCheck | None:
    """Translate validation sentences with and without a shortlist.

    Args:
        validator: has the sentences, of which at most `SENTENCES` are taken, evenly spread.
        bundle: the model, with its lexicon.
        search: says which shortlist is checked, and the limits to a translation's length.
        longest: most source tokens that are translated at once.

    Returns:
        Both BLEU; None without a shortlist (``search.shortlist=0``), of a model without a lexicon,
        of one whose target vocabulary has no more than the common words of every shortlist, or
        with fewer than `FEWEST_SENTENCES` sentences.
    """
    size = SIZE if search.shortlist == "auto" else search.shortlist
    if not size:
        return None
    common = search.shortlist_common
    if reason := _why_not(bundle, common, len(validator)):
        log.info(f"search.shortlist not checked, because {reason}; beams consider all words")
        return None
    rows = np.linspace(0, len(validator) - 1, min(len(validator), SENTENCES)).astype(int).tolist()
    exact = search.greedy(longest).model_copy(
        update={"beam_size": BEAM, "shortlist": 0, "shortlist_common": common}
    )
    exact_bleu, bleu = (
        validator.bleu(Translator(bundle, settings), rows)
        for settings in (exact, exact.model_copy(update={"shortlist": size}))
    )
    check = ShortlistCheck(
        size=size,
        common=common,
        beam_size=BEAM,
        sentences=len(rows),
        exact_bleu=exact_bleu,
        bleu=bleu,
        signature=validator.signatures["BLEU"],
    )
    log.info(
        f"beam {BEAM} on {len(rows):,} validation sentences: BLEU {exact_bleu:.2f}, with "
        f"search.shortlist={size} {bleu:.2f}; by default beams "
        f"{_CHOSEN if check.is_harmless else 'consider all words'}"
    )
    return check


_CHOSEN = "choose from that shortlist (--set search.shortlist=0 turns it off)"


def _why_not(bundle: Bundle, common: int, sentences: int) -> str | None:
    """Why there is nothing to check; None if there is."""
    if bundle.lexicon is None:
        return "the dataset has no lexicon"
    tokens = bundle.target_vocabulary.size
    if tokens <= common:
        return (
            f"each of the {tokens:,} target tokens is on every shortlist "
            f"(search.shortlist_common={common})"
        )
    if sentences < FEWEST_SENTENCES:
        return f"{sentences:,} validation sentences are fewer than {FEWEST_SENTENCES}"
    return None
