"""Adam, weight decay and the moving average, against what their papers say."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from rounding import STEP

from nmt.settings import TrainingSettings
from nmt.training.optimizer import SummedAdam, clipped_mean


def steps(model, count: int, **settings) -> tuple[SummedAdam, list[list[np.ndarray]]]:
    """Updates with fixed gradients; returns the weights before and after each of them."""
    optimizer = SummedAdam.of(TrainingSettings(learning_rate=0.01, **settings))
    optimizer.build(model.trainable_variables)
    random, seen = np.random.default_rng(3), [model.get_weights()]
    for _ in range(count):
        gradients = [
            tf.constant(random.standard_normal(v.shape), tf.float32)
            for v in model.trainable_variables
        ]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        seen.append(model.get_weights())
    return optimizer, seen


@pytest.mark.parametrize("layer_norm", [False, True])
def test_decay_shrinks_weights_beside_the_gradient_and_no_others(tiny_model, layer_norm) -> None:
    _, plain = steps(tiny_model(seed=2, layer_norm=layer_norm), 1)
    model = tiny_model(seed=2, layer_norm=layer_norm)
    _, decayed = steps(model, 1, weight_decay=0.5)
    names = [variable.name for variable in model.trainable_variables]
    assert {"kernel", "recurrent_kernel", "bias", "output_bias", "W_a"} <= set(names)
    assert any("gain" in name for name in names) == layer_norm
    for name, before, one, other in zip(names, plain[0], plain[1], decayed[1], strict=True):
        spared = "bias" in name or "gain" in name
        expected = one if spared else one - 0.01 * 0.5 * before
        np.testing.assert_allclose(other, expected, atol=STEP, err_msg=name)


def test_the_average_is_exponential_and_forgets_where_it_began(tiny_model) -> None:
    for limit in (0.3, 0.999):
        optimizer, seen = steps(tiny_model(seed=2), 6, ema_decay=limit)
        expected = seen[0]
        for t, weights in enumerate(seen[1:], 1):
            decay = min(limit, (1 + t) / (10 + t))
            expected = [decay * a + (1 - decay) * w for a, w in zip(expected, weights, strict=True)]
        for average, value in zip(optimizer.averages, expected, strict=True):
            np.testing.assert_allclose(average, value, atol=STEP)


class KerasAdam(keras.optimizers.Adam):
    """Keras's own, for gradients that are already summed."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


def test_updates_are_those_of_keras(tiny_model) -> None:
    model = tiny_model(seed=2)
    _, seen = steps(model, 5)
    model.set_weights(seen[0])
    optimizer, random = KerasAdam(0.01), np.random.default_rng(3)
    for expected in seen[1:]:
        for_all = [random.standard_normal(v.shape) for v in model.trainable_variables]
        gradients = [tf.constant(values, tf.float32) for values in for_all]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for actual, value in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(actual, value, atol=STEP)


def test_what_is_not_asked_for_costs_nothing(tiny_model) -> None:
    """With the defaults one operation writes to each variable and to its moments, and no other."""
    variables = tiny_model().trainable_variables
    optimizer = SummedAdam.of(TrainingSettings())
    optimizer.build(variables)
    update = tf.function(
        lambda: optimizer.apply_gradients([(tf.zeros(v.shape), v) for v in variables])
    )
    operations = update.get_concrete_function().graph.get_operations()
    kinds = Counter(operation.type for operation in operations)
    assert kinds["ResourceApplyAdam"] == len(variables)
    assert sum(count for kind, count in kinds.items() if kind.startswith("Assign")) == 1  # updates
    assert len(optimizer.variables) == 2 + 2 * len(variables)


@pytest.mark.parametrize("bound", [0.5, 1000.0])
def test_clipping_is_that_of_the_mean(bound: float) -> None:
    random = np.random.default_rng(3)
    sums = [tf.constant(random.standard_normal(shape), tf.float32) for shape in [(3, 4), (5,)]]
    expected, norm = tf.clip_by_global_norm([value / 7.0 for value in sums], bound)
    actual = clipped_mean(sums, tf.constant(7.0), bound)
    np.testing.assert_allclose(actual[1], norm, rtol=STEP)
    for one, other in zip(actual[0], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=STEP)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_gradient_that_is_no_number_leaves_no_number(value: float) -> None:
    actual, norm = clipped_mean([tf.ones([2]), tf.constant([value])], tf.constant(2.0), 1.0)
    assert not np.isfinite(norm)
    assert all(np.isnan(one).all() for one in actual)
