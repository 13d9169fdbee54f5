"""Every setting of the product, typed, documented, frozen.

`nmt.configuration` says where their values come from.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from nmt.errors import UnusableInput
from nmt.text_limits import MOST_CHARACTERS
from nmt.vocabulary.lexicon import DEPTH

LARGEST_SEED = 2**31 - 1
Metric = Literal["bleu", "chrf", "loss"]
Tokenizer = Literal["auto", "13a", "none", "intl", "char", "zh", "ja-mecab", "ko-mecab"]
_LONGEST = 100_000  # tokens of a sentence, of whatever side
_MOST_CHARACTERS = 10_000_000  # of a text
_WIDEST = 1000  # hypotheses
_LARGEST_VOCABULARY = 2**30
_COLDEST = 0.001  # temperature at which logits divided by it are still far from overflow


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """``gate.suspicious=true`` would be a limit of 1, which nothing exceeds."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and {kind, *get_args(kind)} & {int, float}:
            raise PydanticCustomError("number_type", "Input should be a number")
        return value


class DataSettings(_Group):
    """How a corpus is cleaned, split and segmented (`nmt prepare`)."""

    tokenizer: Literal["spm", "word"] = Field(
        "spm", description="SentencePiece BPE (spm), or the book's lower-cased words."
    )
    vocab_size: int = Field(8000, ge=8, description="Largest number of entries per vocabulary.")
    joint_vocabulary: bool = Field(
        False, description="One vocabulary for both languages instead of one each (spm)."
    )
    min_frequency: int = Field(10, ge=1, description="A rarer word is [UNK] (tokenizer word).")
    byte_fallback: bool = Field(
        True,
        description="Spell a character without an entry in bytes, so that none is unknown (spm). "
        "The bytes take 256 entries.",
    )
    character_coverage: float | None = Field(
        None,
        gt=0.9,
        le=1.0,
        description="Share of the characters, by frequency, that get an entry (spm). null is "
        "0.9999; 0.9995 if there are more than 1,000 different characters; 1 without "
        "byte_fallback.",
    )
    symbols: tuple[str, ...] = Field(
        (), description='Texts that stay one token, e.g. ["<b>", "</b>"] (spm).'
    )
    lowercase: bool = Field(False, description="Lower-case both sides.")
    max_length: int = Field(
        100, ge=1, description="Most tokens of a side; a longer pair is rejected as too_long."
    )
    max_characters: int = Field(
        MOST_CHARACTERS,
        ge=1,
        le=_MOST_CHARACTERS,
        description="Most characters of a side; a longer pair is rejected as too_many_characters.",
    )
    normalize_unicode: bool = Field(True, description="Normalise text to Unicode NFC.")
    replace_no_break_spaces: bool = Field(
        True, description="Replace every kind of blank by a space."
    )
    remove_invisible: bool = Field(
        True, description="Drop zero-width characters, soft hyphens and control characters."
    )
    decode_entities: bool = Field(True, description="Decode HTML entities such as &amp;.")
    collapse_blanks: bool = Field(True, description="Drop blanks at both ends and repeated blanks.")
    reject_identical: bool = Field(
        False, description="Reject a pair as identical if its sides are equal."
    )
    valid_fraction: float = Field(
        0.02, ge=0, lt=1, description="Share of the source sentences drawn for valid/."
    )
    test_fraction: float = Field(
        0.02, ge=0, lt=1, description="Share of the source sentences drawn for test/."
    )
    sample: int | None = Field(
        None, ge=1, description="Number of pairs to draw at random; null uses all."
    )
    seed: int = Field(
        1, ge=0, le=LARGEST_SEED, description="Seed of the sample, the split and the vocabulary."
    )
    source_language: str | None = Field(
        None,
        description="Code of the source language (de, deu and ger are the same). null follows the "
        "ending of the files or the script of the text, else it is und (undetermined).",
    )
    target_language: str | None = Field(
        None, description="Code of the target language; see source_language."
    )
    shard_rows: int = Field(100_000, ge=1, description="Input pairs per shard file.")


class ModelSettings(_Group):
    """The architecture. The defaults are the book's sizes."""

    attention: Literal["bahdanau", "none"] = Field(
        "bahdanau", description="Additive attention, or none: the book's plain encoder–decoder."
    )
    embedding_dim: int = Field(128, ge=1, description="Size of source and target embeddings.")
    encoder_units: int = Field(128, ge=1, description="GRU units per direction of the encoder.")
    decoder_units: int = Field(256, ge=1, description="GRU units of the decoder.")
    encoder_layers: int = Field(
        1, ge=1, description="Layers of the encoder, with residual connections between them."
    )
    decoder_layers: int = Field(
        1,
        ge=1,
        description="Layers of the decoder, with residual connections between them. The first has "
        "the attention.",
    )
    decoder: Literal["gru", "conditional"] = Field(
        "gru",
        description="GRU cells. gru: one GRU that reads word and context. conditional: two GRUs "
        "with the attention between them (Sennrich et al. 2017).",
    )
    layer_norm: bool = Field(
        False, description="Layer normalisation in all GRU cells (Ba et al. 2016)."
    )
    input_feeding: bool = Field(
        False,
        description="The decoder also reads its previous readout (Luong et al. 2015).",
    )
    attention_units: int = Field(512, ge=1, description="Size of the attention's hidden layer.")
    bridge: Literal["concat", "dense", "mean"] = Field(
        "concat",
        description="First decoder state. concat: the two final states of the encoder. dense: a "
        "tanh layer over them. mean: a tanh layer over the mean of the encoder outputs.",
    )
    readout: Literal["state", "deep"] = Field(
        "state",
        description="What the readout reads. state: the decoder state. deep: also context and "
        "embedding (the deep output of Bahdanau et al.).",
    )
    readout_units: int = Field(512, ge=1, description="Size of the layer before the softmax.")
    readout_activation: Literal["relu", "tanh"] = Field(
        "relu", description="Activation of the layer before the softmax."
    )
    tie_embeddings: Literal[False, True, "three-way"] = Field(
        False,
        description="The softmax layer shares the matrix of the target embedding. three-way: the "
        "source embedding shares it, too (needs data.joint_vocabulary).",
    )


class DropoutRates(NamedTuple):
    """Dropout of each place in the model; 0 is none."""

    source_embedding: float = 0.0
    target_embedding: float = 0.0
    encoder: float = 0.0
    readout: float = 0.0
    state: float = 0.0


class TrainingSettings(_Group):
    """How the model is trained (`nmt train`)."""

    epochs: int = Field(10, ge=1, description="Largest number of passes over the training set.")
    max_minutes: float | None = Field(
        None, gt=0, description="Minutes after which training ends and keeps the best model."
    )
    batch_tokens: int = Field(
        1600, ge=16, description="Target tokens per global batch, padding included."
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="Batches per update. The update is that of one batch with all their tokens.",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="Precision of matrix products in training. Weights, logits, loss and MODEL "
        "stay float32.",
    )
    buckets: int = Field(6, ge=1, le=32, description="Number of batch shapes, by length.")
    window: int = Field(
        100_000, ge=1, description="Pairs that are shuffled and bucketed together, in memory."
    )
    learning_rate: float = Field(
        1e-3, gt=0, description="Learning rate of Adam; the peak of a schedule."
    )
    schedule: Literal["constant", "inverse_sqrt", "linear", "cosine", "plateau"] = Field(
        "constant", description="Learning rate after the warm-up."
    )
    warmup_steps: int = Field(
        0, ge=0, description="Updates over which the learning rate rises linearly from 0."
    )
    decay_steps: int = Field(
        0,
        ge=0,
        description="Update at which linear and cosine end. 0 is the last update of the last "
        "epoch; a rerun with more epochs then stretches the rest of the decay.",
    )
    final_learning_rate_ratio: float = Field(
        0.0, ge=0, le=1, description="Final rate of linear, cosine and plateau, over learning_rate."
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="Factor by which plateau multiplies the learning rate."
    )
    plateau_patience: int = Field(
        2,
        ge=1,
        description="Validations after the warm-up without a better one (training.metric) before "
        "plateau lowers the rate.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="Each update shrinks all weights except biases by learning rate times this "
        "(Loshchilov and Hutter 2019).",
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the exponential moving average of the weights, which is then "
        "validated and saved as MODEL. 0 is no average.",
    )
    clip_norm: float = Field(1.0, gt=0, description="Largest global norm of the gradient.")
    dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Dropout rate on embeddings, encoder outputs and readout, unless a setting "
        "below has a rate of its own.",
    )
    dropout_source_embedding: float | None = Field(
        None, ge=0, lt=1, description="Rate on source embeddings."
    )
    dropout_target_embedding: float | None = Field(
        None, ge=0, lt=1, description="Rate on target embeddings."
    )
    dropout_encoder: float | None = Field(
        None, ge=0, lt=1, description="Rate on the outputs of each encoder layer."
    )
    dropout_readout: float | None = Field(
        None, ge=0, lt=1, description="Rate on the layer before the softmax."
    )
    dropout_state: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Rate on recurrent states, one mask per sentence (Gal and Ghahramani 2016).",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the training target spread over the vocabulary (Szegedy et al. "
        "2016). Reported losses stay plain cross-entropy.",
    )
    seed: int = Field(
        1, ge=0, le=LARGEST_SEED, description="Seed of weights, batch order and dropout."
    )
    validate_every: int = Field(
        0, ge=0, description="Steps between validations; 0 is once per epoch."
    )
    metric: Metric = Field(
        "bleu",
        description="Ranks the validations; patience, the schedule plateau, MODEL and keep_best "
        "follow it. BLEU and chrF are of greedy translations, loss is cross-entropy.",
    )
    patience: int = Field(
        5,
        ge=1,
        description="Validations after the warm-up without a better one (training.metric) before "
        "training stops early.",
    )
    valid_sentences: int = Field(
        2000, ge=1, description="Largest number of validation sentences that are scored."
    )
    heatmaps: int = Field(
        3, ge=0, description="Heatmaps per validation, always of the same sentences."
    )
    report_every: int = Field(
        50, ge=1, description="Steps between two lines of metrics.jsonl and of the log."
    )
    checkpoints: int = Field(
        2,
        ge=1,
        description="Checkpoints to keep: the last one, and earlier ones in case of damage.",
    )
    checkpoint_minutes: float = Field(
        10.0,
        ge=0,
        description="Minutes between checkpoints; 0 writes them at validations only.",
    )
    stall_seconds: float = Field(
        600.0,
        ge=5,
        description="Seconds after which a worker that does not answer is replaced. One that "
        "answers but makes no step is replaced 30 seconds later.",
    )
    on_nan: Literal["stop", "skip"] = Field(
        "stop",
        description="Stop at a batch whose loss or gradients are NaN or infinite, or skip it. Its "
        "ids are reported.",
    )
    keep_best: int = Field(0, ge=0, description="Number of best models to keep in RUN/best.")
    average_best: bool = Field(
        True,
        description="At the end, validate the mean of these models; it becomes MODEL if it is "
        "better (training.metric).",
    )

    @property
    def averages_best(self) -> bool:
        """Whether there is a mean of the best models."""
        return self.average_best and self.keep_best > 1

    @property
    def dropout_rates(self) -> DropoutRates:
        """The rate of every place."""

        def rate(own: float | None) -> float:
            return self.dropout if own is None else own

        return DropoutRates(
            source_embedding=rate(self.dropout_source_embedding),
            target_embedding=rate(self.dropout_target_embedding),
            encoder=rate(self.dropout_encoder),
            readout=rate(self.dropout_readout),
            state=self.dropout_state,
        )


class SearchSettings(_Group):
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
    shortlist: int = Field(
        0,
        ge=0,
        le=DEPTH,
        description="Consider only this many likeliest translations per source token: faster, not "
        "exact. 0 considers the whole vocabulary.",
    )
    shortlist_common: int = Field(
        2000,
        ge=1,
        le=_LARGEST_VOCABULARY,
        description="Number of most frequent target tokens that are always on the shortlist.",
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
        le=_MOST_CHARACTERS,
        description="Most source characters; a longer source is rejected as too_many_characters.",
    )
    replace_unknown: bool = Field(
        True,
        description="Replace an unknown word by the source word of the highest attention "
        "(tokenizer word).",
    )
    dictionary: str | None = Field(
        None,
        description="File of source<TAB>target lines; a translation of that source word in it is "
        "preferred.",
    )

    def greedy(self, max_source_length: int) -> SearchSettings:
        """Greedy search with these limits to a translation's length, and nothing else."""
        return SearchSettings(
            replace_unknown=False,
            max_length_ratio=self.max_length_ratio,
            max_length_extra=self.max_length_extra,
            max_source_length=max_source_length,
        )


class ScoringSettings(_Group):
    """How translations are scored, in training, by `nmt translate` and `nmt evaluate`."""

    tokenize: Tokenizer = Field(
        "auto",
        description="Tokenizer of sacrebleu for BLEU. auto follows the target language: zh, "
        "ja-mecab, ko-mecab (char without the extra 'languages'), char for Thai, Lao, Khmer, "
        "Burmese and Tibetan, else 13a. TER counts the same words if blanks do not separate them.",
    )


class DriftSettings(_Group):
    """Limits beyond which a difference from `--baseline` is an alarm; null is no limit."""

    score: float | None = Field(
        0.1, gt=0, description="The mean score is lower by more than this (nats per token)."
    )
    length_ratio: float | None = Field(
        0.05, gt=0, description="The length ratio differs by more than this share."
    )
    unk: float | None = Field(
        0.01, gt=0, description="The share of unknown tokens is higher by more than this."
    )
    bytes: float | None = Field(
        0.01,
        gt=0,
        description="The share of source tokens that spell a character in bytes is higher by more "
        "than this.",
    )
    rejected: float | None = Field(
        0.01, gt=0, description="The share of rejected rows is higher by more than this."
    )
    attention_entropy: float | None = Field(
        0.2, gt=0, description="The entropy of the attention differs by more than this (nats)."
    )
    bleu: float | None = Field(
        1.0,
        gt=0,
        description="BLEU is lower by more than this; on common sentences also significantly "
        "(one-sided p < 0.05).",
    )


class GateSettings(_Group):
    """Limits beyond which a translation is an alarm, with or without a baseline; null is no limit.

    A good model on text of its own kind stays far from them: a few per cent of suspicious
    translations, hardly one that is cut off or repeats itself, a mean score above -0.5.
    """

    suspicious: float | None = Field(
        0.2, ge=0, le=1, description="More than this share of the translations is suspicious."
    )
    truncated: float | None = Field(
        0.05,
        ge=0,
        le=1,
        description="More than this share of the translations is cut off at the length limit.",
    )
    repetition: float | None = Field(
        0.05, ge=0, le=1, description="More than this share of the translations repeat themselves."
    )
    score: float | None = Field(
        -1.0,
        le=0,
        description="The mean score is below this (nats per token); -1 is a probability of one in "
        "three.",
    )


class Settings(_Group):
    """All groups of settings."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    drift: DriftSettings = DriftSettings()
    gate: GateSettings = GateSettings()


# Settings that only say how long or on how much hardware, or what faults do: a rerun may change
# them.
FREE_TRAINING_KEYS = frozenset(
    {
        *("epochs", "max_minutes", "report_every", "checkpoints", "checkpoint_minutes"),
        *("stall_seconds", "on_nan"),
    }
)


def check_sizes(settings: ModelSettings) -> None:
    """Raise UnusableInput where the sizes of an architecture do not fit together."""
    if settings.bridge == "concat" and settings.decoder_units != 2 * settings.encoder_units:
        raise UnusableInput(
            "model.bridge=concat needs model.decoder_units = 2 · model.encoder_units "
            f"({settings.decoder_units} ≠ 2 · {settings.encoder_units}); change one, or set "
            "model.bridge=dense or mean"
        )
    if settings.tie_embeddings and settings.readout_units != settings.embedding_dim:
        raise UnusableInput(
            "model.tie_embeddings needs model.readout_units = model.embedding_dim "
            f"({settings.readout_units} ≠ {settings.embedding_dim}); change one of them"
        )


def check_search(settings: SearchSettings) -> None:
    """Raise UnusableInput where the settings of a search do not fit together."""
    if settings.n_best > settings.beam_size:
        raise UnusableInput(
            f"search.n_best={settings.n_best} needs a beam of at least as many hypotheses; set "
            f"search.beam_size={settings.n_best} or more"
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
