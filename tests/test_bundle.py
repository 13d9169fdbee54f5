"""MODEL folders: complete, without code, and refused when anything in them is not as saved."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle, model_folder
from nmt.errors import UnusableInput
from nmt.json_text import format_json, hash_json
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import ModelSettings
from nmt.storage.location import Location

SOURCE = np.array([[9, 8, 7, 3], [5, 3, 0, 0]], np.int32)
TARGET = np.array([[2, 8, 9], [2, 11, 0]], np.int32)


@pytest.fixture(scope="module")
def saved(demo_bundle, tmp_path_factory) -> tuple[Path, str]:
    """A saved MODEL folder and its id."""
    folder = tmp_path_factory.mktemp("bundle") / "model"
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    description = {"direction": {"source": "en", "target": "de"}, "validation": {"bleu": 12.5}}
    return folder, bundle.save(demo_bundle.model, *vocabularies, description, Location(folder))


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    """The folder again, to be damaged."""
    return Path(shutil.copytree(saved[0], tmp_path / "copy"))


def refused(folder: Path) -> str:
    """The message with which loading and checking this folder is refused."""
    with pytest.raises(UnusableInput) as loading:
        bundle.load(Location(folder))
    with pytest.raises(UnusableInput) as checking:
        model_folder.check(Location(folder))
    assert str(loading.value) == str(checking.value)
    assert "\n" not in str(loading.value)
    assert str(folder) in str(loading.value)
    return str(loading.value)


def test_a_loaded_model_is_the_saved_one(saved, demo_bundle) -> None:
    loaded = bundle.load(Location(saved[0]))
    for found, expected in zip(
        loaded.model(SOURCE, TARGET), demo_bundle.model(SOURCE, TARGET), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert loaded.model_id == saved[1]
    assert loaded.source_vocabulary.sha256 == demo_bundle.source_vocabulary.sha256
    assert loaded.target_vocabulary.sha256 == demo_bundle.target_vocabulary.sha256
    assert loaded.info.validation == {"bleu": 12.5}
    assert loaded.info.direction.to_json() == {"source": "en", "target": "de"}
    assert loaded.info.parameters == demo_bundle.model.count_params()


def test_the_id_stands_for_the_contents(saved, demo_bundle, tiny_model, tmp_path) -> None:
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    sizes = [vocabulary.size for vocabulary in vocabularies]
    ids = [
        bundle.save(model, *vocabularies, {"note": note}, Location(tmp_path / f"{number}"))
        for number, (model, note) in enumerate(
            [(demo_bundle.model, "a"), (demo_bundle.model, "b"), (tiny_model(*sizes, seed=2), "a")]
        )
    ]
    assert len({*ids, saved[1]}) == 4
    again = bundle.save(demo_bundle.model, *vocabularies, {"note": "a"}, Location(tmp_path / "0"))
    assert bundle.load(Location(tmp_path / "0")).model_id == again


def test_there_is_no_code_in_the_folder(saved) -> None:
    names = {file.name for file in saved[0].iterdir()}
    assert names == {"model.json", "model.safetensors", "source.spm", "target.spm"}
    json.loads((saved[0] / "model.json").read_text())


@pytest.mark.parametrize("name", ["model.safetensors", "source.spm", "target.spm"])
def test_a_changed_or_missing_file_is_refused(copy, name) -> None:
    file = copy / name
    data = file.read_bytes()
    for position in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 1
        file.write_bytes(changed)
        assert f"{file}: is not the file that was written" in refused(copy)
    file.write_bytes(data[:-1])
    assert f"{file}: has {len(data) - 1:,} bytes, not" in refused(copy)
    file.unlink()
    assert f"{file}: missing" in refused(copy)


def test_any_changed_byte_of_the_description_is_refused(copy) -> None:
    file = copy / "model.json"
    data = file.read_bytes()
    for position, byte in enumerate(data):
        changed = bytearray(data)
        # Another blank for a blank still gives the same JSON.
        changed[position] = {10: 32, 32: 9}.get(byte, byte ^ 1)
        file.write_bytes(changed)
        with pytest.raises(UnusableInput) as caught:
            model_folder.describe(Location(copy))
        assert str(copy) in str(caught.value)
        assert "\n" not in str(caught.value)
    file.write_bytes(data)
    bundle.load(Location(copy))


def test_other_folders_are_refused(copy, tmp_path) -> None:
    assert "no model here" in refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no model here" in refused(tmp_path / "empty")
    file = copy / "model.json"
    info = json.loads(file.read_text())
    file.write_text(json.dumps({**info, "format_version": model_folder.FORMAT_VERSION + 1}))
    assert f"format version {model_folder.FORMAT_VERSION + 1}" in refused(copy)
    for text in ("", "null", "[]", "{}", '"x"', "{", "\x00"):
        file.write_text(text)
        assert f"{file}: damaged" in refused(copy)
    file.unlink()
    assert "model.json is missing" in refused(copy)


def test_a_save_that_is_interrupted_leaves_no_valid_model(
    saved, demo_bundle, tiny_model, tmp_path, monkeypatch
) -> None:
    folder = Path(shutil.copytree(saved[0], tmp_path / "model"))
    written = []

    def write(location: Location, data: bytes) -> None:
        if written:
            raise OSError("disk full")
        written.append(location.name)
        Path(location.path).write_bytes(data)

    monkeypatch.setattr(Location, "write_bytes", write)
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    model = tiny_model(*(vocabulary.size for vocabulary in vocabularies), seed=2)
    with pytest.raises(OSError, match="disk full"):
        bundle.save(model, *vocabularies, {}, Location(folder))
    with pytest.raises(UnusableInput):
        bundle.load(Location(folder))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(demo_bundle, tiny_model, tmp_path, value) -> None:
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    model = tiny_model(*(vocabulary.size for vocabulary in vocabularies))
    weights = model.weights[-1].numpy()
    weights.flat[-1] = value
    model.weights[-1].assign(weights)
    bundle.save(model, *vocabularies, {}, Location(tmp_path))
    with pytest.raises(UnusableInput, match=r"model\.safetensors: its .* holds NaN or inf.*; copy"):
        bundle.load(Location(tmp_path))


@pytest.mark.parametrize("layers", ["encoder_layers", "decoder_layers"])
def test_layers_of_one_unit_are_not_built(copy, layers, monkeypatch) -> None:
    monkeypatch.setattr(Seq2Seq, "__init__", lambda *_: pytest.fail("is built"))
    info = json.loads((copy / "model.json").read_text())
    info["architecture"] |= {layers: 65, "encoder_units": 1, "decoder_units": 2}
    (copy / "model.json").write_text(json.dumps(info))
    rehash(copy)
    with pytest.raises(UnusableInput, match=rf"damaged: '{layers}'"):
        bundle.load(Location(copy))


@pytest.mark.parametrize("attention", ["bahdanau", "none"])
@pytest.mark.parametrize("readout", ["state", "deep"])
@pytest.mark.parametrize("large", [(), (0,), (1,), (2,), (3,), (0, 1), (0, 3), (1, 2), (1, 3)])
def test_a_model_is_built_only_if_its_weights_may_be_enough(attention, readout, large) -> None:
    """The bound is never too large, and a model of any sizes is at most a few times as large."""
    names = "embedding_dim", "encoder_units", "attention_units", "readout_units"
    sizes: dict[str, Any] = {name: 200 if n in large else 2 for n, name in enumerate(names)}
    settings = ModelSettings(
        **sizes, decoder_units=2 * sizes["encoder_units"], attention=attention, readout=readout
    )
    model, least = Seq2Seq(settings, 5, 5), bundle._least_parameters(settings, 5, 5)
    assert least <= model.count_params() < 6 * least


def test_weights_of_another_model_are_refused(copy) -> None:
    """By one line, where the hashes are right: whoever makes a MODEL also makes those."""
    file = copy / "model.safetensors"
    data = file.read_bytes()
    for change, reason in (
        (data[:-4], "a damaged safetensors file"),
        (data.replace(b"decoder/attention/W_a", b"decoder/attention/W_x"), "decoder/attention/W_a"),
        (b"\x89HDF\r\n\x1a\n" + data, "no safetensors file"),
    ):
        file.write_bytes(change)
        rehash(copy)
        with pytest.raises(UnusableInput) as caught:
            bundle.load(Location(copy))
        assert str(caught.value).startswith(f"{file}: ")
        assert reason in str(caught.value)
        assert str(caught.value).endswith("; copy the model again")
    file.unlink()
    rehash(copy)
    with pytest.raises(UnusableInput, match=r"it names no model\.safetensors"):
        bundle.load(Location(copy))


@pytest.mark.parametrize("field", ModelSettings.model_fields)
def test_an_architecture_says_all(copy, field) -> None:
    info = json.loads((copy / "model.json").read_text())
    del info["architecture"][field]
    (copy / "model.json").write_text(json.dumps(info))
    rehash(copy)
    assert f"its architecture has no '{field}'" in refused(copy)


@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
@pytest.mark.parametrize("name", ["seq2seq/output_kernel", "seq2seq/output_bias"])
def test_each_runtime_compares_the_weights_with_the_architecture(copy, runtime, name) -> None:
    file = copy / "model.safetensors"
    weights = load(file.read_bytes())
    own = weights[name]
    for other in (own[..., :-1], own[None], own.flat[0], own.astype(np.float64), own.astype(bool)):
        file.write_bytes(save({**weights, name: np.ascontiguousarray(other)}))
        rehash(copy)
        with pytest.raises(UnusableInput, match=rf"its {name} is .*, and not float32\[.*; copy"):
            bundle.load(Location(copy), runtime)


def rehash(folder: Path) -> None:
    """Have model.json tell the files that are there."""
    info = json.loads((folder / "model.json").read_text())
    for name in list(info["files"]):
        if (folder / name).exists():
            data = (folder / name).read_bytes()
            info["files"][name] = {
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        else:
            del info["files"][name]
    del info["model_id"]
    info["model_id"] = hash_json(info)
    (folder / "model.json").write_text(format_json(info))
