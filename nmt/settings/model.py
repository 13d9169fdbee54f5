"""The architecture."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmt.errors import UnusableInput
from nmt.settings.base import Group

_MOST_LAYERS = 64  # the smallest layer takes time and memory to build


class ModelSettings(Group):
    """The architecture. The defaults are the book's sizes."""

    attention: Literal["bahdanau", "none"] = Field(
        "bahdanau", description="Additive attention, or none: the book's plain encoder–decoder."
    )
    embedding_dim: int = Field(128, ge=1, description="Size of source and target embeddings.")
    encoder_units: int = Field(128, ge=1, description="GRU units per direction of the encoder.")
    decoder_units: int = Field(256, ge=1, description="GRU units of the decoder.")
    encoder_layers: int = Field(
        1,
        ge=1,
        le=_MOST_LAYERS,
        description="Layers of the encoder, with residual connections between them.",
    )
    decoder_layers: int = Field(
        1,
        ge=1,
        le=_MOST_LAYERS,
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
