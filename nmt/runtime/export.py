"""A model as ONNX graphs, converted from the functions that TensorFlow decodes with.

The encoder is ONNX's operator GRU, which reads a batch faster than a converted loop. While
TensorFlow traces a function for its export, a layer is one operation with the operator's inputs and
outputs. It is never run; its conversion gives it the operator's name and attributes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import tensorflow as tf

from nmt.model.decoder import BLOCK, EncoderStates, likeliest, log_probabilities
from nmt.model.encoder import BidirectionalGRU
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.quantize import quantize
from nmt.runtime.recurrence import as_loops

_OPSET = 17

_PLACEHOLDER = "PyFuncStateless"


def export(model: Seq2Seq) -> dict[str, bytes]:
    """The graphs that `nmt.runtime.onnx` runs, by their names; see `nmt.runtime.graphs`.

    Args:
        model: built, in float32.
    """
    with as_operators(model):
        encode = _Function(lambda source: _state_first(*model.begin(source)), _ids("source", 2))
    states = [_like(value, name) for name, value in encode.outputs.items()]

    def decode(words: tf.Tensor, parents: tf.Tensor, state: tf.Tensor, *sentences: Any) -> Any:
        readouts, state, attention = model.search_step(
            words, tf.gather(state, parents), EncoderStates(*sentences)
        )
        return {"readouts": readouts, "next_state": state, "attention": attention}

    padding = -model.target_size % BLOCK

    def predict(readouts: tf.Tensor, bias: tf.Tensor, live: tf.Tensor, k: tf.Tensor) -> Any:
        kernel, _ = model.output_weights()
        kernel = tf.pad(kernel, [[0, 0], [0, padding]])
        return _predictions(tf.nn.log_softmax(tf.matmul(readouts, kernel) + bias), live, k)

    def predict_some(readouts: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, *rest: Any) -> Any:
        return _predictions(log_probabilities(readouts, kernel, bias), *rest)

    size = model.settings.readout_units
    readouts = tf.TensorSpec([None, size], tf.float32, "readouts")
    columns = tf.TensorSpec([size, None], tf.float32, "kernel")
    biases, live = (tf.TensorSpec([None, None], tf.float32, name) for name in ("bias", "live"))
    bias, k = tf.TensorSpec([None], tf.float32, "bias"), _ids("k", 0)
    functions = {
        "encode": encode,
        "decode": _Function(decode, _ids("words", 1), _ids("parents", 1), *states),
        "predict": _Function(predict, readouts, bias, live, k),
        "predict_some": _Function(predict_some, readouts, columns, biases, live, k),
    }
    graphs = {name: function.convert() for name, function in functions.items()}
    bounded = model.settings.readout_activation == "tanh"
    # The states of GRUs are bounded, a readout that is fed back only by its activation.
    bounds = {"state": 1.0} if bounded or not model.settings.input_feeding else {}
    graphs["encode_int8"] = quantize(as_loops(graphs["encode"]), {})
    graphs["decode_int8"] = quantize(graphs["decode"], bounds)
    graphs["predict_int8"] = quantize(graphs["predict"], {"readouts": 1.0} if bounded else {})
    return graphs


class _Function:
    """A function of named tensors, whose outputs have names, too.

    Args:
        function: what it computes.
        inputs: its types.
    """

    def __init__(self, function: Callable[..., dict[str, tf.Tensor]], *inputs: tf.TensorSpec):
        self._inputs: Sequence[tf.TensorSpec] = inputs
        self._function = tf.function(function, input_signature=inputs, autograph=False)
        self.outputs = self._function.get_concrete_function().structured_outputs

    def convert(self) -> bytes:
        """The function as an ONNX graph."""
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # not of shapes that it cannot tell
        model, _ = tf2onnx.convert.from_function(
            self._function, self._inputs, opset=_OPSET, custom_op_handlers=dict(HANDLERS)
        )
        _prune_loops(model.graph)
        return model.SerializeToString()


def _prune_loops(graph: onnx.GraphProto) -> None:
    """Remove what loops collect for a gradient, which nothing here reads."""
    read = {name for node in graph.node for name in node.input}
    read |= {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type != "Loop":
            continue
        body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
        carried = len(node.input) - 2  # without the number of steps and the condition
        for place in reversed(range(carried, len(node.output))):
            if node.output[place] not in read:
                del node.output[place], body.output[place + 1]
        needed = {value.name for value in body.output}
        kept: list[onnx.NodeProto] = []
        for step in reversed(list(body.node)):
            if not needed.isdisjoint(step.output):
                needed |= set(step.input)
                kept.insert(0, step)
        del body.node[:]
        body.node.extend(kept)


def _state_first(sentences: EncoderStates, state: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"state": state, **sentences._asdict()}


def _predictions(
    log_probabilities: tf.Tensor, live: tf.Tensor, k: tf.Tensor
) -> dict[str, tf.Tensor]:
    values, beams, columns = likeliest(log_probabilities, live, k)
    return {
        "values": values,
        "beams": beams,
        "columns": columns,
        "log_probabilities": log_probabilities,
    }


def _ids(name: str, rank: int) -> tf.TensorSpec:
    return tf.TensorSpec([None] * rank, tf.int32, name)


def _like(value: tf.Tensor, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(value.shape, value.dtype, name)


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
