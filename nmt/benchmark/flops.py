"""Floating-point operations of a model, from its shapes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.settings import ModelSettings
from nmt.shards.batches import Batch
from nmt.vocabulary.base import PAD


class Flops(NamedTuple):
    """Operations of the products of one forward pass; a multiply and an add are two.

    Elementwise work (gates, softmax, dropout) is left out, as is usual.

    Attributes:
        sentence: for each sentence: the bridge.
        source: for each source token: the encoder, and the attention's keys.
        target: for each target token: decoder, readout and output projection.
        pair: for each pair of a source and a target token: energies and contexts.
    """

    sentence: int
    source: int
    target: int
    pair: int

    @classmethod
    def of(cls, model: ModelSettings, target_size: int) -> Flops:
        """Count them for an architecture and a target vocabulary."""
        width, memory, state = model.embedding_dim, 2 * model.encoder_units, model.decoder_units
        attends = model.attention != "none"
        units, context = (model.attention_units, memory) if attends else (0, 0)
        deep = width + context if model.readout == "deep" else 0
        fed = model.readout_units if model.input_feeding else 0
        # Both directions of every layer; those above the first see the one below.
        encoder = 2 * 3 * model.encoder_units * (width + model.encoder_units)
        encoder += (model.encoder_layers - 1) * 3 * memory * (memory + model.encoder_units)
        recurrent = state * (2 if model.decoder == "conditional" else 1)
        decoder = 3 * state * (width + fed + context + recurrent) + state * units
        decoder += (model.decoder_layers - 1) * 3 * state * 2 * state
        readout = model.readout_units * (state + deep + target_size)
        return cls(
            sentence=0 if model.bridge == "concat" else 2 * memory * state * model.decoder_layers,
            source=2 * (encoder + memory * units),
            target=2 * (decoder + readout),
            pair=2 * (units + context),
        )

    def forward(self, batch: Batch) -> float:
        """One forward pass over the real tokens of a batch; padding is no useful work."""
        sources = (batch.source != PAD).sum(1).astype(np.float64)
        targets = (batch.target_outputs != PAD).sum(1).astype(np.float64)
        sources = np.where(targets > 0, sources, 0.0)  # a row that only fills up the batch
        return float(
            self.sentence * (targets > 0).sum()
            + self.source * sources.sum()
            + self.target * targets.sum()
            + self.pair * (sources * targets).sum()
        )

    def training(self, batch: Batch) -> float:
        """A step: forward, and twice as much for the gradients of inputs and of weights."""
        return 3 * self.forward(batch)
