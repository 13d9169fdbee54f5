"""What the loops of a training step launch on a GPU, counted in the step's graph; nothing is run.

A *launch* is an operation whose kernel writes device memory: no reshape, no view of some rows, no
reading or writing of an array's slot. A *crossing* is a tensor that a kernel wants in the other
memory, host or device, than the one it lies in; one from the device makes the host wait for all
launches before. Which kernels a GPU has, and what they keep in host memory, is from TensorFlow's
kernel registry, which its build for CPUs has, too. Both are a proxy of time, not a measurement.

    python benchmarks/launches.py    # the table of docs/results/launches.md
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple
from unittest import mock

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph, kernels, op_def_registry

from nmt.configuration import resolve
from nmt.model.seq2seq import Seq2Seq
from nmt.presets import PRESETS
from nmt.settings import ModelSettings, TrainingSettings
from nmt.training import step
from nmt.training.optimizer import SummedAdam
from nmt.training.strategy import Replicas

_HOST = {tf.int32, tf.string, tf.resource}  # where loops and functions keep tensors of these types
_CONTROL = {"While", "StatelessWhile", "If", "StatelessIf", "Placeholder", "Const"}
_CONTROL |= {"PartitionedCall", "StatefulPartitionedCall"}
_FREE = {"Identity", "IdentityN", "Reshape", "ExpandDims", "Squeeze", "Shape", "ReadVariableOp"}
_FREE |= {"StopGradient", "PreventGradient", "NoOp", "VarHandleOp"}
_BRANCHES = {"body", "cond", "then_branch", "else_branch", "f"}
_ARRAYS = "TensorList", "EmptyTensorList"  # how these operations' names begin
_ARRAY_COPIES = {"TensorListStack", "TensorListConcatV2"}


_SIZES = {"embedding_dim": 16, "encoder_units": 8, "decoder_units": 16}
_SIZES |= {"attention_units": 16, "readout_units": 16}


class Counts(NamedTuple):
    """Of one step of a loop with its condition, or of what is outside of all loops.

    Attributes:
        launches: kernels that write device memory.
        to_host, to_device: crossings.
        copies: tensors that are copied into an array, each row by a launch of its own.
    """

    launches: int
    to_host: int
    to_device: int
    copies: int

    def __add__(self, other: Any) -> Counts:
        return Counts(*map(int.__add__, self, other))


def count(graph: Any, condition: bool | None = None) -> tuple[Counts, list[Counts]]:
    """Launches and crossings.

    Args:
        graph: of a function.
        condition: whether it is that of a loop's condition; None is not of a loop or branch.

    Returns:
        Those outside of loops, and those of each loop's step, in the order of their creation.
    """
    needed = _needed(graph)
    memory = {output.ref(): place for op in needed for output, place in _outputs(op)}
    uses = [use for op in needed if op.type != "Identity" for use in _inputs(op)]
    if condition is not None:  # the host asks for conditions; others lie where their type says
        uses += [(output, "host" if condition else _home(output)) for output in graph.outputs]
    crossings = set()
    for tensor, place in uses:
        while tensor.op.type == "Identity":  # TensorFlow drops them before it runs
            tensor = tensor.op.inputs[0]
        if tensor.op.type != "Const" and memory[tensor.ref()] != place:
            crossings.add((tensor.ref(), place))
    to_host = sum(place == "host" for _, place in crossings)
    copies = sum(op.type == "TensorListFromTensor" for op in needed)
    launches = sum(map(_launches, needed))
    total, loops = Counts(launches, to_host, len(crossings) - to_host, copies), []
    for op in needed:
        inner = Counts(0, 0, 0, 0)
        for kind in _BRANCHES & set(op.node_def.attr):
            own, nested = count(_function(graph, op.get_attr(kind).name), kind == "cond")
            inner, loops = inner + own, loops + nested
        if op.type in ("While", "StatelessWhile"):
            loops.append(inner)
        else:
            total += inner
    return total, loops


def _needed(graph: Any) -> list[Any]:
    """Operations that outputs or updates depend on; TensorFlow drops the others before it runs."""
    stack = [output.op for output in graph.outputs] + list(getattr(graph, "control_outputs", []))
    names = set()
    while stack:
        op = stack.pop()
        if op.name not in names:
            names.add(op.name)
            stack += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return [op for op in graph.get_operations() if op.name in names]


def _function(graph: Any, name: str) -> Any:
    while graph is not None:
        if graph._is_function(name):
            function = graph._get_function(name)
            inner = function_def_to_graph.function_def_to_graph(function.cached_definition)
            inner.outer_graph = graph
            return inner
        graph = graph.outer_graph
    raise KeyError(name)


@cache
def _registered(kind: str) -> list[Any]:
    return list(kernels.get_registered_kernels_for_op(kind).kernel)


def _kernel(op: Any) -> Any:
    """The GPU's kernel for an operation and its types; None where only the CPU has one."""

    def fits(kernel: Any) -> bool:
        for constraint in kernel.constraint:
            types = op.node_def.attr[constraint.name]
            values = list(types.list.type) or [types.type]
            if not set(values) <= set(constraint.allowed_values.list.type):
                return False
        return True

    fitting = [k for k in _registered(op.type) if k.device_type in ("GPU", "DEFAULT") and fits(k)]
    return max(fitting, key=lambda kernel: kernel.priority, default=None)


def _home(tensor: Any) -> str:
    return "host" if tensor.dtype in _HOST else "device"


def _placed(op: Any, tensors: Any, outputs: bool) -> list[tuple[Any, str]]:
    """The inputs or outputs of an operation, with the memory that its kernel wants."""
    if op.type in _CONTROL:
        return [(tensor, _home(tensor)) for tensor in tensors]
    kernel = _kernel(op)
    if kernel is None:
        return [(tensor, "host") for tensor in tensors]
    definition = op_def_registry.get(op.type)
    names = []
    for argument in definition.output_arg if outputs else definition.input_arg:
        attributes = op.node_def.attr
        if argument.number_attr:
            times = attributes[argument.number_attr].i
        elif argument.type_list_attr:
            times = len(attributes[argument.type_list_attr].list.type)
        else:
            times = 1
        names += [argument.name] * times
    on_host = set(kernel.host_memory_arg)
    places = ["host" if name in on_host else "device" for name in names]
    return list(zip(tensors, places, strict=True))


def _inputs(op: Any) -> list[tuple[Any, str]]:
    return _placed(op, op.inputs, outputs=False)


def _outputs(op: Any) -> list[tuple[Any, str]]:
    return _placed(op, op.outputs, outputs=True)


def _launches(op: Any) -> bool:
    if op.type in _CONTROL | _FREE or _is_view(op):
        return False
    if op.type.startswith(_ARRAYS) and op.type not in _ARRAY_COPIES:
        return False
    if _kernel(op) is None:
        return False
    updates = not op.outputs and any(tensor.dtype == tf.resource for tensor in op.inputs)
    return updates or any(place == "device" for _, place in _outputs(op))


def _is_view(op: Any) -> bool:
    """Whether an operation takes some rows of a tensor, which TensorFlow does not copy."""
    return op.type == "StridedSlice" and op.inputs[1].shape == [1]


def training_graph(model: ModelSettings, training: TrainingSettings) -> Any:
    """The graph of a training step on one GPU, for batches of any shape.

    The model is small; its sizes change no operation.
    """
    model, graphs = model.model_copy(update=_SIZES), []

    def compiled(function: Any, replicas: Replicas, signature: Any) -> None:
        traced = tf.function(function, input_signature=signature)
        graphs.append(traced.get_concrete_function().graph)

    with (
        mock.patch("keras.src.backend.tensorflow.rnn._is_gpu_available", return_value=True),
        mock.patch.object(tf.config, "list_logical_devices", return_value=["GPU"]),
        mock.patch.object(step, "_compile", compiled),
    ):
        dtype = step.dtype_policy(training.precision)
        network = Seq2Seq(model, 32, 32, training.dropout_rates, dtype)
        optimizer = SummedAdam.of(training)
        optimizer.build(network.trainable_variables)
        step.make_train_step(
            network, optimizer, Replicas(), 1.0, training.label_smoothing, training.accumulate
        )
    return graphs[0]


def row(name: str, rest: Counts, loops: list[Counts]) -> str:
    """The row of a preset in the Markdown table."""
    middle = len(loops) // 2  # forwards, encoder first; then backwards, encoder last
    decoder, encoder = loops[middle - 1 : middle + 1], loops[: middle - 1] + loops[middle + 1 :]
    parts = [" + ".join(str(loop.launches) for loop in part) for part in (decoder, encoder)]
    crossings = sum(loop.to_host + loop.to_device for loop in loops)
    copies = f" (and {rest.copies} per position)" if rest.copies else ""
    cells = [f"`{name}`", parts[0], parts[1] or "cuDNN", f"{rest.launches}{copies}", str(crossings)]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The Markdown table of all presets."""
    lines = [
        "| preset | decoder, per target position | encoder, per source position | elsewhere, per "
        "batch | crossings per position |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in PRESETS:
        settings = resolve(preset=name)
        lines.append(row(name, *count(training_graph(settings.model, settings.training))))
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
