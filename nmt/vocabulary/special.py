"""The four symbols that every vocabulary begins with (their ids are part of the contract), and
how tokens write a blank."""

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIALS = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")

BLANK = "▁"  # how SentencePiece writes one in its tokens
