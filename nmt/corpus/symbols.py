"""The symbols of `data.symbols`, which are never cut, checked before anything is learnt."""

from __future__ import annotations

from nmt.corpus.cleaning import clean
from nmt.errors import UnusableInput
from nmt.settings import DataSettings
from nmt.vocabulary.base import BLANK, SPECIALS, is_byte


def check_symbols(settings: DataSettings) -> None:
    """Check that each symbol can be one.

    Raises:
        UnusableInput: with another tokenizer, or a symbol that would never be found.
    """
    if settings.symbols and settings.tokenizer != "spm":
        raise UnusableInput("data.symbols goes with --tokenizer spm only")
    for number, symbol in enumerate(settings.symbols):
        if symbol in settings.symbols[:number]:
            raise UnusableInput(f"data.symbols: '{symbol}' stands there twice; give it once")
        if is_byte(symbol):
            raise UnusableInput(
                f"data.symbols: '{symbol}' cannot be a symbol; SentencePiece writes a byte so"
            )
        if (
            not symbol
            or symbol in SPECIALS
            or any(c.isspace() or c in (BLANK, "\0") for c in symbol)
        ):
            raise UnusableInput(
                f"data.symbols: '{symbol}' cannot be a symbol; write a text without blanks and "
                f"without {BLANK}, and none of {' '.join(SPECIALS)}"
            )
        if (cleaned := clean(symbol, settings)) != symbol:
            raise UnusableInput(
                f"data.symbols: '{symbol}' would never be found, for cleaning makes '{cleaned}' of "
                "it; write that, or switch the rule off"
            )
