"""The operator GRU of an ONNX graph as a loop over the positions, whose products can be quantised.

Both directions take a step together: the operator Scan hands each of them the inputs in its own
order. https://onnx.ai/onnx/operators/onnx__GRU.html, https://onnx.ai/onnx/operators/onnx__Scan.html
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, compose, numpy_helper, parser

# A step of one direction; the gates are z, r and n. Padding leaves the state as it was.
_STEP = """
    product_{way} = MatMul (state_{way}, kernel_{way})
    own_{way} = Add (product_{way}, bias_{way})
    own_zr_{way}, own_n_{way} = Split <axis = 1> (own_{way}, parts)
    input_zr_{way}, input_n_{way} = Split <axis = 1> (input_{way}, parts)
    sum_zr_{way} = Add (input_zr_{way}, own_zr_{way})
    zr_{way} = Sigmoid (sum_zr_{way})
    z_{way}, r_{way} = Split <axis = 1> (zr_{way})
    part_n_{way} = Mul (r_{way}, own_n_{way})
    sum_n_{way} = Add (input_n_{way}, part_n_{way})
    n_{way} = Tanh (sum_n_{way})
    difference_{way} = Sub (state_{way}, n_{way})
    kept_{way} = Mul (z_{way}, difference_{way})
    new_{way} = Add (n_{way}, kept_{way})
    next_{way} = Where (real_{way}, new_{way}, state_{way})
    states_{way} = Identity (next_{way})
"""
_BODY = f"""
step (
    float[batch, units] state_f, float[batch, units] state_b,
    float[batch, gates] input_f, float[batch, gates] input_b,
    bool[batch, 1] real_f, bool[batch, 1] real_b
) => (
    float[batch, units] next_f, float[batch, units] next_b,
    float[batch, units] states_f, float[batch, units] states_b
) {{
{_STEP.format(way="f")}{_STEP.format(way="b")}
}}
"""
_LOOP = """
loop (float[source, batch, dim] x, int32[batch] lengths) => (
    float[source, 2, batch, units] states, float[2, batch, units] last
) {
    product = MatMul (x, kernel)
    inputs = Add (product, bias)
    inputs_f, inputs_b = Split <axis = 2> (inputs)
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    axis_0 = Constant <value_ints = [0]> ()
    axis_1 = Constant <value_ints = [1]> ()
    end = Constant <value_ints = [-1]> ()
    shape = Shape (inputs)
    width = Gather (shape, zero)
    positions = Range (zero, width, one)
    column = Unsqueeze (positions, axis_1)
    counts = Cast <to = 7> (lengths)
    is_real = Less (column, counts)
    real = Unsqueeze (is_real, end)
    count = Shape (lengths)
    size = Concat <axis = 0> (count, units)
    first = ConstantOfShape (size)
    last_f, last_b, states_f, states_b = Scan <
        num_scan_inputs = 4, scan_input_directions = [0, 1, 0, 1], scan_output_directions = [0, 1]
    > (first, first, inputs_f, inputs_b, real, real)
    of_f = Unsqueeze (states_f, axis_1)
    of_b = Unsqueeze (states_b, axis_1)
    states = Concat <axis = 1> (of_f, of_b)
    end_f = Unsqueeze (last_f, axis_0)
    end_b = Unsqueeze (last_b, axis_0)
    last = Concat <axis = 0> (end_f, end_b)
}
"""


def as_loops(graph: bytes) -> bytes:
    """A graph with a loop in the place of each bidirectional GRU; in the padding its states are
    not zeros, but those before."""
    model = onnx.load_from_string(graph)
    own = model.graph
    weights = {one.name: numpy_helper.to_array(one) for one in own.initializer}
    nodes: list[NodeProto] = []
    for node in own.node:
        if node.op_type != "GRU":
            nodes.append(node)
            continue
        loop = _loop(node, weights)
        nodes += loop.node
        own.initializer.extend(loop.initializer)
    del own.node[:]
    own.node.extend(nodes)
    return model.SerializeToString()


def _loop(gru: NodeProto, weights: Mapping[str, np.ndarray]) -> GraphProto:
    """What makes the outputs of a GRU of its inputs."""
    inputs, *names, lengths = gru.input
    kernels, recurrent_kernels, biases = (weights[name] for name in names)
    units = recurrent_kernels.shape[2]
    loop, step = parser.parse_graph(_LOOP), parser.parse_graph(_BODY)
    _add(loop, "kernel", np.concatenate([kernel.T for kernel in kernels], 1))
    _add(loop, "bias", np.concatenate([bias[: 3 * units] for bias in biases]))
    _add(loop, "units", np.array([units]))
    _add(step, "parts", np.array([2 * units, units]))
    for way, kernel, bias in zip("fb", recurrent_kernels, biases, strict=True):
        _add(step, f"kernel_{way}", np.ascontiguousarray(kernel.T))
        _add(step, f"bias_{way}", bias[3 * units :])
    (scan,) = (node for node in loop.node if node.op_type == "Scan")
    scan.attribute.append(onnx.helper.make_attribute("body", step))
    compose.add_prefix_graph(loop, f"{gru.name}/", inplace=True)
    ends = dict(
        zip((f"{gru.name}/{name}" for name in ("x", "lengths")), (inputs, lengths), strict=True)
    )
    ends |= dict(
        zip((f"{gru.name}/{name}" for name in ("states", "last")), gru.output, strict=True)
    )
    for node in loop.node:
        for own in (node.input, node.output):
            own[:] = [ends.get(name, name) for name in own]
    return loop


def _add(graph: GraphProto, name: str, values: np.ndarray) -> None:
    graph.initializer.append(numpy_helper.from_array(values, name))
