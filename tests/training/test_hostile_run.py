"""What others have written into a RUN is one line, or passed over."""

import hashlib
import json
from pathlib import Path

import pytest
from checkpoints import keep
from logged import Recorder
from memory import peak

from nmt.changes import changed
from nmt.errors import UnusableInput
from nmt.records.run import ValidationLine
from nmt.report.learning_curve import learning_curve
from nmt.storage.location import Location
from nmt.training import validations
from nmt.training.run_folder import RunFolder
from nmt.training.state import TrainingState

LINE = ValidationLine(
    step=1,
    epoch=0,
    valid_loss=2.0,
    accuracy=0.5,
    bleu=1.0,
    chrf=1.0,
    seconds=1.0,
    best=True,
    signature="",
    chrf_signature="",
)

DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("epoch", -5), ("batch", -1), ("step", -1), ("step", 10**30), ("tokens", -1)),
        *(("step", 2**31 - 1), ("best_step", 2**31), ("validated", 2**53), ("averaged", 2**53)),
        *(("minutes", 1e308), ("loss_scale", 1e-300), ("best_score", 1e39), ("tokens", 2**53)),
        *((count, 2**53) for count in ("epoch", "batch", "clean", "nonfinite", "epochs")),
        *((count, 2**53) for count in ("stale", "reductions", "level")),
        *(("best_step", -2), ("minutes", -1.0), ("minutes", float("inf")), ("loss_scale", 0.0)),
        *(("clean", -1), ("stale", -1), ("loss_scale", float("nan")), ("epochs", -1)),
    ],
)
def test_progress_outside_its_bounds_is_damage(key: str, value: float) -> None:
    with pytest.raises(UnusableInput, match=rf"here: damaged \({key}: "):
        TrainingState.of({key: value}, "here")


@pytest.mark.parametrize("name", ["x" * 300, "é" * 200, "a/" * 2500 + "b"])
def test_a_checkpoint_with_a_name_that_no_store_takes_is_passed_over(tmp_path, name: str) -> None:
    log, store = Recorder(), keep(tmp_path / "run", 5, 6)
    manifest = tmp_path / "run/checkpoint_0000006/checkpoint.json"
    content = json.loads(manifest.read_text())
    content["files"][name] = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    manifest.write_text(json.dumps(content))
    (tmp_path / "fetched").mkdir()
    assert store.fetch_newest(tmp_path / "fetched") == "checkpoint_0000005"
    assert "damaged" in log.messages[0]
    assert len(log.messages[0]) < 500


@pytest.mark.parametrize("loss", ["1e308", "-1e308", "1e39"])
def test_losses_that_no_training_has_are_damage(tmp_path: Path, loss: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1, "epoch": 0, "loss": {loss}}}\n')
    with pytest.raises(UnusableInput, match=r"metrics\.jsonl: damaged \(loss: "):
        RunFolder(Location(tmp_path), 9)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("step", 10**400), ("step", -1), ("epoch", 2**60), ("bleu", 1e308)),
        *(("valid_loss", -1e308), ("chrf", 1e39)),
    ],
)
def test_validations_that_no_training_writes_are_damage(tmp_path: Path, key, value) -> None:
    validations.write(Location(tmp_path), [LINE.model_copy(update={key: value})])
    with pytest.raises(UnusableInput, match=r"validations\.tsv: damaged"):
        validations.read(Location(tmp_path))


def test_what_a_training_may_write_is_read_and_drawn(tmp_path: Path) -> None:
    largest, run = 3.4e38, Location(tmp_path)
    odd = [
        LINE.model_copy(update={"step": n, "valid_loss": x})
        for n, x in enumerate([largest, -largest])
    ]
    nothing = [
        LINE.model_copy(update={"step": 3, "valid_loss": float(x)}) for x in ("nan", "inf", "-inf")
    ]
    validations.write(run, [*odd, *nothing])
    lines = validations.read(run)
    assert len(lines) == 5
    assert learning_curve(
        [(0, -largest), (2**53, largest)], [line.to_json() for line in lines]
    ).startswith(b"\x89PNG")


def refused_with(run: Path, refusal: str) -> int:
    """Bytes of memory until the refusal."""

    def read() -> None:
        with pytest.raises(UnusableInput, match=refusal):
            RunFolder(Location(run))

    return peak(read)


def test_empty_lines_of_a_run_take_no_memory(tmp_path: Path, monkeypatch) -> None:
    """A line that is no line of a table ends the reading; so does one too many."""
    validations.write(Location(tmp_path), [LINE])
    head, row = (tmp_path / "validations.tsv").read_bytes().splitlines(keepends=True)

    many = b"\n" * 1_000_000
    for name, content in (("validations.tsv", head + many), ("metrics.jsonl", many)):
        (tmp_path / name).write_bytes(content)
        assert refused_with(tmp_path, rf"{name}: damaged") < 4 * len(content)
        (tmp_path / name).unlink()
    monkeypatch.setattr(validations, "_MOST_LINES", 10)
    (tmp_path / "validations.tsv").write_bytes(head + row * 10)
    refused_with(tmp_path, r"validations\.tsv: more than 10 lines; move it elsewhere")


def test_settings_of_keys_that_are_no_text_are_compared() -> None:
    assert changed({"a": 1, 1: 2}, {"a": 2, None: 3}) == [
        ("1", 2, None),
        ("None", None, 3),
        ("a", 1, 2),
    ]


def laughs(levels: int) -> str:
    """A few lines of YAML whose aliases stand for ten to the power of their number."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(6),
        f"settings: {{training: {{epochs: {DIGITS}}}}}\ndataset: {{hash: x}}",
        "[" * 5000,
        "{a: " * 5000,
        "a: *" + "x" * 100_000,
        "a: !" + "x" * 100_000 + " 1",
        "settings: 5",
        "settings: {training: {epochs: many}}\ndataset: {hash: x}",
        "dataset: {hash: 5}\nsettings: {}",
        "dataset: {}\nsettings: {}",
        "\udcff",
        "#" * (2 << 20),
        "",
    ],
    ids=range(13),
)
def test_the_settings_of_a_run_are_damaged_in_one_line(tmp_path, text) -> None:
    from nmt.training.ray.job import _check_output
    from nmt.training.request import TrainRequest

    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8", "surrogateescape")
    request = TrainRequest(data=(Location("/x"),), output=Location(tmp_path), settings=None)
    with pytest.raises(UnusableInput, match=r"config\.yaml: ") as caught:
        _check_output(request, {"datasets": [{"hash": "x"}], "settings": {}})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("place", ["plots", "plots/attention", "tensorboard"])
def test_a_link_where_a_training_writes_is_refused_before_it_trains(tmp_path, place) -> None:
    victim, link = tmp_path / "victim", tmp_path / "run" / place
    victim.mkdir()
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    with pytest.raises(UnusableInput, match=f"^{link}: a link, where none may lie; remove it$"):
        RunFolder(Location(tmp_path / "run"))
