"""What the loops of a training step would launch on a GPU."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import runpy
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nmt.configuration import resolve
from nmt.presets import PRESETS
from nmt.settings import ModelSettings, TrainingSettings

ROOT = Path(__file__).parents[2]
LAUNCHES = runpy.run_path(str(ROOT / "benchmarks/launches.py"))

RECURRENCES = {
    "decoder": ("gru", "conditional"),
    "layer_norm": (False, True),
    "input_feeding": (False, True),
    "layers": (1, 2),
    "readout": ("deep", "state"),
    "attention": ("bahdanau", "none"),
}
FAST = [  # every value of each option; the others are slow
    ("gru", False, True, 2, "state", "bahdanau"),
    ("conditional", True, False, 1, "deep", "none"),
]
ARCHITECTURES = [
    pytest.param(values, marks=() if values in FAST else pytest.mark.slow, id=str(values))
    for values in product(*RECURRENCES.values())
]


def counts_of(model: dict[str, Any], training: dict[str, Any]) -> tuple[Any, list[Any]]:
    graph = LAUNCHES["training_graph"](
        ModelSettings.model_validate({"bridge": "dense", **model}),
        TrainingSettings.model_validate(training),
    )
    return LAUNCHES["count"](graph)


def assert_no_crossing(loops: list[Any]) -> None:
    assert loops
    assert [(loop.to_host, loop.to_device, loop.copies) for loop in loops] == [(0, 0, 0)] * len(
        loops
    )
    assert all(loop.launches > 4 for loop in loops)


@pytest.mark.parametrize("values", ARCHITECTURES)
@pytest.mark.system
def test_no_loop_crosses_between_host_and_device(values) -> None:
    options = dict(zip(RECURRENCES, values, strict=True))
    layers = options.pop("layers")
    model = {**options, "encoder_layers": layers, "decoder_layers": layers}
    assert_no_crossing(counts_of(model, {"dropout_state": 0.2})[1])


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.system
def test_no_loop_of_a_preset_crosses_and_the_docs_say_what_it_launches(name) -> None:
    settings = resolve(preset=name)
    rest, loops = counts_of(settings.model.model_dump(), settings.training.model_dump())
    assert_no_crossing(loops)
    page = (ROOT / "docs/results/launches.md").read_text("utf-8")
    assert f"\n{LAUNCHES['row'](name, rest, loops)}\n" in page
    if name == "base":
        # 98 with a copy of every input and without the precomputed gradients of the gates.
        assert sum(loop.launches for loop in loops) <= 98 * 2 / 3
        scaling = runpy.run_path(str(ROOT / "benchmarks/scaling_model.py"))
        assumed = scaling["PER_POSITION"], scaling["PER_BATCH"], scaling["WAITS"]
        assert assumed == (sum(loop.launches for loop in loops), rest.launches, rest.to_host)


@pytest.mark.parametrize(
    "training",
    [
        {"accumulate": 4, "precision": "float16"},
        pytest.param({"precision": "bfloat16"}, marks=pytest.mark.slow),
        pytest.param({"dropout": 0.0}, marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.system
def test_no_option_of_training_makes_a_loop_cross(training) -> None:
    model = {"decoder": "conditional", "layer_norm": True, "input_feeding": True}
    assert_no_crossing(counts_of(model, training)[1])


def test_a_crossing_is_counted() -> None:
    """As `maximum_iterations` makes it, and a product whose shapes are computed on the device."""
    import tensorflow as tf

    def loop(x: tf.Tensor, n: tf.Tensor, **options: Any) -> tf.Tensor:
        return tf.while_loop(lambda i, _: i < n, lambda i, x: (i + 1, x * x), (0, x), **options)[1]

    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([], tf.int32)]

    def counted(function: Any) -> Any:
        traced = tf.function(function, input_signature=signature)
        return LAUNCHES["count"](traced.get_concrete_function().graph)[1]

    ((launches, *crossings, _),) = counted(loop)
    assert (launches, crossings) == (1, [0, 0])
    ((_, to_host, to_device, _),) = counted(lambda x, n: loop(x, n, maximum_iterations=n))
    assert to_host
    assert to_device
