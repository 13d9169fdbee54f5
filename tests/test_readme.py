"""The README says what is measured, and points at what exists."""

import json
import re
import runpy
from pathlib import Path

import pytest

from nmt.configuration import resolve
from nmt.settings import ModelSettings, TrainingSettings, check_sizes
from nmt.yaml_text import parse_yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
RESULTS = json.loads((ROOT / "docs/results.json").read_text("utf-8"))


def test_tables_are_those_of_the_results() -> None:
    tables = runpy.run_path(str(ROOT / "docs/results_table.py"))
    assert tables["table"](RESULTS) in README
    assert tables["commands"](RESULTS) in README
    assert tables["speed"](RESULTS) in README


def test_every_result_says_how_it_was_measured() -> None:
    keys = {"name", "metric", "value", "signature", "seeds", "spread", "command", "minutes"}
    for result in RESULTS:
        assert keys | {"cores", "parameters"} <= set(result), result["name"]
        assert result["command"].startswith(("make ", "python jobs/", "python docs/"))
        if "ours" in result:
            assert result["value"] == pytest.approx(result["ours"] / result["theirs"], rel=0.01)


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)


def test_every_function_of_the_book_has_its_place() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
    told = " ".join(left for left, _ in rows)
    for name in (
        "fix_random_seed",
        "get_vocabulary_size_greater_than",
        "get_vectorizer",
        "get_encoder",
        "get_encoder_with_attention",
        "DecoderRNNAttentionWrapper",
        "get_final_seq2seq_model",
        "get_final_seq2seq_model_with_attention",
        "BLEUMetric",
        "compute_bleu",
        "print_sequence_length",
        "prepare_data",
        "shuffle_data",
        "evaluate_model",
        "train_model",
        "get_inference_model",
        "generate_new_translation",
        "attention_visualizer",
        "visualize_attention",
    ):
        assert f"`{name}`" in told, name
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "nmt").rglob("*.py"))
    for _, right in rows:
        for name in re.findall(r"`(?:\w+\.)?(\w+)`", right):
            if name not in ("book", "none"):
                assert re.search(rf"(def|class) {name}\b", code), name


def test_the_settings_of_the_docs_are_settings() -> None:
    """And their sizes fit."""
    page = (ROOT / "docs/model.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 1
    for text in [*blocks, *(file.read_text("utf-8") for file in (ROOT / "docs").glob("*.yaml"))]:
        config = parse_yaml(text)
        preset = config.get("train", {}).get("preset")
        check_sizes(resolve(preset=preset, config=config).model)


def test_the_model_page_tells_of_every_option() -> None:
    page = (ROOT / "docs/model.md").read_text("utf-8")
    rates = [name for name in TrainingSettings.model_fields if name.startswith("dropout")]
    for name in [*ModelSettings.model_fields, *rates]:
        # As code, or as a key of the YAML: words such as "attention" are there in any case.
        assert re.search(rf"`(\w+\.)?{name}\b|^ *{name}:", page, re.MULTILINE), name
