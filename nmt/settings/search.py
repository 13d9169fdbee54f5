"""How the decoder searches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nmt.errors import UnusableInput
from nmt.records.model import ShortlistCheck
from nmt.settings.base import LARGEST_SEED, Group
from nmt.text_limits import MOST_CHARACTERS, MOST_CHARACTERS_ALLOWED
from nmt.vocabulary.base import TAG
from nmt.vocabulary.lexicon import DEPTH

_LONGEST = 100_000  # tokens of a sentence, of whatever side
_WIDEST = 1000  # hypotheses
_LARGEST_VOCABULARY = 2**30
_COLDEST = 0.001  # temperature at which logits divided by it are still far from overflow
ShortlistSize = Annotated[int, Field(ge=0, le=DEPTH, description="0 is off")]


class SearchSettings(Group):
    """How the decoder searches. Validation while training is greedy, with the same limits."""

    beam_size: int = Field(
        1, ge=1, le=_WIDEST, description="Hypotheses per step; 1 is greedy search."
    )
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="α of ((5 + length) / 6)^α (Wu et al. 2016); beam only."
    )
    coverage_penalty: float = Field(
        0.0,
        ge=0,
        le=100,
        description="β of the penalty on source tokens without attention (Wu et al. 2016, "
        "equation 14); beam only, 0 is off.",
    )
    n_best: int = Field(
        1,
        ge=1,
        le=_WIDEST,
        description="Different translations per sentence, best first; at most beam_size.",
    )
    min_length: int = Field(
        0,
        ge=0,
        le=_LONGEST,
        description="Fewest tokens of a translation, end of sentence not counted.",
    )
    min_length_ratio: float = Field(
        0.0, ge=0, le=100, description="Fewest tokens of a translation per source token."
    )
    no_repeat_ngram: int = Field(
        0,
        ge=0,
        le=100,
        description="No n-gram of this size occurs twice in a translation; 0 is off.",
    )
    temperature: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Draw words at random, from the logits divided by it; 0 is off.",
    )
    top_k: int = Field(
        0,
        ge=0,
        le=_LARGEST_VOCABULARY,
        description="Draw among this many likeliest words; 0 is all.",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Draw among the fewest likeliest words with this total probability (Holtzman "
        "et al. 2020); 1 is all.",
    )
    seed: int = Field(
        1,
        ge=0,
        le=LARGEST_SEED,
        description="Seed of the draws. Those of a sentence do not depend on other sentences.",
    )
    shortlist: Literal["auto"] | ShortlistSize = Field(
        "auto",
        description="Consider only this many likeliest translations per source token: faster, not "
        "exact. 0 considers the whole vocabulary. auto is the shortlist that model.json names "
        "(`shortlist`), for a beam and where it lost at most 0.1 BLEU on the validation set; else "
        "0.",
    )
    shortlist_common: int = Field(
        2000,
        ge=1,
        le=_LARGEST_VOCABULARY,
        description="Number of most frequent target tokens that are always on the shortlist; with "
        "shortlist=auto as model.json says.",
    )
    max_length_ratio: float = Field(
        2.0,
        gt=0,
        le=100,
        description="A translation has at most max_length_ratio · source tokens + "
        "max_length_extra tokens.",
    )
    max_length_extra: int = Field(10, ge=1, le=_LONGEST, description="See max_length_ratio.")
    max_source_length: int = Field(
        400,
        ge=1,
        le=_LONGEST,
        description="Most source tokens that are translated at once; see too_long.",
    )
    too_long: Literal["split", "reject"] = Field(
        "split",
        description="Split a source of more than max_source_length tokens at ends of sentences "
        "and translate the pieces, or reject it as too_long.",
    )
    max_split_length: int = Field(
        4000,
        ge=1,
        le=10_000_000,
        description="Most source tokens; a longer source is rejected as too_long.",
    )
    max_characters: int = Field(
        MOST_CHARACTERS,
        ge=1,
        le=MOST_CHARACTERS_ALLOWED,
        description="Most source characters; a longer source is rejected as too_many_characters.",
    )
    tag: str | None = Field(
        None,
        pattern=TAG,
        description="Translate as the texts that were prepared with this data.tag.",
    )
    recase: bool = Field(
        True,
        description="Translate a source that is all in capitals as a sentence, and write its "
        "translation in capitals.",
    )
    replace_unknown: bool = Field(
        True,
        description="Replace an unknown word by the source word of the highest attention "
        "(tokenizer word).",
    )
    runtime: Literal["auto", "onnx", "tensorflow"] = Field(
        "auto",
        description="What computes the steps: ONNX Runtime on CPUs, or TensorFlow. auto is onnx "
        "where MODEL holds the graphs of `nmt export` and no GPU is used.",
    )
    precision: Literal["float32", "int8"] = Field(
        "float32",
        description="Of the products of a step with ONNX Runtime: int8 takes integers of 8 bits "
        "for products of states and readouts with weights.",
    )
    dictionary: str | None = Field(
        None,
        description="File of source<TAB>target lines, or CSV or JSON Lines with such columns; a "
        "translation of that source word in it is preferred.",
    )

    @property
    def has_shortlist(self) -> bool:
        """Whether words are chosen from a shortlist; ``auto`` is none until it is decided."""
        return self.shortlist not in (0, "auto")

    def with_shortlist(self, check: ShortlistCheck | None) -> SearchSettings:
        """The same with ``auto`` decided.

        Args:
            check: of the model; None if it was not checked.
        """
        if self.shortlist != "auto":
            return self
        chosen: dict[str, int] = {"shortlist": 0}
        if self.beam_size > 1 and check is not None and check.is_harmless:
            chosen = {"shortlist": check.size, "shortlist_common": check.common}
        return self.model_copy(update=chosen)

    def greedy(self, max_source_length: int) -> SearchSettings:
        """Greedy search with these limits to a translation's length, and nothing else."""
        return SearchSettings(
            recase=False,
            replace_unknown=False,
            max_length_ratio=self.max_length_ratio,
            max_length_extra=self.max_length_extra,
            max_source_length=max_source_length,
        )


def check_search(settings: SearchSettings) -> None:
    """Raise UnusableInput where the settings of a search do not fit together."""
    if settings.n_best > settings.beam_size:
        raise UnusableInput(
            f"search.n_best={settings.n_best} needs a beam of at least as many hypotheses; set "
            f"--beam-size {settings.n_best} (search.beam_size) or more"
        )
    if settings.temperature and settings.beam_size > 1:
        raise UnusableInput(
            "search.temperature draws words at random, and a beam keeps the best; set "
            "search.beam_size=1, or search.temperature=0"
        )
    if 0 < settings.temperature < _COLDEST:
        raise UnusableInput(
            f"search.temperature={settings.temperature} is so low that nothing is left to draw; "
            f"set at least {_COLDEST}, or 0 for the likeliest words"
        )
    if not settings.temperature and (settings.top_k or settings.top_p < 1):
        raise UnusableInput(
            "search.top_k and search.top_p choose what is drawn from; set search.temperature, "
            "too (1 is the model's own probabilities)"
        )
