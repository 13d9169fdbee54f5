"""Which SentencePiece models are taken for vocabularies: such as `train_subwords` makes."""

from __future__ import annotations

from typing import Any

from nmt.errors import UnusableInput


def check_kind(model: Any) -> None:
    """Refuse all but BPE that takes a text as it is, but for a blank before it.

    Args:
        model: the message of a ``.spm`` file.

    Raises:
        UnusableInput: another kind of model.
    """
    spec, training = model.normalizer_spec, model.trainer_spec
    if training.model_type != training.BPE:
        raise UnusableInput("this SentencePiece model is no BPE; prepare the data again")
    if (
        spec.precompiled_charsmap
        or spec.normalization_rule_tsv
        or not spec.add_dummy_prefix
        or not spec.escape_whitespaces
        or spec.remove_extra_whitespaces
        or training.treat_whitespace_as_suffix
    ):
        raise UnusableInput("this SentencePiece model normalises; prepare the data again")


def symbol_ids(model: Any) -> list[int]:
    """The ids of the user-defined symbols, ascending.

    Args:
        model: the message of a ``.spm`` file.

    Raises:
        UnusableInput: it names other symbols than it has, or one that is no text.
    """
    ids = [n for n, piece in enumerate(model.pieces) if piece.type == piece.USER_DEFINED]
    names = [_text(symbol) for symbol in model.trainer_spec.user_defined_symbols]
    if sorted(model.pieces[n].piece for n in ids) != sorted(names):
        raise UnusableInput(
            "this SentencePiece model names other symbols than it has; prepare the data again"
        )
    return ids


def _text(symbol: str | bytes) -> str:
    """A symbol as text: protobuf has bytes where they are no UTF-8."""
    return symbol if isinstance(symbol, str) else symbol.decode("utf-8", "replace")
