"""A stored file that was exchanged for a huge one costs no memory: its size is looked at first."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from checkpoints import keep
from logged import Recorder
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import model_folder
from nmt.errors import UnusableInput
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training import validations
from nmt.training.run_folder import _read_metrics
from nmt.translation.cache.keys import keys_of
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache
from nmt.translation.output import Output
from nmt.translation.verify.output import verify

HUGE = 1 << 40


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """So that whoever reads such a file fails at once, and the machine does not."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def grow(file: Path) -> None:
    """Make a file huge; as it is sparse it takes no room."""
    file.touch()
    os.truncate(file, HUGE)


@pytest.fixture(scope="module")
def sound(demo_dataset, saved_models, tmp_path_factory) -> Path:
    """A dataset, a model, and an output with what it was made of."""
    place = tmp_path_factory.mktemp("sound")
    shutil.copytree(demo_dataset.location.path, place / "data")
    shutil.copytree(saved_models[0], place / "model")
    (place / "in.txt").write_text("The dog sleeps.\nA cat.\n")
    (place / "ref.txt").write_text("Der Hund schläft.\nEine Katze.\n")
    translate(saved_models[0], place / "in.txt", place / "out")
    return place


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "copy")
    return tmp_path / "copy"


def evaluated(folder: Path) -> None:
    references = (str(folder / "ref.txt"),)
    evaluate(EvaluateRequest(Location(folder / "out"), Location(folder / "e"), references))


CASES: list[tuple[str, Callable[[Path], object]]] = [
    ("data/source.*", lambda f: Dataset.open(Location(f / "data"))),
    ("data/train/*", lambda f: Dataset.open(Location(f / "data")).row_groups("train")),
    ("data/dataset.json", lambda f: Dataset.open(Location(f / "data"))),
    ("model/model.safetensors", lambda f: model_folder.check(Location(f / "model"))),
    ("model/model.json", lambda f: model_folder.check(Location(f / "model"))),
    ("out/manifest.json", evaluated),
    ("out/report/report.json", evaluated),
    ("out/translations/*", evaluated),
    ("out/_units/*", lambda f: Output(Location(f / "out")).records()),
]


@pytest.mark.parametrize(("name", "read"), CASES, ids=[name for name, _ in CASES])
def test_a_huge_file_is_one_line(copy: Path, name: str, read: Callable[[Path], object]) -> None:
    file = next(copy.glob(name))
    grow(file)
    with pytest.raises(UnusableInput, match=r"bytes, (not the|more than the)") as caught:
        read(copy)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_huge_part_is_a_violation(copy: Path) -> None:
    grow(next((copy / "out/translations").iterdir()))
    (line, *_) = verify(Location(copy / "out")).violations
    assert f"has {HUGE:,} bytes, not the" in line


def test_a_huge_heatmap_or_file_of_words_is_left_out(copy: Path, capsys) -> None:
    folder = copy / "out/report/heatmaps"
    first, *others = sorted(folder.glob("*.png"))
    grow(first)
    evaluated(copy)
    page = (copy / "e/index.html").read_text()
    assert page.count("<img") == len(others)
    assert f"{first}: has {HUGE:,} bytes, not the" in capsys.readouterr().err
    words = next(folder.glob("*.json"))
    grow(words)
    assert Output(Location(copy / "out")).drawings.attention() == {}
    assert f"{words}: {HUGE:,} bytes, more than" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["state.safetensors", "checkpoint.json"])
def test_a_huge_checkpoint_is_passed_over(tmp_path: Path, name: str) -> None:
    log = Recorder()
    store = keep(tmp_path / "run", 5, 6)
    grow(tmp_path / "run/checkpoint_0000006" / name)
    (tmp_path / "fetched").mkdir()
    assert store.fetch_newest(tmp_path / "fetched") == "checkpoint_0000005"
    assert f"{HUGE:,} bytes" in log.messages[0]


@pytest.mark.parametrize(
    ("name", "read"), [("validations.tsv", validations.read), ("metrics.jsonl", _read_metrics)]
)
def test_huge_lines_of_a_run_are_refused(tmp_path: Path, name: str, read) -> None:
    grow(tmp_path / name)
    with pytest.raises(UnusableInput, match=f"{name}: {HUGE:,} bytes, more than"):
        read(Location(tmp_path))


def test_a_huge_file_of_a_memory_is_set_aside(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path))
    (file,) = cache.add("a", stamped(pa.table({"key": keys_of(["x"])}), cache.day))
    grow(Path(file.path))
    columns = Columns(pa.schema([("translation", pa.string())]))
    assert cache.find(keys_of(["x"]), columns, "run")[0].num_rows == 0
    assert [aside.name for aside in cache.damaged()] == [f"{file.name}.damaged"]
    assert Path(cache.damaged()[0].path).stat().st_size == HUGE
