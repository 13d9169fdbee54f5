"""What the exported graphs are made of."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from nmt.runtime.quantize import quantize
from nmt.runtime.recurrence import as_loops


def load(exported: Path, name: str) -> onnx.GraphProto:
    (file,) = exported.glob(f"{name}-*.onnx")
    return onnx.load(file).graph


def test_the_encoder_is_an_operator_and_in_integers_one_loop_of_both_directions(exported) -> None:
    operations = [node.op_type for node in load(exported, "encode").node]
    assert operations.count("GRU") == 1
    assert not {"Loop", "Scan"} & {*operations}
    nodes = load(exported, "encode_int8").node
    assert not {"Loop", "GRU", "MatMul"} & {node.op_type for node in nodes}
    (loop,) = (node for node in nodes if node.op_type == "Scan")
    (step,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    products = [node.op_type for node in step.node if "MatMul" in node.op_type]
    assert products == ["MatMulIntegerToFloat"] * 2


LENGTHS = np.array([5, 1, 3, 7], np.int32)


def bidirectional(source: int, dim: int, units: int) -> onnx.ModelProto:
    """The operator GRU from x, (source, batch, dim), to its states and the last ones."""
    random = np.random.default_rng(2)
    shapes = {"w": (2, 3 * units, dim), "r": (2, 3 * units, units), "b": (2, 6 * units)}
    own = [
        numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    options = {"direction": "bidirectional", "hidden_size": units, "linear_before_reset": 1}
    inputs, outputs = ["t", "w", "r", "b", "n"], ["states", "last"]
    nodes = [
        helper.make_node("Tanh", ["x"], ["t"]),
        helper.make_node("GRU", inputs, outputs, "gru", **options),
    ]
    types = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [source, None, dim]),
        helper.make_tensor_value_info("n", TensorProto.INT32, [None]),
        *(helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs),
    ]
    graph = helper.make_graph(nodes, "g", types[:2], types[2:], own)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_loop_computes_what_the_operator_does() -> None:
    model = bidirectional(7, 5, 6)
    x = np.random.default_rng(3).normal(size=(7, 4, 5)).astype(np.float32)
    loop = as_loops(model.SerializeToString())
    results = [
        onnxruntime.InferenceSession(graph).run(None, {"x": x, "n": LENGTHS})
        for graph in (model.SerializeToString(), loop, quantize(loop, {}))
    ]
    real = np.arange(7)[:, np.newaxis, np.newaxis, np.newaxis] < LENGTHS[:, np.newaxis]
    # Of each rounded product of 6 values the error is some hundredths, and the gates damp it.
    for (states, last), most in zip(results[1:], (1e-5, 0.1), strict=True):
        np.testing.assert_allclose(states * real, results[0][0] * real, atol=most)
        np.testing.assert_allclose(last, results[0][1], atol=most)


def test_states_without_a_bound_stay_as_they_are() -> None:
    """Sums that grow with each step, in place of a GRU's states."""
    graph = onnx.parser.parse_graph(
        """
        g (float[s, b, 3] x, float[b, 3] first) => (float[b, 3] last) {
            last = Scan <num_scan_inputs = 1, body = step (float[b, 3] state, float[b, 3] one)
                => (float[b, 3] next) { product = MatMul (state, w) next = Add (product, one) }
            > (first, x)
        }
        """
    )
    (step,) = (own.g for own in graph.node[0].attribute if own.name == "body")
    step.initializer.append(numpy_helper.from_array(np.eye(3, dtype=np.float32), "w"))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    changed = onnx.load_from_string(quantize(model.SerializeToString(), {"x": 1.0}))
    (step,) = (own.g for own in changed.graph.node[0].attribute if own.name == "body")
    assert [node.op_type for node in step.node] == ["MatMul", "Add"]


def test_words_are_looked_up_in_integers(exported) -> None:
    def lookups(name: str) -> list[int]:
        graph = load(exported, name)
        types = {one.name: one.data_type for one in graph.initializer if len(one.dims) == 2}
        inputs = [node.input[0] for node in graph.node if node.op_type == "Gather"]
        return [types[one] for one in inputs if one in types]

    for name in ("encode", "decode"):
        assert lookups(name) == [TensorProto.FLOAT]
        assert lookups(f"{name}_int8") == [TensorProto.UINT8]


def quantized(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    """A graph from x, floats of shape (rows, 4), to y, in integers."""
    types = [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in ("x", "y")]
    types[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4]))
    own = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "g", types[:1], types[1:], own)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.load_from_string(quantize(model.SerializeToString(), {}))


def test_a_product_takes_the_bias_of_its_columns_alone() -> None:
    random = np.random.default_rng(1)
    weights, x = random.normal(size=(4, 3)), random.normal(size=(5, 4)).astype(np.float32)
    nodes = [helper.make_node("Tanh", ["x"], ["s"]), helper.make_node("MatMul", ["s", "w"], ["p"])]
    nodes.append(helper.make_node("Add", ["b", "p"], ["y"]))
    for bias, kinds in (
        (random.normal(size=3), ["Tanh", "QuantizeLinear", "MatMulIntegerToFloat"]),
        (np.ones(1), ["Tanh", "QuantizeLinear", "MatMulIntegerToFloat", "Add"]),
    ):
        constants = {"w": weights.astype(np.float32), "b": bias.astype(np.float32)}
        model = quantized(nodes, **constants)
        assert [node.op_type for node in model.graph.node] == kinds
        session = onnxruntime.InferenceSession(model.SerializeToString())
        (result,) = session.run(None, {"x": x})
        np.testing.assert_allclose(result, np.tanh(x) @ weights + bias, atol=0.05)


def test_what_is_zero_whatever_the_sentence_is_stays_as_it_is() -> None:
    nodes = [helper.make_node("Tanh", ["x"], ["s"]), helper.make_node("Mul", ["s", "n"], ["z"])]
    nodes.append(helper.make_node("MatMul", ["z", "w"], ["y"]))
    constants = {"n": np.zeros((), np.float32), "w": np.ones((4, 3), np.float32)}
    model = quantized(nodes, **constants)
    assert [node.op_type for node in model.graph.node] == ["Tanh", "Mul", "MatMul"]
