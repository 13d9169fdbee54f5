"""Word alignments learnt from a parallel corpus, by IBM model 1 and a hidden Markov model.

texts → words → translations (IBM-1) → hmm (jumps, lattice), each way → symmetry → links
"""

from nmt.alignment.aligner import WordAligner, align
from nmt.alignment.symmetry import HEURISTICS, Heuristic, Links, symmetrise

__all__ = ["HEURISTICS", "Heuristic", "Links", "WordAligner", "align", "symmetrise"]
