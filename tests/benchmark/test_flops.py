"""Operations are counted from shapes: twice the size of every matrix that a token meets."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest

from nmt.benchmark.flops import Flops
from nmt.configuration import resolve
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import ModelSettings
from nmt.shards.batches import Ragged, Shape, make_batch
from nmt.vocabulary.base import PAD

TARGET = 40


@pytest.mark.parametrize("attention", ["bahdanau", "none"])
@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("book", []),
        ("small", []),
        ("small", ["bridge=mean", "decoder=conditional", "layer_norm=true"]),
        ("small", ["input_feeding=true", "encoder_layers=3", "decoder_layers=2"]),
        ("book", ["input_feeding=true", "decoder=conditional"]),
    ],
    ids=str,
)
def test_a_token_meets_the_matrices_of_the_model(preset, options, attention) -> None:
    options = [f"model.{option}" for option in (*options, f"attention={attention}")]
    settings = resolve(preset=preset, assignments=options).model
    model = Seq2Seq(settings, 50, TARGET)
    size = {weight.path.removeprefix("seq2seq/"): np.prod(weight.shape) for weight in model.weights}
    matrices = {name: n for name, n in size.items() if not name.endswith(("bias", "gain"))}
    keys = matrices.pop("decoder/attention/U_a", 0)
    energy = matrices.pop("decoder/attention/v_a", 0)
    encoder = sum(n for name, n in matrices.items() if "bidirectional" in name)
    decoder = sum(n for name, n in matrices.items() if name.startswith(("decoder/", "readout/")))
    projection = settings.readout_units * TARGET
    context = 2 * settings.encoder_units if attention != "none" else 0
    assert Flops.of(settings, TARGET) == Flops(
        sentence=2 * matrices.get("bridge/kernel", 0),
        source=2 * (encoder + keys),
        target=2 * (decoder + projection),
        pair=2 * (energy + context),
    )


def test_padding_is_no_useful_work() -> None:
    lists = [[4, 5, 6], [7], [8, 9]]
    values = np.concatenate(lists).astype(np.int32)
    ragged = Ragged(values, np.array([0, 3, 4]), np.array([3, 1, 2]))
    flops = Flops.of(ModelSettings(), TARGET)
    rows = np.arange(3)
    tight = flops.training(make_batch(ragged, ragged, rows, Shape(3, 4)))
    wide = make_batch(ragged, ragged, rows, Shape(8, 9))
    assert (wide.source == PAD).any()
    assert flops.training(wide) == tight
    one_by_one = [make_batch(ragged, ragged, rows[i : i + 1], Shape(1, 4)) for i in range(3)]
    assert sum(map(flops.training, one_by_one)) == pytest.approx(tight)
    assert tight == 3 * flops.forward(wide)
