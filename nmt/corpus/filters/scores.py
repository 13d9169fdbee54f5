"""All scores of pairs, by the names of their filters."""

from __future__ import annotations

from nmt.corpus.filters import RULES, Filter
from nmt.corpus.filters.cross_entropy import CROSS_ENTROPY, CrossEntropy
from nmt.corpus.filters.judgement import LEARNT, LearntFilter

SCORES: dict[str, Filter | LearntFilter | CrossEntropy] = {
    **{rule.name: rule for rule in RULES},
    **LEARNT,
    CROSS_ENTROPY.name: CROSS_ENTROPY,
}
