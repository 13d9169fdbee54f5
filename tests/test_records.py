"""Whatever stands in a stored file, its reader reads it or says in one line what is wrong."""

import copy
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from checkpoints import keep
from hypothesis import given, settings
from hypothesis import strategies as st
from outputs import translate
from pydantic import ValidationError

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import model_folder, records
from nmt.ensemble_info import describe_ensemble
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation import job as evaluation
from nmt.evaluation.baseline import read_baseline
from nmt.evaluation.measures import worst
from nmt.evaluation.normalization import manifest_normalizations
from nmt.evaluation.outputs import FinishedOutput
from nmt.json_text import hash_json, json_text, parse_json
from nmt.records.output import JobRecord, JobSettings, UnitRecord
from nmt.records.report import RowAttention
from nmt.records.run import ValidationLine
from nmt.settings import SearchSettings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training import validations
from nmt.training.checkpoint import CheckpointStore
from nmt.training.state import TrainingState
from nmt.translation.cache.generations import depends_on, generations, open_generation
from nmt.translation.decoding import throughput
from nmt.translation.outcome import Outcome
from nmt.translation.output import Output
from nmt.translation.quarantine import Attempts
from nmt.translation.report import summary
from nmt.translation.report.comparison import _beside
from nmt.translation.verify.output import verify

DIGITS = "9" * 5000
TEXTS = [
    *("", "{", "nonsense", "[]", "5", "null", '"x"', "NaN", "1e999", f'{{"a": {DIGITS}}}'),
    *("[" * 100_000, '{"a":' * 100_000, "[" * 400 + "]" * 400, '{"a": "\\ud800"}', "\udcff"),
]
OTHER_JOB = JobRecord(model_id="other", settings=JobSettings(id_column=None, max_rejected=1.0))
LINKS = "sentences", "found", "gold", "shared"
SUMMED = "counts", "sums", "alignment", "decoding", "seconds"
VALUES = [None, DIGITS, -1, 10**18, 1e308, [[]], {"x": {}}]


def read_dataset(folder: Path) -> None:
    data = Dataset.open(Location(folder))
    for split in ("train", "valid", "test", "rejected"):
        assert data.rows(split) >= len(data.files(split)) - 1
    assert data.widths()
    assert data.settings


def read_model(folder: Path) -> None:
    file = folder / "model.json"
    try:  # whoever writes a model can give it its id
        info = json.loads(file.read_text())
        info["model_id"] = hash_json({k: v for k, v in info.items() if k != "model_id"})
        Location(file).write_json(info)
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    info = model_folder.check(Location(folder))
    describe_ensemble([Location(folder)] * 2, [info, info])


def read_output(folder: Path) -> None:
    output = FinishedOutput(Location(folder), "--candidate")
    assert output.rows >= 0
    assert output.aligned in (True, False)
    assert output.most_characters > 0
    assert all(len(part.rows) <= 10_000_000 for part in output.parts)
    assert manifest_normalizations(output.manifest, output.location / "manifest.json")


def read_record(folder: Path) -> None:
    units = Output(Location(folder)).records()
    summary.rates(summary.total_counts(units), units)
    summary.alignment(units)
    throughput(units)
    worst(suspect for record in units for suspect in record.suspicious)
    verify(Location(folder))


def read_job(folder: Path) -> None:
    Output(Location(folder)).check(OTHER_JOB, overwrite=True)
    verify(Location(folder))


def read_report(folder: Path) -> None:
    output, earlier = read_baseline(Location(folder), Location("/elsewhere"))
    assert _beside(earlier.rates, earlier.rates).keys() == earlier.rates.keys()
    assert evaluation._samples([], output.attention()) == []
    assert output.model.id
    assert output.normalizations()
    assert Outcome(0, "", earlier).summary()
    Outcome(0, "", earlier).headline()


def read_attention(folder: Path) -> None:
    Output(Location(folder)).drawings.attention()  # leaves a damaged one out
    for file in Location(folder / "report/heatmaps").files(".json"):
        records.read_list(file, RowAttention, 1 << 24)


def read_attempts(folder: Path) -> None:
    Attempts(Location(folder / "00000.attempts"))


def read_progress(folder: Path) -> None:
    file = Location(folder / "status.json")
    TrainingState.of(file.read_json(), file)


def read_metrics(folder: Path) -> None:
    from nmt.training.run_folder import _read_metrics

    assert all(line.step <= 10**16 for line in _read_metrics(Location(folder)))


def read_checkpoint(folder: Path) -> None:
    CheckpointStore(Location(folder), 2).fetch("checkpoint_0000005", folder / "fetched")


WHAT = depends_on("m", SearchSettings(), None, False)


def read_generation(folder: Path) -> None:
    assert open_generation(Location(folder), WHAT).files() == []
    for generation in generations(Location(folder)):
        assert generation.description.model_id[:12]
        assert generation.description.search.beam_size >= 0


@pytest.fixture(scope="module")
def sound(demo_dataset, saved_models, tmp_path_factory) -> dict[str, tuple[Path, str, Callable]]:
    """For each kind of stored file: a folder that holds it, its name there, and its reader."""
    place = tmp_path_factory.mktemp("sound")
    (place / "in.txt").write_bytes(b"The dog sleeps.\n\xff\nA cat.\n")
    translate(saved_models[0], place / "in.txt", place / "out", alignments=True, max_rejected=1.0)
    out = place / "out"
    run = place / "run"
    run.mkdir()
    (run / "fetched").mkdir()
    Location(run / "status.json").write_text(json_text(TrainingState(step=5).to_json()))
    Location(run / "metrics.jsonl").write_text('{"step": 5, "epoch": 0, "loss": 1.5}\n')
    keep(run, 5)
    cache = place / "cache"
    cache.mkdir()
    open_generation(Location(cache), WHAT)
    name = next(path.name for path in cache.iterdir())
    (place / "units").mkdir()
    (place / "units/00000.attempts").write_text('{"begun": 1, "spans": {"0-5": 1}}')
    words = next((out / "report/heatmaps").glob("words-*.json")).name
    return {
        "dataset": (Path(demo_dataset.location.path), "dataset.json", read_dataset),
        "model": (saved_models[0], "model.json", read_model),
        "manifest": (out, "manifest.json", read_output),
        "unit": (out, "_units/00000.json", read_record),
        "job": (out, "_job.json", read_job),
        "report": (out, "report/report.json", read_report),
        "attention": (out, f"report/heatmaps/{words}", read_attention),
        "attempts": (place / "units", "00000.attempts", read_attempts),
        "progress": (run, "status.json", read_progress),
        "metrics": (run, "metrics.jsonl", read_metrics),
        "checkpoint": (run, "checkpoint_0000005/checkpoint.json", read_checkpoint),
        "generation": (cache, f"{name}/generation.json", read_generation),
    }


KINDS = [
    *("dataset", "model", "manifest", "unit", "job", "report", "attention", "attempts"),
    *("progress", "metrics", "checkpoint", "generation"),
]


def places(value: Any, depth: int) -> Iterator[list[Any]]:
    """Ways to the values in a value, the first ones of each list."""
    if depth and isinstance(value, dict | list):
        for key in list(value)[:12] if isinstance(value, dict) else range(len(value))[:2]:
            yield [key]
            yield from ([key, *rest] for rest in places(value[key], depth - 1))


def changed(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Values that lack something, or hold something else."""
    for way in places(value, depth):
        for other in ["missing", *VALUES]:
            new = copy.deepcopy(value)
            holder = new
            for key in way[:-1]:
                holder = holder[key]
            if other == "missing":
                del holder[way[-1]]
            else:
                holder[way[-1]] = other
            yield f"{way}: {str(other)[:20]}", new


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_one_line(sound, tmp_path, kind) -> None:
    original, name, read = sound[kind]
    folder = tmp_path / "copy"
    shutil.copytree(original, folder)
    read(folder)
    text = (folder / name).read_text()
    values = [(value[:20], value) for value in TEXTS]
    depth = 2 if kind in ("unit", "job", "report") else 3
    values += [(what, json_text(value)) for what, value in changed(json.loads(text), depth)]
    lines = []
    for what, damaged in values:
        (folder / name).write_text(damaged, "utf-8", "surrogateescape")
        try:
            read(folder)
        except (UnusableInput, JobFailed) as error:
            lines.append(str(error))
        except Exception as error:
            pytest.fail(f"{what}: {type(error).__name__}: {str(error)[:300]}")
    assert len(lines) >= (len(TEXTS) // 2 if kind in ("unit", "job") else len(TEXTS) - 3)
    assert not any("\n" in line for line in lines)
    assert max(map(len, lines)) < 600


def record_types(kind: type = records.Record) -> Iterator[type]:
    for other in kind.__subclasses__():
        yield other
        yield from record_types(other)


@pytest.mark.parametrize("kind", sorted(record_types(), key=str), ids=lambda kind: kind.__name__)
def test_what_is_wrong_ten_thousand_times_is_told_once(kind) -> None:
    """pydantic would keep an error of half a kilobyte for each."""
    for wrong in (None, "a", -1.5, [[]]):
        many = [wrong] * 10_000, {str(i): wrong for i in range(10_000)}
        for value in [*({name: long} for name in kind.model_fields for long in many), many[1]]:
            assert errors_of(kind, value) <= 3000 + len(kind.model_fields)


def errors_of(kind: type, value: Any) -> int:
    try:
        kind.model_validate(value)
    except ValidationError as error:
        return error.error_count()
    return 0


def numbers(value: Any, way: tuple = ()) -> Iterator[tuple]:
    """Ways to the numbers in a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, (*way, key))
    elif isinstance(value, int | float):
        yield way


def test_the_numbers_of_a_unit_can_be_added_up(sound) -> None:
    folder, name, _ = sound["unit"]
    record = json.loads((folder / name).read_text())
    record["alignment"] = dict.fromkeys(("attention", "diagonal"), dict.fromkeys(LINKS, 1))
    record["alignment"]["malformed"] = 0
    UnitRecord.model_validate(record)
    ways = [way for way in numbers(record) if way[0] in SUMMED and way[-1] != "peak_bytes"]
    assert len(ways) > 40
    for way in ways:
        new = copy.deepcopy(record)
        holder = new
        for key in way[:-1]:
            holder = holder[key]
        holder[way[-1]] = type(holder[way[-1]])(2**53)
        with pytest.raises(ValidationError, match=r"more than a unit has|less than or equal to"):
            UnitRecord.model_validate(new)


def test_a_stored_file_is_no_larger_than_it_may_be(tmp_path) -> None:
    file = Location(tmp_path / "a.json")
    file.write_bytes(b"[" + b" " * 2000 + b"]")
    assert file.read_json(most=2002) == []
    with pytest.raises(UnusableInput, match="2,002 bytes, more than the 2,001 it may have"):
        file.read_json(most=2001)


LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
JSON = st.recursive(
    LEAVES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@settings(max_examples=100)
@given(JSON)
def test_what_is_written_is_read(value) -> None:
    assert parse_json(json_text(value)) == value
    assert parse_json(json_text(value, indent=2).encode()) == value


@settings(max_examples=200)
@given(st.binary(max_size=30) | st.text('[]{}:,"\\u0dD8c19eE-.+truefalsnNaI y', max_size=30))
def test_what_is_read_can_be_written(text) -> None:
    try:
        value = parse_json(text)
    except ValueError:
        return
    json_text(value).encode()
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("text", TEXTS[:3] + TEXTS[7:], ids=lambda text: text[:12])
def test_what_nobody_writes_is_no_json(text) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (its message is the test)
        parse_json(text.encode("utf-8", "surrogateescape"))
    assert type(caught.value) is ValueError
    assert len(str(caught.value)) < 100


def test_lines_of_validations_are_damaged_in_one_line(tmp_path) -> None:
    columns = dict.fromkeys(validations._COLUMNS, "1")
    validations.write(Location(tmp_path), [ValidationLine.model_validate(columns)])
    assert len(validations.read(Location(tmp_path))) == 1
    file = tmp_path / "validations.tsv"
    text = file.read_text()
    for damaged in ("", text + "1\t2\n", text.replace("\t1", f"\t{DIGITS}"), text + "x\n"):
        file.write_text(damaged)
        with pytest.raises(UnusableInput, match=r"validations\.tsv: ") as caught:
            validations.read(Location(tmp_path))
        assert "\n" not in str(caught.value)
