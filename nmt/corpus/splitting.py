"""Which pair goes where: a seeded hash of the source or the document, and an exact random sample.

Both need no memory of the corpus. Two pairs of one source sentence always come into the same
split, so that nothing of valid or test has been seen in training. With `--split-by` it is two pairs
of one document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from random import Random

SPLITS = ("train", "valid", "test")

KEY_BYTES = 16


def source_key(source: str, seed: int) -> bytes:
    """A seeded fingerprint of a source sentence as the model sees it.

    Args:
        source: the sentence, cleaned, and standardised by the tokenizer.
        seed: the seed of the split.

    Returns:
        16 bytes: equal sentences have equal keys; different ones differ.
    """
    text = f"{seed}\n{source}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()


def document_key(document: bytes, seed: int) -> bytes:
    """A seeded fingerprint of a document, for `split_of`.

    Args:
        document: what all its pairs have in the column `--split-by`.
        seed: the seed of the split.
    """
    text = f"{seed}\n".encode() + document
    return hashlib.blake2b(text, digest_size=KEY_BYTES, person=b"document").digest()


def split_of(key: bytes, valid_fraction: float, test_fraction: float) -> str:
    """The split that a key falls into: ``test``, ``valid`` or ``train``.

    Args:
        key: what `source_key` or `document_key` made.
        valid_fraction: share of the different keys drawn for valid.
        test_fraction: share of the different keys drawn for test.
    """
    position = int.from_bytes(key[:8], "little") / 2**64
    if position < test_fraction:
        return "test"
    return "valid" if position < test_fraction + valid_fraction else "train"


def lopsided(counts: Mapping[str, int], fractions: Mapping[str, float]) -> list[str]:
    """The splits that have far more or less than their share, each with both as text.

    Args:
        counts: pairs of each split.
        fractions: shares of the splits that were drawn from what remains for ``train``.
    """
    shares = {split: share for split, share in fractions.items() if share}
    pairs = sum(counts[split] for split in ("train", *shares))
    odd = {split: share for split, share in shares.items() if counts[split] > 3 * share * pairs}
    training = 1 - sum(shares.values())
    if 2 * counts["train"] < training * pairs:
        odd = {"train": training, **odd}
    return [
        f"{split} has {counts[split] / pairs:.1%} of {pairs:,} pairs, not {share:.1%}"
        for split, share in odd.items()
    ]


def split_keys(data: bytes) -> frozenset[bytes]:
    """The keys that a file of joined keys holds."""
    return frozenset(data[at : at + KEY_BYTES] for at in range(0, len(data), KEY_BYTES))


def draw(total: int, size: int | None, seed: int) -> Iterator[bool]:
    """Decide for each of `total` rows whether it belongs to a random sample.

    Selection sampling (Knuth, The Art of Computer Programming 2, algorithm S): exactly
    `size` rows, every subset equally likely, in one pass and constant memory.

    Args:
        total: number of rows.
        size: rows wanted; None or more than `total` takes all.
        seed: the same seed draws the same rows.

    Returns:
        An iterator of `total` truth values.
    """
    if size is None or size >= total:
        for _ in range(total):
            yield True
        return
    random = Random(f"nmt sample {seed}")
    needed = size
    for left in range(total, 0, -1):
        taken = random.random() * left < needed
        needed -= taken
        yield taken
