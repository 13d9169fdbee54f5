"""Text to ids and back: SentencePiece subwords, or the book's words."""

from __future__ import annotations

from nmt.errors import UnusableInput
from nmt.vocabulary.base import BOS, EOS, PAD, SPECIALS, UNK, Segmented, Vocabulary

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "SPECIALS",
    "UNK",
    "Segmented",
    "Vocabulary",
    "load",
    "vocabulary_class",
]


def vocabulary_class(kind: str) -> type[Vocabulary]:
    """The class of a kind of vocabulary.

    Args:
        kind: ``spm`` or ``word``.

    Raises:
        UnusableInput: another kind.
    """
    # Here, for sentencepiece is only loaded by those who use it.
    if kind == "spm":
        from nmt.vocabulary.subwords import SubwordVocabulary

        return SubwordVocabulary
    if kind == "word":
        from nmt.vocabulary.words import WordVocabulary

        return WordVocabulary
    raise UnusableInput(f"tokenizer '{kind}' is unknown; choose from spm, word")


def load(kind: str, data: bytes, file: object = None) -> Vocabulary:
    """Make a vocabulary from its file.

    Args:
        kind: ``spm`` or ``word``.
        data: what `Vocabulary.serialise` returned.
        file: where they are from, for the error.

    Raises:
        UnusableInput: an unknown kind, or bytes that are no such vocabulary.
    """
    try:
        return vocabulary_class(kind)(data)  # type: ignore[call-arg]
    except UnusableInput as error:
        raise error if file is None else UnusableInput(f"{file}: {error}") from None
