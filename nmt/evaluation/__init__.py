"""How good translations and their alignments are."""
