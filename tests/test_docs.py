"""The documentation says what is measured, names what exists, and shows commands that parse."""

import difflib
import json
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from nmt.cli.application import application
from nmt.configuration import resolve
from nmt.evaluation.columns import COLUMNS
from nmt.inference.source_flags import SOURCE_FLAGS
from nmt.options import Option, declared_fields
from nmt.reject_reasons import RejectReason
from nmt.settings import ModelSettings, Settings, TrainingSettings, check_sizes
from nmt.training.request import TrainRequest
from nmt.translation.request import TranslateRequest
from nmt.version import __version__
from nmt.yaml_text import parse_yaml

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
README = (ROOT / "README.md").read_text("utf-8")
RESULTS = json.loads((ROOT / "docs/results.json").read_text("utf-8"))
GENERATED = runpy.run_path(str(ROOT / "docs/generated.py"))
PARTS = GENERATED["PARTS"]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def anchors(text: str) -> set[str]:
    """The headings as links on GitHub and in Sphinx name them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_fits_on_three_screens() -> None:
    assert len(README.splitlines()) <= 150


def test_tables_are_those_of_the_results() -> None:
    tables = runpy.run_path(str(ROOT / "benchmarks/results_table.py"))["TABLES"]
    for name, place in (
        *((name, page("results/scores.md")) for name in ("scores", "signatures", "commands")),
        *((name, page("results/speed.md")) for name in ("speed", "timed")),
        ("summary", README),
    ):
        assert tables[name](RESULTS) in place, name


def test_every_result_says_how_it_was_measured() -> None:
    keys = {"name", "metric", "value", "signature", "seeds", "spread", "command", "minutes"}
    for result in RESULTS:
        assert keys | {"cores", "parameters"} <= set(result), result["name"]
        assert result["command"].startswith(("make ", "nmt ", "python benchmarks/"))
        if "ours" in result:
            assert result["value"] == pytest.approx(result["ours"] / result["theirs"], rel=0.01)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_named_files_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        if "://" not in target:
            other = path.parent / target if target else path
            assert other.exists(), target
            if anchor and other.suffix == ".md":
                assert anchor in anchors(other.read_text("utf-8")), (target, anchor)
    if path.name != "CHANGELOG.md":
        for name in re.findall(r"`((?:nmt|tests|benchmarks|deploy|docs|jobs)/[\w./-]+)`", text):
            assert (ROOT / name).exists(), name


def test_comments_name_pages_that_exist() -> None:
    rooms = ("nmt", "benchmarks", "deploy", "tests")
    files = [file for room in rooms for file in (ROOT / room).rglob("*") if file.is_file()]
    for file in [*files, ROOT / "cluster.yaml", ROOT / "Makefile"]:
        if file.suffix in (".py", ".yaml", ".sh", "") and "kuberay_v" not in file.name:
            for name in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text("utf-8")):
                assert (ROOT / name).is_file(), (file, name)


def test_every_function_of_the_book_has_its_place() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", page("explanation/book.md"), re.MULTILINE)
    functions = " ".join(left for left, _ in rows)
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
        assert f"`{name}`" in functions, name
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "nmt").rglob("*.py"))
    for _, right in rows:
        for name in re.findall(r"`(?:\w+\.)?(\w+)`", right):
            if name not in ("book", "none"):
                assert re.search(rf"(def|class) {name}\b", code), name


def test_the_settings_of_the_docs_are_settings() -> None:
    """And their sizes fit."""
    blocks = [
        block
        for path in DOCS
        if path.name != "cluster.md"  # whose YAML is Kubernetes'; tests/deploy reads it
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    ]
    files = [file.read_text("utf-8") for file in (ROOT / "benchmarks").glob("*.yaml")]
    assert blocks
    assert files
    for text in [*blocks, *files]:
        config = parse_yaml(text)
        preset = config.get("train", {}).get("preset")
        check_sizes(resolve(preset=preset, config=config).model)


def test_the_model_page_tells_of_every_option() -> None:
    rates = [name for name in TrainingSettings.model_fields if name.startswith("dropout")]
    for name in [*ModelSettings.model_fields, *rates]:
        # As code, or as a key of the YAML: words such as "attention" are there in any case.
        pattern = rf"`(\w+\.)?{name}\b|^ *{name}:"
        assert re.search(pattern, page("explanation/model.md"), re.MULTILINE), name


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `nmt` or `python jobs/….py` command in the bash blocks of a page."""
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.search(r"(?:\bnmt|python jobs/)\s*([a-z]+)(?:\.py)?((?: .*)?)$", line)
            if match and "/" not in line[: match.start()].rpartition(" ")[2]:
                yield [match[1], *shlex.split(match[2], comments=True)]


def test_every_option_in_a_command_exists() -> None:
    known = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    seen = 0
    for path in PAGES:
        for name, *words in commands(path.read_text("utf-8")):
            if name not in known:
                continue
            command: Any = known[name]
            if name == "cache":
                command, words = command.commands[words[0]], words[1:]
            options = {o for p in command.params for o in [*p.opts, *p.secondary_opts]}
            for word in words:
                if word.startswith("--"):
                    seen += 1
                    assert word in options, (path.name, name, word)
    assert seen > 50


def test_the_reference_is_complete() -> None:
    pages = "\n".join(path.read_text("utf-8") for path in DOCS)
    parts = re.findall(r"<!-- generated: (\w+) -->\n.*?\n<!-- end: \1 -->", pages, re.DOTALL)
    assert sorted(parts) == sorted(PARTS)
    text = {name: part() for name, part in PARTS.items()}
    for request in (TrainRequest, TranslateRequest):
        for field in declared_fields(request):
            if isinstance(field.declaration, Option):
                name = field.declaration.name or f"--{field.name.replace('_', '-')}"
                assert f"`{name.partition('/')[0]}`" in text["commands"]
    for group, values in Settings().model_dump().items():
        for key in values:
            assert f"| `{group}.{key}` |" in text["settings"]
    for reason in RejectReason:
        assert f"| `{reason}` |" in text["reject_reasons"]
    assert "## `OUT/manifest.json`: Manifest" in text["stored"]
    for name in [*COLUMNS, *SOURCE_FLAGS]:
        assert f"`{name}`" in page("reference/columns.md"), name
    for part in text.values():
        for table in re.findall(r"(?:^\|.*\n?)+", part, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(widths) == 1, table[:200]


def test_the_reference_is_what_the_code_says() -> None:
    for path, text in GENERATED["pages"]().items():
        stored, current = path.read_text("utf-8").splitlines(), text.splitlines()
        difference = "\n".join(difflib.unified_diff(stored, current, path.name, "code", n=0))
        assert not difference, f"run make reference, and commit the pages:\n{difference}"


def test_one_version_stands_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {__version__}\n" in citation
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    commands = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in commands
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
