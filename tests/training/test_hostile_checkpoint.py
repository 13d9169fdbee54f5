"""A checkpoint in which others have written: passed over in one line, or it can be worked with."""

import math
from pathlib import Path

import pytest
from checkpoints import keep, plant, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from logged import Recorder

from nmt.errors import AllDamaged, UnusableInput
from nmt.json_text import json_text, parse_json
from nmt.settings import TrainingSettings
from nmt.training.accumulation import CLEAN_UPDATES, GREATEST_LOSS_SCALE, LEAST_LOSS_SCALE
from nmt.training.state import LARGEST_STEP, TrainingState

PROGRESS, STATE = "progress.json", "state.safetensors"
MEASURES = ("best_score", "best_loss", "score", "average_score")


def entry(bytes: int) -> dict[str, object]:
    return {"bytes": bytes, "sha256": "0" * 64}


HOSTILE = {
    "names no file": ({}, {"files": {}}),
    "names no state": ({}, {"files": {PROGRESS: entry(1)}}),
    "names no position": ({}, {"files": {STATE: entry(1)}}),
    "names one more": ({"more.json": b"{}"}, {}),
    "a list": ({PROGRESS: b"[]"}, {}),
    "a number without bounds": ({PROGRESS: b'{"minutes": 1e400}'}, {}),
    "minutes": ({PROGRESS: b'{"minutes": 1e308}'}, {}),
    "steps": ({PROGRESS: b'{"step": 2147483647}'}, {}),
    "no JSON": ({PROGRESS: b"\xff"}, {}),
    "a large position": ({PROGRESS: b" " * 100_000 + b"{}"}, {}),
    "no tensors": ({STATE: b"weights"}, {}),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_the_one_before_is_used_and_one_line_names_the_hostile_one(tmp_path: Path, how) -> None:
    log, run = Recorder(), tmp_path / "run"
    store = keep(run, 5, 6)
    plant(run, 6, *HOSTILE[how])
    folder = tmp_path / "fetched"
    folder.mkdir()
    assert store.fetch_newest(folder) == "checkpoint_0000005"
    assert weights(folder) == "weights of 5"
    (line,) = log.messages
    assert f"{run}/checkpoint_0000006/" in line
    assert "using the checkpoint before it" in line
    assert str(folder) not in line
    assert len(line) < 500


@pytest.mark.parametrize("how", HOSTILE)
def test_where_none_is_left_the_input_is_unusable(tmp_path: Path, how) -> None:
    store = keep(tmp_path / "run", 6)
    plant(tmp_path / "run", 6, *HOSTILE[how])
    (tmp_path / "fetched").mkdir()
    with pytest.raises(AllDamaged, match="all of its checkpoints are damaged") as caught:
        store.fetch_newest(tmp_path / "fetched")
    assert caught.value.exit_status == 2


numbers = st.integers(-2, 2**60) | st.sampled_from([LARGEST_STEP, 2**52, CLEAN_UPDATES - 1])
floats = st.floats() | st.floats(0, 1e10)
states = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("step", "epoch", "batch", "clean", "tokens", "nonfinite"), numbers),
        **dict.fromkeys(("best_step", "stale", "reductions", "level", "validated"), numbers),
        **dict.fromkeys(("averaged", "epochs"), numbers),
        **dict.fromkeys(("minutes", "loss_scale", "max_minutes", *MEASURES), floats),
    },
)


@settings(max_examples=60)
@given(states, st.integers(0, 2**22), st.floats(-3e38, 3e38))
def test_what_is_read_of_a_position_can_be_worked_with(values, tokens, score) -> None:
    """And what comes of it can be read again: it is no damaged checkpoint."""
    state = TrainingState()
    for name, value in values.items():
        try:
            TrainingState.of({name: value}, "here")
        except UnusableInput:
            continue
        setattr(state, name, value)
    assert state.step + 10**9 < 2**31
    assert math.isfinite(state.minutes * 60)
    assert LEAST_LOSS_SCALE <= state.loss_scale <= GREATEST_LOSS_SCALE
    assert state.clean < CLEAN_UPDATES
    state.step, state.batch, state.epoch = state.step + 1, state.batch + 1, state.epoch + 1
    state.tokens, state.minutes = state.tokens + tokens, state.minutes + 0.1
    state.add_validation(score, score, TrainingSettings())
    again = TrainingState.of(parse_json(json_text(state.to_json())), "here")
    assert TrainingState.of(state.to_json(), "the first worker's state").step == again.step
    assert again.step == min(state.step, LARGEST_STEP)
