"""The weights of a trained model as the first ones of another training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nmt import tensors
from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.storage.location import Location
from nmt.training.optimizer import SummedAdam
from nmt.training.state import LARGEST_STEP
from nmt.vocabulary import UNK, Vocabulary
from nmt.vocabulary.lexicon import Lexicon

Parts = Mapping[str, Sequence[Sequence[int]]]  # for each side, each new entry's old ids

# The weights that have a row, or a column, per entry of a vocabulary: of which side, along which
# axis. One embedding for both sides has the same vocabulary on both.
_PER_ENTRY = {
    "embedding/embeddings": ("source", 0),
    "target_embedding/embeddings": ("target", 0),
    "seq2seq/output_kernel": ("target", 1),
    "seq2seq/output_bias": ("target", 0),
}


def take_over(model: Seq2Seq, trained: Bundle, vocabularies: tuple[Vocabulary, Vocabulary]) -> None:
    """Give a new model the weights of a trained one of the same architecture.

    The entries of the vocabularies are matched by what they write. One that the trained model lacks
    begins with the mean of the entries that it spells it with.

    Args:
        model: in training.
        trained: a loaded MODEL.
        vocabularies: of the new model's source and target.
    """
    parts = _parts(trained, vocabularies)
    for ours, theirs in zip(model.weights, trained.model.weights, strict=True):
        ours.assign(_new_values(theirs.numpy(), parts, ours.path))


def take_over_moments(
    optimizer: SummedAdam,
    state: bytes,
    trained: Bundle,
    vocabularies: tuple[Vocabulary, Vocabulary],
    run: Location,
) -> None:
    """Give a new optimizer the moments of one that trained a model, and its number of updates.

    Args:
        optimizer: built for weights of the architecture of `trained`.
        state: the weights and optimizer of a checkpoint, as a file of tensors.
        trained: a loaded MODEL, whose training made the checkpoint.
        vocabularies: of the new model's source and target.
        run: where the checkpoint is, for messages.

    Raises:
        UnusableInput: the checkpoint is of another model or optimizer.
    """
    parts = _parts(trained, vocabularies)
    shapes = {weight.path: tuple(weight.shape) for weight in trained.model.weights}
    remedy = "give the RUN in which MODEL was trained, or leave --init-optimizer out"
    pairs = [(optimizer.iterations, None), *optimizer.moments]
    wanted = {
        variable.path: (
            () if weight is None else shapes[weight.path],
            np.dtype(variable.dtype).name,
        )
        for variable, weight in pairs
    }
    stored = tensors.pick(state, wanted, run, remedy)
    for (variable, weight), values in zip(pairs, stored, strict=True):
        if weight is None and not 0 <= values <= LARGEST_STEP:
            raise UnusableInput(f"{run}: no training makes {values} updates; {remedy}")
        if variable.path.endswith("_velocity") and values.min(initial=0.0) < 0:
            raise UnusableInput(f"{run}: its {variable.path} is negative; {remedy}")
        variable.assign(_new_values(values, parts, weight.path) if weight is not None else values)


def known_lexicon(trained: Bundle, vocabularies: tuple[Vocabulary, Vocabulary]) -> Lexicon | None:
    """The lexicon of a trained model, if its entries are the first ones of these vocabularies."""
    old = trained.source_vocabulary.entries, trained.target_vocabulary.entries
    same = all(new.entries[: len(one)] == one for one, new in zip(old, vocabularies, strict=True))
    return trained.lexicon if same else None


def _parts(trained: Bundle, vocabularies: tuple[Vocabulary, Vocabulary]) -> Parts:
    old = {"source": trained.source_vocabulary, "target": trained.target_vocabulary}
    new = dict(zip(old, vocabularies, strict=True))
    return {side: _spelled(old[side], new[side]) for side in old}


def _new_values(values: np.ndarray, parts: Parts, path: str) -> np.ndarray:
    """The values of a weight, or of its moments, for the entries of the new vocabularies."""
    side, axis = _PER_ENTRY.get(path, ("", 0))
    return _means(values, parts[side], axis) if side else values


def _spelled(old: Vocabulary, new: Vocabulary) -> list[list[int]]:
    """For each entry of the new vocabulary the ids of the old one that it begins from."""
    parts = old.parts(new.entries)
    return [[i for i in ids if i != UNK] or [UNK] for ids in parts]


def _means(values: np.ndarray, parts: Sequence[Sequence[int]], axis: int) -> np.ndarray:
    """The means of some slices along an axis, one per list of ids."""
    flat = np.fromiter((i for ids in parts for i in ids), np.int64)
    starts = np.cumsum([0, *map(len, parts[:-1])])
    sums = np.add.reduceat(np.take(values, flat, axis), starts, axis)
    counts = np.array([len(ids) for ids in parts], values.dtype)
    shape = [1] * values.ndim
    shape[axis] = len(parts)
    return sums / counts.reshape(shape)
