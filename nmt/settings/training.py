"""How a model is trained."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from nmt.settings.base import LARGEST_SEED, Group

Metric = Literal["bleu", "chrf", "loss"]
Change = Literal["upper", "title", "lower", "typos", "no_stop", "joined"]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Part = Literal["embeddings", "encoder", "attention", "decoder", "readout", "output"]


class DropoutRates(NamedTuple):
    """Dropout of each place in the model; 0 is none."""

    source_embedding: float = 0.0
    target_embedding: float = 0.0
    encoder: float = 0.0
    readout: float = 0.0
    state: float = 0.0


class Stage(Group):
    """A part of a training, with its shares of the datasets."""

    epochs: int | None = Field(None, ge=1, description="Epochs; null is all that follow.")
    weights: tuple[Weight, ...] = Field(min_length=1, description="One weight for each --data.")

    @field_validator("weights")
    @classmethod
    def _one_is_positive(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not any(weights):
            raise ValueError("all weights are 0")
        return weights


class TrainingSettings(Group):
    """How the model is trained (`nmt train`)."""

    epochs: int = Field(10, ge=1, description="Largest number of passes over the training set.")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="Minutes after which training ends and keeps the best model. Validations "
        "count.",
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
        100_000,
        ge=1,
        description="Pairs that are shuffled and bucketed together. Three windows are in memory.",
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
    stages: tuple[Stage, ...] = Field(
        (),
        description="With several --data: the share of each in the training pairs, stage after "
        "stage, as [{epochs: 5, weights: [1, 0]}, {weights: [1, 3]}]. A dataset of weight 0 is "
        "only validated on. [] draws from each as many pairs as it has.",
    )
    keep: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {},
        description="How much of training.metric a model may lose on a dataset, by the name of its "
        "folder, as {tatoeba: 1}, against the model of --init-from. MODEL is the best that does "
        "not lose more.",
    )
    augment: dict[Change, Annotated[float, Field(ge=0, le=1)]] = Field(
        {},
        description="The share of the pairs that each epoch changes in one way, as {upper: 0.05, "
        "typos: 0.1}. upper: both sides in capitals; title: each word with a capital; lower: the "
        "source in lower case; typos: letters of the source swapped, doubled, left out; no_stop: "
        "both sides without their full stop; joined: with another pair behind it.",
    )
    subword_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Probability with which a merge of subwords is left out when the pairs of an "
        "epoch are cut anew (BPE-dropout, Provilkov et al. 2020; 0.1 is customary).",
    )
    l2_sp: float = Field(
        0.0,
        ge=0,
        description="Each update moves every weight towards where it began by learning rate times "
        "this times its distance: less is forgotten of --init-from (L2-SP, Li et al. 2018).",
    )
    freeze: tuple[Part, ...] = Field(
        (),
        description="Parts of the model of --init-from that stay as they are: embeddings, encoder "
        "(with the bridge), attention, decoder (with its attention), readout, output.",
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

    @field_validator("augment")
    @classmethod
    def _shares_are_at_most_all(cls, shares: dict[Change, float]) -> dict[Change, float]:
        if sum(shares.values()) > 1:
            raise ValueError("the shares are more than 1 together")
        return shares

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


# Settings that only say how long or on how much hardware, or what faults do: a rerun may change
# them.
FREE_TRAINING_KEYS = frozenset(
    {
        *("epochs", "max_minutes", "report_every", "checkpoints", "checkpoint_minutes"),
        *("stall_seconds", "on_nan"),
    }
)
