"""SentencePiece BPE (Kudo and Richardson 2018; Sennrich et al. 2016).

SentencePiece's own normalisation is off: `nmt.corpus.cleaning` has done it, in the same way for
every tokenizer, and so text → ids → text gives back every covered character.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

import sentencepiece

from nmt.errors import UnusableInput
from nmt.vocabulary.base import Segmented, Vocabulary
from nmt.vocabulary.special import BLANK, BOS, EOS, PAD, SPECIALS, UNK

_UNKNOWN = " ⁇ "


_WORD = re.compile(r"\S+")


class SubwordVocabulary(Vocabulary):
    """A trained SentencePiece model.

    Args:
        model: the bytes of a ``.spm`` file.

    Raises:
        UnusableInput: the bytes are no SentencePiece model with our special symbols.
    """

    kind = "spm"

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError:
            raise UnusableInput("not a SentencePiece model; prepare the data again") from None
        count = self._processor.get_piece_size()
        self._pieces: list[str] = [self._processor.id_to_piece(number) for number in range(count)]
        if tuple(self._pieces[:4]) != SPECIALS:
            raise UnusableInput(
                f"this SentencePiece model does not begin with {' '.join(SPECIALS)}"
            )
        self._surfaces = [piece.replace(BLANK, " ") for piece in self._pieces]
        self._surfaces[:4] = ["", _UNKNOWN, "", ""]

    @property
    def size(self) -> int:
        """See `Vocabulary.size`."""
        return len(self._pieces)

    def encode(self, text: str) -> Segmented:
        """See `Vocabulary.encode`."""
        tokens: list[str] = self._processor.encode(text, out_type=str)
        ids: list[int] = self._processor.encode(text, out_type=int)
        # Joined, the tokens are the text character by character after one leading "▁".
        owners = _word_of_characters(" " + text)
        words, start = [], 0
        for token in tokens:
            first = start + len(token) - len(token.lstrip(BLANK))
            words.append(owners[min(first, len(owners) - 1)])
            start += len(token)
        return Segmented(ids, tokens, words)

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Vocabulary.encode_ids`."""
        return self._processor.encode(list(texts), out_type=int, num_threads=1)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary.decode`; unk is `` ⁇ ``, as SentencePiece writes it."""
        return "".join([self._surfaces[number] for number in ids]).removeprefix(" ")

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """See `Vocabulary.tokens`."""
        return [self._pieces[number] for number in ids]

    def token_words(self, ids: Sequence[int]) -> list[int]:
        """See `Vocabulary.token_words`."""
        surfaces = [self._surfaces[number] for number in ids]
        owners = _word_of_characters("".join(surfaces))
        words, start = [], 0
        for number, surface in zip(ids, surfaces, strict=True):
            first = start + len(surface) - len(surface.lstrip())
            special = number in (PAD, BOS, EOS)
            words.append(-1 if special or not owners else owners[min(first, len(owners) - 1)])
            start += len(surface)
        return words

    def standardise(self, text: str) -> str:
        """The text itself: subwords see what cleaning left."""
        return text

    def serialise(self) -> bytes:
        """See `Vocabulary.serialise`."""
        return self._model

    @classmethod
    def file_name(cls, side: str) -> str:
        """See `Vocabulary.file_name`."""
        return f"{side}.spm"


def train_subwords(
    sentences: Iterable[str], *, vocab_size: int, character_coverage: float = 1.0
) -> SubwordVocabulary:
    """Learn a BPE vocabulary; the same sentences give the same bytes.

    Args:
        sentences: cleaned sentences of the training set (held in memory by SentencePiece).
        vocab_size: entries at most; a small corpus yields fewer.
        character_coverage: share of the characters, by frequency, that get an entry.

    Raises:
        UnusableInput: no sentence at all, or more characters than entries.
    """
    # A line break inside a sentence would end it for SentencePiece.
    stream = (sentence.replace("\n", " ") for sentence in sentences)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=stream,
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            pad_piece=SPECIALS[PAD],
            unk_piece=SPECIALS[UNK],
            bos_piece=SPECIALS[BOS],
            eos_piece=SPECIALS[EOS],
            num_threads=1,
            minloglevel=3,
        )
    except RuntimeError as error:
        reason = str(error)
        needed = re.search(r"required_chars\. \d+ vs (\d+)", reason)
        if needed or "smaller than required_chars" in reason:
            count = f"at least {needed.group(1)}" if needed else "more"
            raise UnusableInput(
                f"--vocab-size {vocab_size} is too small for the corpus's characters: give "
                f"{count}, or a smaller --set data.character_coverage"
            ) from None
        if "sentences_.empty()" in reason:
            raise UnusableInput("no training sentence is fit to learn subwords from") from None
        raise
    return SubwordVocabulary(model.getvalue())


def _word_of_characters(text: str) -> list[int]:
    """For each character the index of its word; for a blank that of the word after it."""
    owners: list[int] = []
    number = 0
    for number, word in enumerate(_WORD.finditer(text)):
        owners += [number] * (word.end() - len(owners))
    return owners + [number] * (len(text) - len(owners))
