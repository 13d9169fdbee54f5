"""Products of an ONNX graph in integers of 8 bits.

A product is quantised where its left side is bounded whatever the sentence is, as states and
readouts are by their tanh. Its scale is then a constant, so a row's result depends on nothing but
the row. Weights have a scale per column and 7 bits: sums of two products of 8 bits saturate in the
16 bits of AVX2's instruction. Sums of integers are exact on every processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

_LEVELS = 63  # of a weight, on each side of 0
_STEPS = 127  # of a state
_MICROSOFT = "com.microsoft"
_SAME = {"Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze"}
_SAME |= {"Transpose", "Unsqueeze"}


def quantize(graph: bytes, bounds: Mapping[str, float]) -> bytes:
    """A graph whose products of bounded values with constants are in integers.

    Args:
        graph: in float32.
        bounds: the largest absolute values of some of its inputs.
    """
    model = onnx.load_from_string(graph)
    weights = {one.name: one for one in model.graph.initializer}
    known = _Bounds(model.graph, bounds)
    biases = _biases(model.graph)
    nodes: list[NodeProto] = []
    inputs: set[str] = set()  # that are quantised already
    added: list[NodeProto] = []  # with the bias, in the product itself
    for node in model.graph.node:
        if node in added:
            continue
        left, right = (node.input[0], node.input[1]) if len(node.input) > 1 else ("", "")
        bound = known.of(left) if right in weights else None
        matrix = bound and node.op_type == "MatMul" and len(weights[right].dims) == 2
        if not matrix or bound is None:
            nodes.append(node)
            continue
        if left not in inputs:
            inputs.add(left)
            _add(model, f"{left}_scale", np.array(bound / _STEPS, np.float32))
            names = [left, f"{left}_scale", "zero_point"]
            nodes.append(helper.make_node("QuantizeLinear", names, [f"{left}_quantized"]))
        if f"{right}_quantized" not in weights:
            values, scale = _columns(numpy_helper.to_array(weights[right]))
            _add(model, f"{right}_quantized", values)
            _add(model, f"{right}_scale", scale)
            _add(model, f"{right}_zero", np.zeros(len(scale), np.int8))
            weights[f"{right}_quantized"] = weights[right]
        names = [f"{left}_quantized", f"{right}_quantized", f"{left}_scale", f"{right}_scale"]
        names += ["zero_point", f"{right}_zero"]
        result = node.output[0]
        if result in biases:
            add, bias = biases[result]
            added.append(add)
            names, result = [*names, bias], add.output[0]
        nodes.append(
            helper.make_node("MatMulIntegerToFloat", names, [result], node.name, domain=_MICROSOFT)
        )
    _add(model, "zero_point", np.array(128, np.uint8))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
    return model.SerializeToString()


def _biases(graph: onnx.GraphProto) -> dict[str, tuple[NodeProto, str]]:
    """The additions of a vector that are all that is done with a tensor, by its name."""
    vectors = {one.name for one in graph.initializer if len(one.dims) == 1}
    vectors |= {one.name for one in graph.input if len(one.type.tensor_type.shape.dim) == 1}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(value.name for value in graph.output)
    return {
        values: (node, bias)
        for node in graph.node
        if node.op_type == "Add"
        for values, bias in (node.input, node.input[::-1])
        if bias in vectors and readers[values] == 1
    }


def _columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix in integers, int8, and the scale of each column."""
    scale = np.abs(matrix).max(0) / _LEVELS
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    return np.rint(matrix / scale).astype(np.int8), scale


def _add(model: onnx.ModelProto, name: str, values: np.ndarray) -> None:
    model.graph.initializer.append(numpy_helper.from_array(values, name))


class _Bounds:
    """The largest absolute values of the tensors of a graph, where they can be told.

    Args:
        graph: whose nodes follow those that they read.
        inputs: bounds of inputs.
    """

    def __init__(self, graph: onnx.GraphProto, inputs: Mapping[str, float]) -> None:
        self._bounds: dict[str, float | None] = dict(inputs)
        self._nodes = {name: node for node in graph.node for name in node.output}
        for node in graph.node:
            bound = self._bound(node)
            self._bounds |= dict.fromkeys(node.output, bound)

    def of(self, name: str) -> float | None:
        """The bound of a tensor; None if nothing is known."""
        return self._bounds.get(name)

    def _bound(self, node: NodeProto) -> float | None:
        if node.op_type in ("Tanh", "Sigmoid", "Softmax", "GRU"):
            return 1.0
        if node.op_type in _SAME:
            values = node.input if node.op_type == "Concat" else node.input[:1]
            bounds = [self.of(name) for name in values]
            return None if None in bounds else max(bound for bound in bounds if bound is not None)
        if node.op_type in ("Add", "Sum"):
            if (mixed := self._interpolation(node)) is not None:
                return mixed
            bounds = [self.of(name) for name in node.input]
            return None if None in bounds else sum(bound for bound in bounds if bound is not None)
        return None

    def _interpolation(self, node: NodeProto) -> float | None:
        """The bound of ``a + z · (b - a)`` with a sigmoid z, as a GRU's state is."""
        for a, product in (node.input[:2], node.input[1::-1]):
            if (multiply := self._made_by(product, "Mul")) is None:
                continue
            for z, difference in (multiply.input[:2], multiply.input[1::-1]):
                subtract = self._made_by(difference, "Sub")
                if subtract is None or subtract.input[1] != a or not self._is_sigmoid(z):
                    continue
                bounds = self.of(a), self.of(subtract.input[0])
                if bounds[0] is not None and bounds[1] is not None:
                    return max(bounds[0], bounds[1])
        return None

    def _made_by(self, name: str, kind: str) -> NodeProto | None:
        node = self._nodes.get(name)
        return node if node is not None and node.op_type == kind else None

    def _is_sigmoid(self, name: str) -> bool:
        node = self._nodes.get(name)
        while node is not None and node.op_type in _SAME - {"Concat"}:
            node = self._nodes.get(node.input[0])
        return node is not None and node.op_type == "Sigmoid"
