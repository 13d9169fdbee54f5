"""More entries for a vocabulary that a model already knows.

The entries of the old vocabulary keep their ids; new ones follow. The old segmentation is gone on
with: byte-pair encoding (Sennrich et al. 2016) begins with the pieces that the old vocabulary cuts
a word into, and merges the most frequent neighbours. SentencePiece merges by rank, and the new
merges rank last, so that it first cuts a text as before, and then merges further.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

import regex
from sentencepiece import sentencepiece_model_pb2

from nmt.errors import UnusableInput
from nmt.vocabulary.base import BLANK, Vocabulary, tag_entry
from nmt.vocabulary.subwords import SubwordVocabulary, standardise
from nmt.vocabulary.words import WordVocabulary

_LEAST = 5  # occurrences from which an entry can be learnt
# Characters; the rest of a longer word is not learnt from, for each merge costs as many.
_LONGEST_WORD = 100
_LONGEST = 16  # characters of a piece, as SentencePiece's own
# A piece holds Chinese and Japanese characters alone, or other letters, or none, as those that
# SentencePiece learns.
_EAST = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
_ONE_KIND = regex.compile(
    rf"(?V1){BLANK}?(?:[{_EAST}]+|[[\p{{L}}\p{{M}}]--[{_EAST}]]+|[^\p{{L}}\p{{M}}{BLANK}]+)"
)


def extend_subwords(
    vocabulary: SubwordVocabulary, sentences: Iterable[str], count: int
) -> SubwordVocabulary:
    """Add pieces to a SentencePiece vocabulary: first new characters, then merges.

    Args:
        vocabulary: the old one.
        sentences: cleaned sentences to learn from.
        count: new entries at most; what occurs less than five times becomes none.

    Returns:
        The vocabulary with the new entries last; the same one if there are none.
    """
    words: Counter[str] = Counter()
    for sentence in sentences:
        words.update(standardise(sentence).split(" "))
    del words[""]
    known = set(vocabulary.entries)
    letters: Counter[str] = Counter()
    for word, occurrences in words.items():
        end = 0
        for start, following in (*vocabulary.symbol_spans(word), (len(word), len(word))):
            for character in word[end:start]:
                if character not in known:
                    letters[character] += occurrences
            end = following
    frequent = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
    new = [character for character, seen in frequent[:count] if seen >= _LEAST]
    extended = _with_pieces(vocabulary, new)
    beginnings: Counter[str] = Counter()
    for word, occurrences in words.items():
        beginnings[word[:_LONGEST_WORD]] += occurrences
    merges = _merges(extended, beginnings, count - len(new))
    return _with_pieces(extended, merges)


def with_tags(vocabulary: Vocabulary, tags: Iterable[str]) -> Vocabulary:
    """The vocabulary with these tags, the new ones last; see `Vocabulary.tags`.

    Raises:
        UnusableInput: the vocabulary writes a piece of text as it would write a tag.
    """
    new = {tag_entry(name): name for name in tags if name not in vocabulary.tags}
    if not new:
        return vocabulary
    if taken := new.keys() & set(vocabulary.entries):
        entry = min(taken)
        raise UnusableInput(
            f"tag '{new[entry]}': the vocabulary has '{entry}' as a piece of text; give another "
            "name"
        )
    if isinstance(vocabulary, SubwordVocabulary):
        return _with_pieces(vocabulary, [*new], are_tags=True)
    return WordVocabulary(("\n".join([*vocabulary.entries, *new]) + "\n").encode("utf-8"))


def extend_words(
    vocabulary: WordVocabulary, counts: Mapping[str, int], count: int, min_frequency: int
) -> WordVocabulary:
    """Add the most frequent words that a word list lacks.

    Args:
        vocabulary: the old one.
        counts: how often each standardised word occurs.
        count: new entries at most.
        min_frequency: a word seen less often is left out.
    """
    known = set(vocabulary.entries)
    candidates = [
        (-seen, word)
        for word, seen in counts.items()
        if seen >= min_frequency and word not in known
    ]
    new = [word for _, word in heapq.nsmallest(count, candidates)]
    return WordVocabulary(("\n".join([*vocabulary.entries, *new]) + "\n").encode("utf-8"))


def _with_pieces(
    vocabulary: SubwordVocabulary, pieces: list[str], are_tags: bool = False
) -> SubwordVocabulary:
    """The vocabulary with further pieces, which rank behind all others, in this order."""
    if not pieces:
        return vocabulary
    model = sentencepiece_model_pb2.ModelProto.FromString(  # type: ignore[attr-defined]
        vocabulary.serialise()
    )
    lowest = min(piece.score for piece in model.pieces)
    for number, piece in enumerate(pieces, 1):
        kind = model.SentencePiece.CONTROL if are_tags else model.SentencePiece.NORMAL
        model.pieces.add(piece=piece, score=lowest - number, type=kind)
    model.trainer_spec.control_symbols.extend(pieces if are_tags else ())
    model.trainer_spec.vocab_size = len(model.pieces)
    return SubwordVocabulary(model.SerializeToString(deterministic=True))


def _merges(vocabulary: SubwordVocabulary, words: Mapping[str, int], count: int) -> list[str]:
    """The pieces that go on merging what the vocabulary leaves of words, the best first."""
    ordered = sorted(words)
    kept = vocabulary.unmergeable
    cut = [
        [None if number in kept else piece for number, piece in zip(ids, pieces, strict=True)]
        for ids in vocabulary.encode_ids(ordered)
        for pieces in (vocabulary.tokens(ids),)
    ]
    known = set(vocabulary.entries)
    seen: Counter[str] = Counter()  # occurrences of each possible piece
    places: defaultdict[str, set[int]] = defaultdict(set)  # the words that it occurs in

    def possible(place: int) -> Counter[str]:
        """The pieces that two neighbours of a word make."""
        made: Counter[str] = Counter()
        for left, right in pairwise(cut[place]):
            if left is None or right is None or (piece := left + right) in known:
                continue
            if piece in seen or (len(piece) <= _LONGEST and _ONE_KIND.fullmatch(piece)):
                made[piece] += 1
        return made

    for place, word in enumerate(ordered):
        for piece, number in possible(place).items():
            seen[piece] += number * words[word]
            places[piece].add(place)
    heap = [(-occurrences, piece) for piece, occurrences in seen.items()]
    heapq.heapify(heap)
    merges: list[str] = []
    while heap and len(merges) < count:
        occurrences, piece = heapq.heappop(heap)
        if -occurrences != seen[piece]:
            continue  # it is there once more with its present number
        if -occurrences < _LEAST:
            break
        merges.append(piece)
        known.add(piece)
        changed: set[str] = set()
        for place in sorted(places.pop(piece)):
            before = possible(place)
            cut[place] = _merged(cut[place], piece)
            after = possible(place)
            for other in before.keys() | after.keys():
                if after[other] != before[other]:
                    seen[other] += (after[other] - before[other]) * words[ordered[place]]
                    changed.add(other)
                (places[other].add if other in after else places[other].discard)(place)
        for other in changed:
            heapq.heappush(heap, (-seen[other], other))
    return merges


def _merged(pieces: list[str | None], piece: str) -> list[str | None]:
    """Merge neighbours that make this piece, from left to right."""
    merged: list[str | None] = []
    for part in pieces:
        last = merged[-1] if merged else None
        if last is not None and part is not None and last + part == piece:
            merged[-1] = piece
        else:
            merged.append(part)
    return merged
