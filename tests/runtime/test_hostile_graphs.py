"""Graphs that somebody else made: their hash is no proof, who writes them can write that, too."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nmt
from nmt.errors import UnusableInput
from nmt.records import file_entry, read
from nmt.records.model import GraphsRecord
from nmt.runtime import graphs
from nmt.settings import SearchSettings
from nmt.storage.location import Location

WRONG = {  # an output of a graph, and what is done to it
    "words that are none": ("predict", "columns", "Add", np.array(10**6, np.int32)),
    "words below zero": ("predict", "columns", "Add", np.array(-(10**6), np.int32)),
    "hypotheses that are none": ("predict", "beams", "Add", np.array(10**6, np.int32)),
    "keys of one axis": ("encode", "keys", "Reshape", np.array([-1], np.int64)),
    "attention of one axis": ("decode", "attention", "Reshape", np.array([-1], np.int64)),
    "scores that are no numbers": ("predict", "values", "Add", np.array(np.nan, np.float32)),
    "attention that is no number": ("decode", "attention", "Add", np.array(np.nan, np.float32)),
    "scores without end": ("predict", "values", "Add", np.array(-np.inf, np.float32)),
    "scores far below": ("predict", "values", "Add", np.array(-1e20, np.float32)),
    "attention without end": ("decode", "attention", "Add", np.array(np.inf, np.float32)),
    "attention below zero": ("decode", "attention", "Mul", np.array(-5, np.float32)),
    "one score of all": ("predict", "values", "ReduceMax", None),
    "one state of nothing": ("encode", "state", "ReduceMax", None),
    "states in a sequence": ("encode", "state", "SequenceConstruct", None),
    "fractions for words": ("predict", "columns", "Cast", None),
}


def plant(exported: Path, folder: Path, name: str, data: bytes) -> Path:
    """A copy of a model with this graph in the place of its own."""
    shutil.copytree(exported, folder)
    location = Location(folder)
    record, entry = read(location / "onnx.json", GraphsRecord), file_entry(data)
    (location / f"{name}-{entry.sha256[:8]}.onnx").write_bytes(data)
    changed = {"files": {**record.files, name: entry}}
    (location / "onnx.json").write_json(record.model_copy(update=changed))
    assert graphs.exist(location, record.model_id)
    return folder


def refused(folder: Path, message: str, beam_size: int = 2) -> None:
    search = SearchSettings(beam_size=beam_size, max_length_extra=4)
    for texts in (["A cat.", "The dog sleeps."], ["A cat."]):
        with pytest.raises(UnusableInput, match=message) as raised:
            nmt.load_model(folder, search).translate(texts)
        assert "\n" not in str(raised.value)


def test_hostile_graphs_end_in_one_line_and_read_no_other_file(exported, tmp_path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "secret.bin"), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    result = helper.make_tensor_value_info("o", TensorProto.FLOAT, [2, 2])
    identity = helper.make_node("Identity", ["w"], ["o"])
    reading = helper.make_model(helper.make_graph([identity], "g", [], [result], [tensor]))
    constant = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [0.0] * 4)
    other = helper.make_model(helper.make_graph([identity], "g", [], [result], [constant]))
    for number, (data, message) in enumerate(
        (
            (b"", "fails in ONNX Runtime"),
            (b"no graph at all", "fails in ONNX Runtime"),
            (other.SerializeToString(), "fails in ONNX Runtime"),
            (reading.SerializeToString(), "names other files"),
        )
    ):
        refused(plant(exported, tmp_path / f"{number}", "decode", data), message)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_graph_that_gives_what_no_model_gives_ends_in_one_line(exported, tmp_path, wrong) -> None:
    name, output, operation, operand = WRONG[wrong]
    (file,) = exported.glob(f"{name}-*.onnx")
    model = onnx.load(file)
    graph = model.graph
    for node in graph.node:  # what made the output makes another value
        for names in (node.input, node.output):
            names[:] = ["made" if one == output else one for one in names]
    inputs = ["made"]
    if operand is not None:
        graph.initializer.append(numpy_helper.from_array(operand, "operand"))
        inputs.append("operand")
    options = {"Cast": {"to": TensorProto.FLOAT}, "ReduceMax": {"keepdims": 0}}
    graph.node.append(helper.make_node(operation, inputs, [output], **options.get(operation, {})))
    (value,) = (value for value in graph.output if value.name == output)
    value.type.tensor_type.ClearField("shape")
    if operation == "SequenceConstruct":
        other = helper.make_tensor("of_another_shape", TensorProto.FLOAT, [2, 2], [0.0] * 4)
        graph.initializer.append(other)
        graph.node[-1].input.append("of_another_shape")
        value.type.Clear()
        value.type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    if operation == "Cast":
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    folder = plant(exported, tmp_path / "model", name, model.SerializeToString())
    refused(folder, rf"{name}\.onnx of MODEL fails in ONNX Runtime .*{output}.*nmt export")
