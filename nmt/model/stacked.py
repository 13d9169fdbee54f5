"""Further decoders: conditional, stacked, layer-normalised, with input feeding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from nmt.model.decoder import AttentionDecoder, EncoderStates, Readout
from nmt.model.layers import GRUCell, drop_units
from nmt.settings import DropoutRates, ModelSettings


def is_stacked(settings: ModelSettings) -> bool:
    """Whether these settings need a `StackedDecoder`."""
    return (
        settings.decoder == "conditional"
        or settings.decoder_layers > 1
        or settings.layer_norm
        or settings.input_feeding
    )


class StackedDecoder(AttentionDecoder):
    """A decoder of GRU cells; `docs/explanation/model.md` has the equations.

    - `decoder` "conditional": two cells with the attention between them (Sennrich et al. 2017,
      arXiv 1703.04357, section 3.2).
    - `decoder_layers`: further layers above, with residual connections.
    - `input_feeding`: the readout is fed to the next step (Luong, Pham, Manning 2015,
      arXiv 1508.04025, section 3.3). The readout is then a part of the decoder.

    Its state is one tensor: the states of the layers side by side, then the readout if it is fed.

    Args:
        settings: the architecture.
        rates: dropout in training.
    """

    def __init__(
        self, settings: ModelSettings, rates: DropoutRates = DropoutRates(), **kwargs: Any
    ) -> None:
        super().__init__(settings, rates, **kwargs)
        self.readout = None
        if settings.input_feeding:
            self.readout = Readout(settings, name="readout", dtype=self.dtype_policy)
            self.readout_size = settings.readout_units

        def cell(name: str) -> GRUCell:
            return GRUCell(self.units, settings.layer_norm, name=name, dtype=self.dtype_policy)

        self.depth, conditional = settings.decoder_layers, settings.decoder == "conditional"
        self.first = cell("first")
        self.second = cell("second") if conditional else None
        self.upper = [cell(f"upper_{number}") for number in range(2, self.depth + 1)]
        self.cells = self.depth + conditional
        self.state_size = self.units * self.depth + self.readout_size

    def build(self, embedding_dim: int, encoder_dim: int) -> None:
        """Create the weights for embeddings and encoder states of these sizes."""
        context = encoder_dim if self.attention is not None else 0
        sizes = {"embedding": embedding_dim, "fed": self.readout_size}
        if self.second is None:
            sizes["context"] = context
        else:
            self.second.build({"context": context})
        self.first.build(sizes)
        for cell in self.upper:
            cell.build({"below": self.units})
        if self.attention is not None:
            self.attention.build(self.units, encoder_dim)
        if self.readout is not None:
            self.readout.build(self.units, context, embedding_dim)
        self.built = True

    def split(self, state: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """The states of the layers, shape (…, units) each, and the readout."""
        *layers, readout = tf.split(state, [self.units] * self.depth + [self.readout_size], -1)
        return layers, readout

    def output(self, state: tf.Tensor) -> tf.Tensor:
        """The top layer's output: with residual connections, the sum of all layers' states."""
        return tf.add_n(self.split(state)[0])

    def step(
        self,
        embedded: tf.Tensor,
        state: tf.Tensor,
        encoder_states: EncoderStates,
        noise: Sequence[tf.Tensor | None] = (),
        readout_noise: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step of the recurrence; see `AttentionDecoder.step`."""
        (s, *upper), readout = self.split(state)
        noise = noise or [None] * self.cells
        if self.second is None:
            context, weights = self.attend(drop_units(s, noise[0]), encoder_states)
            s = self.first.step(s, noise[0], embedding=embedded, fed=readout, context=context)
        else:
            s = self.first.step(s, noise[0], embedding=embedded, fed=readout)
            context, weights = self.attend(drop_units(s, noise[1]), encoder_states)
            s = self.second.step(s, noise[1], context=context)
        layers, output = [s], s
        for cell, before, cell_noise in zip(
            self.upper, upper, noise[self.cells - len(upper) :], strict=True
        ):
            layers.append(cell.step(before, cell_noise, below=output))
            output += layers[-1]
        if self.readout is not None:
            readout = drop_units(self.readout.read(output, context, embedded), readout_noise)
        return tf.concat([*layers, readout], -1), context, weights

    def read_out(
        self, readout: Readout, state: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor
    ) -> tf.Tensor:
        """The layer before the softmax; with input feeding the state holds it."""
        if self.readout is not None:
            return self.split(state)[1]
        return super().read_out(readout, state, context, embedded)
