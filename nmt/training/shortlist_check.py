"""Whether a beam may choose from a shortlist: what that loses on the validation set."""

from __future__ import annotations

import logging

import numpy as np

from nmt.bundle import Bundle
from nmt.inference.translator import Translator
from nmt.records.model import ShortlistCheck
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
        or of one whose target vocabulary has no more than the common words of every shortlist.
    """
    size = SIZE if search.shortlist == "auto" else search.shortlist
    common = search.shortlist_common
    if not size or bundle.lexicon is None or bundle.target_vocabulary.size <= common:
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
        f"{'choose from that shortlist' if check.is_harmless else 'consider all words'}"
    )
    return check
