"""Products of an ONNX graph in integers of 8 bits.

A product is quantised where its left side is bounded whatever the sentence is, as states and
readouts are by their tanh, and embeddings by the largest one. Its scale is then a constant, so a
row's result depends on nothing but the row. Weights have a scale per column and 7 bits: sums of two
products of 8 bits saturate in the 16 bits of AVX2's instruction. Sums of integers are exact on
every processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, helper, numpy_helper

_LEVELS = 63  # of a weight, on each side of 0
_STEPS = 127  # of a state
_ZERO = 128  # what stands for 0 of a state
_QUANTIZED = "_quantized"
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
    _quantize(model.graph, bounds)
    model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
    return model.SerializeToString()


def _quantize(own: GraphProto, bounds: Mapping[str, float]) -> None:
    """See `quantize`; so are the steps of loops whose states are bounded."""
    weights = {one.name: numpy_helper.to_array(one) for one in own.initializer}
    known, biases = _Bounds(own, bounds, weights), _biases(own)
    nodes: list[NodeProto] = []
    done: set[str] = set()  # what is quantised, and what is computed together with a product
    zero_point = f"{own.name}_zero_point"
    for node in own.node:
        if (states := known.states(node)) is not None:
            _quantize(_body(node), states)
        left, right = (node.input[0], node.input[1]) if len(node.input) > 1 else ("", "")
        bound = known.of(left) if node.op_type == "MatMul" and right in weights else None
        if not bound or weights[right].ndim != 2:
            nodes += [] if done.issuperset(node.output) else [node]
            continue
        if left + _QUANTIZED not in done:
            done.add(left + _QUANTIZED)
            nodes += _quantized(own, known, weights, left, zero_point)
        if right + _QUANTIZED not in done:
            done.add(right + _QUANTIZED)
            values, scale = _columns(weights[right])
            _add(own, right + _QUANTIZED, values)
            _add(own, f"{right}_scale", scale)
            _add(own, f"{right}_zero", np.zeros(len(scale), np.int8))
        names = [left + _QUANTIZED, right + _QUANTIZED, f"{left}_scale", f"{right}_scale"]
        names += [zero_point, f"{right}_zero"]
        result = node.output[0]
        total, bias = biases.get(result, ("", ""))
        if total and (bias not in weights or weights[bias].shape == weights[right].shape[1:]):
            names.append(bias)
            done.add(total)
            result = total
        nodes.append(
            helper.make_node("MatMulIntegerToFloat", names, [result], node.name, domain=_MICROSOFT)
        )
    _add(own, zero_point, np.array(_ZERO, np.uint8))
    _replace(own, nodes)


def _body(loop: NodeProto) -> GraphProto:
    """The step of a Scan."""
    return next(attribute.g for attribute in loop.attribute if attribute.name == "body")


def _quantized(
    graph: GraphProto,
    known: _Bounds,
    weights: Mapping[str, np.ndarray],
    name: str,
    zero_point: str,
) -> Iterator[NodeProto]:
    """What makes bounded values integers; rows of a constant table are so in the table itself."""
    bound = known.of(name)
    assert bound is not None
    scale = np.array(bound / _STEPS, np.float32)
    _add(graph, f"{name}_scale", scale)
    values, turned = name, known.made_by(name, "Transpose")
    if turned is not None:
        values = turned.input[0]
    factor, lookup = np.ones((), np.float32), known.made_by(values, "Gather")
    if (scaled := known.made_by(values, "Mul")) is not None and scaled.input[1] in weights:
        factor, lookup = weights[scaled.input[1]], known.made_by(scaled.input[0], "Gather")
    if lookup is None or lookup.input[0] not in weights or factor.ndim:
        names = [name, f"{name}_scale", zero_point]
        yield helper.make_node("QuantizeLinear", names, [name + _QUANTIZED])
        return
    table = np.rint(weights[lookup.input[0]] * factor / scale) + _ZERO
    _add(graph, f"{name}_table", table.astype(np.uint8))
    rows = f"{name}_rows" if turned is not None else name + _QUANTIZED
    yield _copied(lookup, f"{name}_table", rows)
    if turned is not None:
        yield _copied(turned, rows, name + _QUANTIZED)


def _copied(node: NodeProto, first: str, result: str) -> NodeProto:
    """The same operation with another first input and result."""
    own = NodeProto()
    own.CopyFrom(node)
    own.ClearField("name")
    own.input[0], own.output[0] = first, result
    return own


def _replace(graph: GraphProto, nodes: Sequence[NodeProto]) -> None:
    """Give a graph these nodes, without those and the constants that nothing reads."""
    read = {value.name for value in graph.output}
    kept = []
    for node in reversed(nodes):
        if not read.isdisjoint(node.output):
            read.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [one for one in graph.initializer if one.name in read]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _biases(graph: GraphProto) -> dict[str, tuple[str, str]]:
    """The tensors that are read by the addition of a vector alone, with the sum and the vector."""
    vectors = {one.name for one in graph.initializer if len(one.dims) == 1}
    vectors |= {one.name for one in graph.input if len(one.type.tensor_type.shape.dim) == 1}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(value.name for value in graph.output)
    return {
        values: (node.output[0], bias)
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


def _add(graph: GraphProto, name: str, values: np.ndarray) -> None:
    graph.initializer.append(numpy_helper.from_array(values, name))


class _Bounds:
    """The largest absolute values of the tensors of a graph, where they can be told.

    Args:
        graph: whose nodes follow those that they read.
        inputs: bounds of inputs.
        constants: by their names.
    """

    def __init__(
        self,
        graph: GraphProto,
        inputs: Mapping[str, float],
        constants: Mapping[str, np.ndarray],
    ) -> None:
        self._bounds: dict[str, float | None] = dict(inputs)
        for name, values in constants.items():
            if values.dtype == np.float32:
                self._bounds[name] = float(np.abs(values).max(initial=0))
        self._nodes = {name: node for node in graph.node for name in node.output}
        for node in graph.node:
            bound = self._bound(node)
            self._bounds |= dict.fromkeys(node.output, bound)

    def of(self, name: str) -> float | None:
        """The bound of a tensor; None if nothing is known."""
        return self._bounds.get(name)

    def states(self, node: NodeProto) -> dict[str, float] | None:
        """Bounds of what a step of a loop takes, if its states stay within 1, as those of a GRU
        do; they begin at 0."""
        if node.op_type != "Scan":
            return None
        step = _body(node)
        constants = {one.name: numpy_helper.to_array(one) for one in step.initializer}
        (inputs,) = (one.i for one in node.attribute if one.name == "num_scan_inputs")
        count = len(node.input) - inputs
        begin = [self.made_by(name, "ConstantOfShape") for name in node.input[:count]]
        states = {one.name: 1.0 for one in step.input[:count]}
        bounds = _Bounds(step, states, constants)
        made = [bounds.of(one.name) for one in step.output]
        if None in begin or None in made or max(one for one in made if one is not None) > 1:
            return None
        return states

    def _bound(self, node: NodeProto) -> float | None:
        if node.op_type == "Scan":
            return 1.0 if self.states(node) else None
        if node.op_type == "Where":
            bounds = [self.of(name) for name in node.input[1:]]
            return None if None in bounds else max(bound for bound in bounds if bound is not None)
        if node.op_type in ("Tanh", "Sigmoid", "Softmax", "GRU"):
            return 1.0
        if node.op_type in _SAME:
            values = node.input if node.op_type == "Concat" else node.input[:1]
            bounds = [self.of(name) for name in values]
            return None if None in bounds else max(bound for bound in bounds if bound is not None)
        if node.op_type == "Mul":
            a, b = map(self.of, node.input)
            return None if a is None or b is None else a * b
        if node.op_type in ("Add", "Sum"):
            if (mixed := self._interpolation(node)) is not None:
                return mixed
            bounds = [self.of(name) for name in node.input]
            return None if None in bounds else sum(bound for bound in bounds if bound is not None)
        return None

    def _interpolation(self, node: NodeProto) -> float | None:
        """The bound of ``a + z · (b - a)`` with a sigmoid z, as a GRU's state is."""
        for a, product in (node.input[:2], node.input[1::-1]):
            if (multiply := self.made_by(product, "Mul")) is None:
                continue
            for z, difference in (multiply.input[:2], multiply.input[1::-1]):
                subtract = self.made_by(difference, "Sub")
                if subtract is None or subtract.input[1] != a or not self._is_sigmoid(z):
                    continue
                bounds = self.of(a), self.of(subtract.input[0])
                if bounds[0] is not None and bounds[1] is not None:
                    return max(bounds[0], bounds[1])
        return None

    def made_by(self, name: str, kind: str) -> NodeProto | None:
        """The node that makes a tensor, if it is of this kind."""
        node = self._nodes.get(name)
        return node if node is not None and node.op_type == kind else None

    def _is_sigmoid(self, name: str) -> bool:
        node = self._nodes.get(name)
        while node is not None and node.op_type in _SAME - {"Concat"}:
            node = self._nodes.get(node.input[0])
        return node is not None and node.op_type == "Sigmoid"
