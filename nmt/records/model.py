"""MODEL: a trained model with its vocabularies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from nmt.records.base import Count, FileEntry, Many, Named, Record, Versioned

MOST_BLEU_LOST = 0.1  # by a shortlist that beams choose from by default
# Of fewer, one sentence whose BLEU changes by 20 moves their mean by more than may be lost.
FEWEST_SENTENCES = 200


class ModelId(Versioned):
    """``MODEL/model.json`` of any release."""

    model_id: str


class Direction(Record):
    """Codes of the languages."""

    source: str
    target: str


class ShortlistCheck(Record):
    """What a beam loses on the validation set if it chooses from a shortlist.

    Attributes:
        size: ``search.shortlist``.
        common: ``search.shortlist_common``.
        beam_size: of both searches; the rest of their settings are the defaults.
        sentences: how many were translated.
        exact_bleu: BLEU of the search over the whole vocabulary.
        bleu: of that over the shortlist.
        signature: sacrebleu's, of both.
    """

    size: Count
    common: Count
    beam_size: Count
    sentences: Count
    exact_bleu: float
    bleu: float
    signature: str

    @property
    def is_harmless(self) -> bool:
        """Whether at most `MOST_BLEU_LOST` is lost, on sentences enough to say so."""
        lost = round(self.exact_bleu - self.bleu, 4)
        return self.sentences >= FEWEST_SENTENCES and lost <= MOST_BLEU_LOST


class ModelInfo(Record):
    """What is known of any model, also of one that is still in training.

    Attributes:
        model_id: a hash of the contents of the folder.
        data: the settings of the dataset, by which text is cleaned.
        direction: from which language to which.
        dataset_hash: of the dataset that it was trained on.
        validation: scores on the validation set.
        shortlist: what a shortlist loses there; None if that was not checked.
        always_tagged: whether each pair of its training had a tag, so that it knows no text
            without one.
    """

    model_id: str = ""
    data: Named[JsonValue] | None = None
    direction: Direction = Direction(source="", target="")
    dataset_hash: str | None = None
    validation: Named[Any] = {}  # may hold NaN, which is stored as null
    shortlist: ShortlistCheck | None = None
    always_tagged: bool = False


class ModelRecord(ModelInfo, Versioned):
    """``MODEL/model.json`` of this release."""

    model_id: str
    architecture: Named[JsonValue]
    tokenizer: Literal["spm", "word"]
    files: Named[FileEntry]
    parameters: Count
    versions: Named[str] = {}
    members: Many[str] = []


class GraphsRecord(Versioned):
    """``MODEL/onnx.json``: the graphs of the model for ONNX Runtime.

    Attributes:
        model_id: of the model that they were made of.
        files: the graphs by their names. Their files have the first 8 digits of their hash in
            their names: ``decode-0123abcd.onnx``.
        versions: of what made them.
    """

    model_id: str
    files: Named[FileEntry]
    versions: Named[str] = {}
