"""ONNX Runtime finds what TensorFlow finds, for every architecture and every kind of search."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rounding import PASS, SCORE

from nmt.errors import UnusableInput
from nmt.runtime import runtime_of
from nmt.runtime.graphs import QUANTIZED
from nmt.runtime.onnx import OnnxRuntime
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.vocabulary.base import EOS, PAD
from nmt.vocabulary.lexicon import Lexicon

STACKED = {"decoder": "conditional", "encoder_layers": 2, "decoder_layers": 2}
ARCHITECTURES = {
    "plain": {},
    "all": {**STACKED, "layer_norm": True, "input_feeding": True},
    "none": {"attention": "none", "readout": "state", "tie_embeddings": True},
}
FURTHER = {
    "tied three-way": {"tie_embeddings": "three-way", "source": 30, "target": 30},
    "bridge concat": {"bridge": "concat", "decoder_units": 24, "decoder_layers": 2},
    "bridge mean": {"bridge": "mean"},
    "conditional": {"decoder": "conditional"},
    "layer norm": {"layer_norm": True},
    "input feeding": {"input_feeding": True, "readout": "state"},
    "stacked": STACKED,
    "all without attention": {**STACKED, "layer_norm": True, "attention": "none"},
}
SEARCHES = {
    "greedy": {},
    "beam": {"beam_size": 4, "n_best": 3, "coverage_penalty": 0.2},
    "constraints": {"beam_size": 3, "min_length": 3, "no_repeat_ngram": 2},
    "sampling": {"temperature": 1.2, "top_k": 9, "top_p": 0.9},
    "shortlist": {"beam_size": 3, "shortlist": 2, "shortlist_common": 5},
}
SOURCE = np.array(
    [[9, 8, 7, 12, 13, 3, 0], [5, 3, 0, 0, 0, 0, 0], [20, 21, 22, 23, 24, 25, 3]], np.int32
)


def every_architecture() -> Iterator[Any]:
    for name, options in ARCHITECTURES.items():
        yield pytest.param(options, id=name)
    for name, options in FURTHER.items():
        yield pytest.param(options, id=name, marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=every_architecture())
def runtimes(request: Any, tiny_model: Any) -> Any:
    """The same model in TensorFlow, in ONNX Runtime, and there in int8."""
    from nmt.runtime.export import export

    model = tiny_model(seed=3, **request.param)
    bias = np.array(model.output_bias)
    bias[EOS] = 1.5  # some sentences end soon
    model.output_bias.assign(bias)
    kernel, bias = (weights.numpy() for weights in model.output_weights())
    graphs = export(model)
    quantized = graphs | {name: graphs[f"{name}_int8"] for name in QUANTIZED}
    ours = (OnnxRuntime(kind, kernel, bias, model.attends, 1) for kind in (graphs, quantized))
    return runtime_of(model), *ours


@pytest.mark.parametrize("search", SEARCHES)
def test_searches_find_what_tensorflow_finds(runtimes, search) -> None:
    values = dict(SEARCHES[search])
    if not runtimes[0].attends:
        values.pop("coverage_penalty", None)
    settings = SearchSettings(max_length_extra=6, **values)
    random, size = np.random.default_rng(2), runtimes[0].target_size
    candidates = random.integers(4, size, (30, 2)).astype(np.int32)
    candidates[PAD] = PAD
    lexicon = Lexicon(candidates, np.arange(4, size, dtype=np.int32))
    theirs, ours = (Searcher(x, settings, lexicon=lexicon).search(SOURCE) for x in runtimes[:2])
    np.testing.assert_array_equal(ours.ids, theirs.ids)
    np.testing.assert_array_equal(ours.length, theirs.length)
    np.testing.assert_allclose(ours.ranking, theirs.ranking, atol=SCORE)
    np.testing.assert_allclose(ours.attention, theirs.attention, atol=PASS)


def test_forced_decoding_gives_the_same_numbers(runtimes) -> None:
    target = np.array([[7, 8, EOS], [9, EOS, PAD], [11, 12, 13]], np.int32)
    theirs, ours, rounded = (Searcher(x, SearchSettings()).force(SOURCE, target) for x in runtimes)
    np.testing.assert_allclose(ours.log_probabilities, theirs.log_probabilities, atol=SCORE)
    np.testing.assert_allclose(ours.attention, theirs.attention, atol=PASS)
    # Integers of 7 and 8 bits: near, beside how much words differ, and not the same.
    difference = np.abs(rounded.log_probabilities - ours.log_probabilities).mean()
    assert 0 < difference < 0.1 * np.std(ours.log_probabilities)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_a_sentence_does_not_depend_on_its_batch(runtimes, search, precision) -> None:
    settings = SearchSettings(**{**SEARCHES[search], "coverage_penalty": 0.0})
    searcher = Searcher(runtimes[1 + (precision == "int8")], settings)
    together = searcher.search(SOURCE)
    for row in range(len(SOURCE)):
        alone = searcher.search(SOURCE[[row]][:, SOURCE[row] != PAD])
        length = alone.length[0]
        assert together.length[row] == length
        np.testing.assert_array_equal(together.ids[row, :length], alone.ids[0])
        np.testing.assert_allclose(together.ranking[row], alone.ranking[0], atol=SCORE)


def test_a_model_that_was_exported_is_decoded_without_tensorflow(exported, saved_models) -> None:
    import nmt

    program = (
        "import sys, nmt; t = nmt.load_model(sys.argv[1], threads=1); "
        "print(t.translate(['The dog sleeps.'])[0].text); "
        "assert not {'tensorflow', 'keras', 'ray'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported)], capture_output=True, text=True, check=True
    )
    expected = nmt.load_model(saved_models[0]).translate(["The dog sleeps."])[0].text
    assert done.stdout == f"{expected}\n"


def test_graphs_of_another_model_or_none_are_refused(exported, saved_models, tmp_path) -> None:
    import shutil

    import nmt

    wanted = SearchSettings(runtime="onnx")
    with pytest.raises(UnusableInput, match="int8 needs ONNX Runtime"):
        nmt.load_model(exported, SearchSettings(runtime="tensorflow", precision="int8"))
    with pytest.raises(UnusableInput, match="nmt export --model"):
        nmt.load_model(saved_models[0], wanted)
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    (graph,) = folder.glob("decode-*.onnx")
    graph.write_bytes(b"x" * graph.stat().st_size)
    with pytest.raises(UnusableInput, match=r"decode-.*\.onnx: .*nmt export"):
        nmt.load_model(folder)
    shutil.copy(exported / "onnx.json", saved_models[1])
    try:
        with pytest.raises(UnusableInput, match="no ONNX graphs of this model"):
            nmt.load_model(saved_models[1], wanted)
        assert nmt.load_model(saved_models[1]).translate(["A cat."])  # by TensorFlow
    finally:
        (saved_models[1] / "onnx.json").unlink()


@pytest.mark.slow
def test_only_bounded_products_are_quantised(tiny_model) -> None:
    """A readout by relu has no bound; states have one whatever the architecture."""
    import onnx

    from nmt.runtime.export import export

    counts = {}
    for activation in ("tanh", "relu"):
        settings = {"readout_activation": activation, "input_feeding": True, "decoder_layers": 2}
        graphs = export(tiny_model(**settings))
        counts[activation] = [
            [node.op_type for node in onnx.load_from_string(graphs[name]).graph.node].count(kind)
            for name, kind in (
                ("decode_int8", "MatMulIntegerToFloat"),
                ("predict_int8", "MatMulIntegerToFloat"),
                ("predict_int8", "MatMul"),
            )
        ]
    assert counts["tanh"][1:] == [1, 0]
    assert counts["relu"][1:] == [0, 1]
    assert counts["tanh"][0] >= 4


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_unit_tells_what_decoded_it(exported, tmp_path, precision) -> None:
    """Whatever the job was asked for, it takes the graphs where they are."""
    from outputs import translate

    from nmt.process import vector_instructions
    from nmt.records import read
    from nmt.records.output import Manifest, UnitRecord

    (tmp_path / "in.txt").write_text("The dog sleeps.\nA cat sees the old bird.\n")
    search = SearchSettings(max_length_extra=4, precision=precision)
    translate(exported, tmp_path / "in.txt", tmp_path / "out", search=search, heatmaps=1)
    record = read(Location(tmp_path / "out") / "_units" / "00000.json", UnitRecord)
    made_by = record.decoding.runtime, record.decoding.precision, record.decoding.instructions
    assert made_by == ("onnx", precision, vector_instructions())
    manifest = read(Location(tmp_path / "out") / "manifest.json", Manifest)
    assert manifest.settings.search.precision == precision


def test_whoever_loads_a_model_during_an_export_gets_whole_graphs(exported, tmp_path) -> None:
    import shutil

    from nmt.records import read
    from nmt.records.model import GraphsRecord
    from nmt.runtime import graphs

    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    location = Location(folder)
    model_id = read(location / "onnx.json", GraphsRecord).model_id
    first = graphs.read(location, model_id)
    half_written = folder / ".decode-01234567.onnx.0123456789abcdef.tmp"
    half_written.write_bytes(b"of an export that was killed")
    second = {name: data + b"2" for name, data in first.items()}
    every = second | {f"{name}_int8": second[name] for name in graphs.QUANTIZED}
    seen, write = [], Location.write_bytes

    def look(file: Location, data: bytes) -> None:
        write(file, data)
        seen.append(graphs.read(location, model_id))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Location, "write_bytes", look)
        graphs.write(location, model_id, every)
    assert seen[0] == first
    assert all(one in (first, second) for one in seen)
    assert graphs.read(location, model_id) == second
    assert len(list(folder.glob("*.onnx"))) == len(every)
    assert not half_written.exists()


def test_runtime_and_precision_are_those_of_the_loaded_model(exported) -> None:
    import nmt

    translator = nmt.load_model(exported)
    assert translator.translate(["A cat."], runtime="onnx", precision="float32")
    for option in ({"runtime": "tensorflow"}, {"precision": "int8"}):
        with pytest.raises(UnusableInput, match="since the model was loaded"):
            translator.translate(["A cat."], **option)
