"""Adam, weight decay and the moving average, against what their papers say."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from nmt.settings import TrainingSettings
from nmt.training.optimizer import SummedAdam


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
        np.testing.assert_allclose(other, expected, atol=1e-6, err_msg=name)


def test_the_average_is_exponential_and_forgets_where_it_began(tiny_model) -> None:
    for limit in (0.3, 0.999):
        optimizer, seen = steps(tiny_model(seed=2), 6, ema_decay=limit)
        expected = seen[0]
        for t, weights in enumerate(seen[1:], 1):
            decay = min(limit, (1 + t) / (10 + t))
            expected = [decay * a + (1 - decay) * w for a, w in zip(expected, weights, strict=True)]
        for average, value in zip(optimizer.averages, expected, strict=True):
            np.testing.assert_allclose(average, value, atol=1e-6)


def test_what_is_not_asked_for_costs_nothing(tiny_model) -> None:
    """The compiled update of the defaults has not an operation more than Keras's own Adam."""
    import keras

    class Plain(keras.optimizers.Adam):
        def _all_reduce_sum_gradients(self, grads_and_vars):
            return grads_and_vars

    model, counts = tiny_model(), []
    variables = model.trainable_variables
    for optimizer in (Plain(1e-3), SummedAdam.of(TrainingSettings())):
        optimizer.build(variables)
        update = tf.function(
            lambda optimizer=optimizer: optimizer.apply_gradients(
                [(tf.zeros(v.shape), v) for v in variables]
            )
        )
        graph = update.get_concrete_function().graph
        counts.append(sorted(operation.type for operation in graph.get_operations()))
        assert len(optimizer.variables) == 2 + 2 * len(variables)
    assert counts[0] == counts[1]
