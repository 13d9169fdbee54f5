"""What the exported graphs are made of."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from nmt.runtime.quantize import quantize


def load(exported: Path, name: str) -> onnx.GraphProto:
    (file,) = exported.glob(f"{name}-*.onnx")
    return onnx.load(file).graph


def test_the_encoder_is_an_operator_and_no_loop(exported) -> None:
    for name in ("encode", "encode_int8"):
        operations = [node.op_type for node in load(exported, name).node]
        assert operations.count("GRU") == 1
        assert "Loop" not in operations


def test_target_words_are_looked_up_in_integers(exported) -> None:
    def lookups(name: str) -> list[int]:
        graph = load(exported, name)
        types = {one.name: one.data_type for one in graph.initializer if len(one.dims) == 2}
        inputs = [node.input[0] for node in graph.node if node.op_type == "Gather"]
        return [types[one] for one in inputs if one in types]

    assert lookups("decode") == [TensorProto.FLOAT]
    assert lookups("decode_int8") == [TensorProto.UINT8]


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
