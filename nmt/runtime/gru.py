"""The encoder in a graph: ONNX's operator GRU, which reads a batch faster than a converted loop.

While TensorFlow traces a function for its export, a layer is one operation with the operator's
inputs and outputs. It is never run; its conversion gives it the operator's name and attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from nmt.model.encoder import BidirectionalGRU
from nmt.model.seq2seq import Seq2Seq

_PLACEHOLDER = "PyFuncStateless"


@contextmanager
def as_operators(model: Seq2Seq) -> Iterator[None]:
    """Trace the layers of a model's encoder as operators; those with layer norm stay loops."""
    encoder = model.encoder
    layers = [layer for layer in (encoder.gru, *encoder.upper) if not layer.layer_norm]
    for layer in layers:
        layer.operator = _operator
    try:
        yield
    finally:
        for layer in layers:
            layer.operator = None


def _operator(
    layer: BidirectionalGRU, inputs: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`BidirectionalGRU.call` as the operator.

    Its states in the padding are zeros, which nothing reads: the attention gives them no weight.
    """
    weights = [
        tf.stack(values) for values in zip(*(_weights(layer.cell(i)) for i in (0, 1)), strict=True)
    ]
    lengths = tf.cast(tf.reduce_sum(mask, 1), tf.int32)
    arguments = [tf.transpose(inputs, [1, 0, 2]), *weights, lengths]
    types = [tf.float32, tf.float32]
    # (source, 2, batch, units) and (2, batch, units)
    states, final = tf.numpy_function(_not_to_be_run, arguments, types, stateful=False)
    states.set_shape([None, 2, None, layer.units])
    final.set_shape([2, None, layer.units])
    states, final = tf.transpose(states, [2, 0, 1, 3]), tf.transpose(final, [1, 0, 2])
    batch, source = tf.unstack(tf.shape(mask))
    return (
        tf.reshape(states, [batch, source, 2 * layer.units]),
        tf.reshape(final, [-1, 2 * layer.units]),
    )


def _weights(cell: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of a direction, with the gates z, r and n as in Keras: (3 · units, dim), (3 · units, units),
    and both biases, (6 · units,)."""
    kernels = (tf.convert_to_tensor(one) for one in (cell.kernel, cell.recurrent_kernel))
    return *map(tf.transpose, kernels), tf.reshape(cell.bias, [-1])


def _not_to_be_run(*_: Any) -> Any:
    raise NotImplementedError("it stands for an operator of ONNX")


def _convert(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Make the operator of what stands for it, for tf2onnx."""
    for attribute in list(node.attr):
        del node.attr[attribute]
    units = context.get_shape(node.input[2])[-1]  # of the kernel of the states
    node.type = "GRU"
    node.set_attr("direction", "bidirectional")
    node.set_attr("hidden_size", units)
    node.set_attr("linear_before_reset", 1)  # as Keras's reset_after


HANDLERS: dict[str, tuple[Any, list[str]]] = {_PLACEHOLDER: (_convert, [])}
