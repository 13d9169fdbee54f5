"""SentencePiece BPE (Kudo and Richardson 2018; Sennrich et al. 2016).

SentencePiece's own normalisation is off: `nmt.corpus.cleaning` has done it, in the same way for
every tokenizer. With byte fallback a character that the vocabulary lacks is spelled by the bytes
of its UTF-8, so that text → ids → text gives back every text that `standardise` has made; without
it such characters are unk.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Mapping, Sequence

import sentencepiece
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from nmt.errors import UnusableInput
from nmt.segmentation import character_words
from nmt.vocabulary.base import (
    BLANK,
    BOS,
    EOS,
    PAD,
    SPECIALS,
    UNK,
    Segmented,
    Vocabulary,
    tag_entry,
    tag_name,
    token_bytes,
)
from nmt.vocabulary.model_checks import check_kind, symbol_ids

_UNKNOWN = " ⁇ "
_MANY = 1000  # different characters: more have Chinese, Japanese and Korean alone
# SentencePiece writes blanks as ▁, so that a ▁ of the text would come back as a blank. Lone
# surrogates are no Unicode text.
_STANDARD = {ord(BLANK): "_", **dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")}
_NO_STANDARD = re.compile(f"[{BLANK}\ud800-\udfff]")


def standardise(text: str) -> str:
    """Write ``_`` for ``▁``, and the replacement character for a lone surrogate."""
    return text.translate(_STANDARD) if _NO_STANDARD.search(text) else text


class SubwordVocabulary(Vocabulary):
    """A trained SentencePiece model.

    Args:
        model: the bytes of a ``.spm`` file.

    Raises:
        UnusableInput: the bytes are no BPE model of SentencePiece with our special symbols and
            without normalisation, or it names other symbols than it has.
    """

    kind = "spm"

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            written = sentencepiece_model_pb2.ModelProto.FromString(model)  # type: ignore[attr-defined]
            check_kind(written)
            self._processor.LoadFromSerializedProto(model)
            count = self._processor.get_piece_size()
            self._pieces: list[str] = [self._processor.id_to_piece(n) for n in range(count)]
        except (DecodeError, RuntimeError, UnicodeDecodeError):
            raise UnusableInput("not a SentencePiece model; prepare the data again") from None
        if tuple(self._pieces[:4]) != SPECIALS:
            raise UnusableInput(
                f"this SentencePiece model does not begin with {' '.join(SPECIALS)}"
            )
        names = {n: tag_name(piece) for n, piece in enumerate(self._pieces)}
        self._tags = {
            name: n for n, name in names.items() if name and self._processor.is_control(n)
        }
        texts = ["", _UNKNOWN, "", "", *self._pieces[4:]]
        for number in self._tags.values():
            texts[number] = ""
        self._texts = [text.replace(BLANK, " ") for text in texts]
        self._bytes = {n: token_bytes(texts[n]) for n in range(count) if self._processor.is_byte(n)}
        symbols = symbol_ids(written)
        self._symbol_ids, self._symbols = (
            frozenset(symbols),
            tuple(self._pieces[n] for n in symbols),
        )
        self._silent = frozenset((PAD, BOS, EOS, *self._tags.values()))
        controls = [n for n, byte in self._bytes.items() if byte < b" " or byte == b"\x7f"]
        self._never_chosen = tuple(sorted((PAD, UNK, BOS, *controls, *self._tags.values())))

    @property
    def size(self) -> int:
        """See `Vocabulary.size`."""
        return len(self._pieces)

    @property
    def entries(self) -> tuple[str, ...]:
        """See `Vocabulary.entries`."""
        return tuple(self._pieces)

    def parts(self, entries: Sequence[str]) -> list[list[int]]:
        """See `Vocabulary.parts`."""
        model = sentencepiece_model_pb2.ModelProto.FromString(self._model)  # type: ignore[attr-defined]
        model.normalizer_spec.add_dummy_prefix = False
        processor = sentencepiece.SentencePieceProcessor()
        processor.LoadFromSerializedProto(model.SerializeToString())
        ids = {piece: number for number, piece in enumerate(self._pieces)}
        return [
            [ids[entry]] if entry in ids else processor.encode(entry.replace(BLANK, " "))
            for entry in entries
        ]

    @property
    def unmergeable(self) -> frozenset[int]:
        """Ids that are no part of a longer piece: special symbols, bytes, tags and `symbols`."""
        special = frozenset([*range(len(SPECIALS)), *self._bytes, *self._tags.values()])
        return special | self._symbol_ids

    @property
    def never_chosen(self) -> tuple[int, ...]:
        """See `Vocabulary.never_chosen`: unk, for subwords can spell any word of the training set,
        and the bytes that are control characters, such as a line break."""
        return self._never_chosen

    @property
    def tags(self) -> Mapping[str, int]:
        """See `Vocabulary.tags`: SentencePiece's control symbols."""
        return self._tags

    @property
    def symbols(self) -> tuple[str, ...]:
        """See `Vocabulary.symbols`: SentencePiece's user-defined symbols."""
        return self._symbols

    def symbol_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Vocabulary.symbol_spans`."""
        if not self._symbols:
            return []
        spans, place = [], -1  # a blank comes before the text
        ids, _, written = self._cut(standardise(text))
        for number, characters in zip(ids, written, strict=True):
            if number in self._symbol_ids:
                spans.append((place, place + len(characters)))
            place += len(characters)
        return spans

    def encode(self, text: str) -> Segmented:
        """See `Vocabulary.encode`."""
        text = standardise(text)
        ids, tokens, written = self._cut(text)
        return Segmented(ids, tokens, _words_of(written, " " + text))

    def _cut(self, text: str) -> tuple[list[int], list[str], list[str]]:
        """The ids of a standardised text, their tokens, and what each token writes: joined, that
        is the text after one leading blank."""
        ids: list[int] = self._processor.encode(text, out_type=int)
        # Of what is unknown the tokens are the characters themselves.
        tokens = self._processor.encode(text, out_type=str) if UNK in ids else self.tokens(ids)
        return ids, tokens, self._written(ids, [token.replace(BLANK, " ") for token in tokens])

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Vocabulary.encode_ids`."""
        standard = [standardise(text) for text in texts]
        return self._processor.encode(standard, out_type=int, num_threads=1)

    def sample_ids(self, texts: Sequence[str], dropout: float, seed: int) -> list[list[int]]:
        """See `Vocabulary.sample_ids`: BPE-dropout (Provilkov et al. 2020, arXiv 1910.13267)."""
        # Each call has a thread of its own, whose generator begins with this seed.
        sentencepiece.set_random_generator_seed(seed)
        return self._processor.encode(
            [standardise(text) for text in texts],
            out_type=int,
            enable_sampling=True,
            nbest_size=-1,
            alpha=dropout,
            num_threads=1,
        )

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary.decode`; unk is `` ⁇ ``, as SentencePiece writes it. Bytes that form no
        character are left out."""
        return "".join(self._written(ids)).removeprefix(" ")

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """See `Vocabulary.tokens`."""
        return [self._pieces[number] for number in ids]

    def token_words(self, ids: Sequence[int]) -> list[range]:
        """See `Vocabulary.token_words`."""
        written = self._written(ids)
        words = _words_of(written, "".join(written))
        return [
            range(0) if number in self._silent else own
            for number, own in zip(ids, words, strict=True)
        ]

    def _written(self, ids: Sequence[int], texts: list[str] | None = None) -> list[str]:
        """What each token adds to the text that all of them write: of the bytes of a character the
        last one adds it, and bytes that form none add nothing.

        Args:
            ids: of the tokens.
            texts: what they write where they are no bytes; None is what their entries say.
        """
        if texts is None:
            texts = [self._texts[number] for number in ids]
        if self._bytes.keys().isdisjoint(ids):
            return texts
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        both = zip(ids, texts, strict=True)
        return [decoder.decode(self._bytes.get(number) or text.encode()) for number, text in both]

    def standardise(self, text: str) -> str:
        """See the function `standardise`."""
        return standardise(text)

    def serialise(self) -> bytes:
        """See `Vocabulary.serialise`."""
        return self._model

    @classmethod
    def file_name(cls, side: str) -> str:
        """See `Vocabulary.file_name`."""
        return f"{side}.spm"


def train_subwords(
    sentences: Iterable[str],
    *,
    vocab_size: int,
    byte_fallback: bool = True,
    character_coverage: float | None = None,
    symbols: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> SubwordVocabulary:
    """Learn a BPE vocabulary; the same sentences give the same bytes.

    Args:
        sentences: cleaned sentences of the training set, gone through twice (and held in memory by
            SentencePiece).
        vocab_size: entries at most; a small corpus yields fewer.
        byte_fallback: 256 of the entries are bytes, which spell characters that have no entry.
        character_coverage: share of the characters, by frequency, that get an entry; None lets the
            sentences decide, see `coverage`.
        symbols: texts that are one token each, wherever they stand.
        tags: names of kinds of text; see `Vocabulary.tags`.

    Raises:
        UnusableInput: no sentence at all, or more characters than entries.
    """
    if character_coverage is None:
        character_coverage = coverage(sentences) if byte_fallback else 1.0
    # A line break inside a sentence would end it for SentencePiece.
    stream = (standardise(sentence).replace("\n", " ") for sentence in sentences)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=stream,
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            byte_fallback=byte_fallback,
            character_coverage=character_coverage,
            user_defined_symbols=list(symbols),
            control_symbols=[tag_entry(name) for name in tags],
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
            count = f"at least {needed[1]}" if needed else "more"
            of_bytes = ", 256 of them bytes (data.byte_fallback=false saves these)" * byte_fallback
            raise UnusableInput(
                f"--vocab-size {vocab_size} is too small for the corpus's characters: give "
                f"{count}{of_bytes}, or a smaller --set data.character_coverage"
            ) from None
        if "sentences_.empty()" in reason:
            raise UnusableInput("no training sentence is fit to learn subwords from") from None
        raise
    return SubwordVocabulary(model.getvalue())


def coverage(sentences: Iterable[str]) -> float:
    """The share of the characters that get an entry of their own where bytes spell the others.

    It is less than 1, so that bytes occur in training and the model learns to copy what they
    spell; and less for scripts of many characters, of which thousands are rare.
    """
    different: set[str] = set()
    for sentence in sentences:
        different.update(sentence)
    return 0.9995 if len(different) > _MANY else 0.9999


def _words_of(written: Sequence[str], text: str) -> list[range]:
    """The words in which tokens lie.

    Args:
        written: what each token adds to the text.
        text: what they write together.

    Returns:
        For each token the indices of its words: those of its characters; of bytes those of the
        character that they help to write, or, if there is none, of what comes next.
    """
    owners = character_words(text)
    if not text.strip():
        return [range(0)] * len(written)
    owners.append(owners[-1])  # of what comes after the end
    start, words = 0, []
    for characters in written:
        last = start + len(characters.rstrip()) - 1
        words.append(range(owners[start], owners[last if last > start else start] + 1))
        start += len(characters)
    return words
