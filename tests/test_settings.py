"""Settings: each source over the one before, nothing unknown, nothing changed afterwards."""

import pytest
from pydantic import ValidationError

from nmt.changes import changed
from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.presets import PRESETS
from nmt.settings import DropoutRates, ModelSettings, Settings, check_sizes
from nmt.yaml_text import parse_yaml


def refusal(**sources) -> str:
    with pytest.raises(UnusableInput) as caught:
        resolve(**sources)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_later_sources_win() -> None:
    assert resolve().training.dropout == Settings().training.dropout
    sources = {"preset": "small"}
    assert resolve(**sources).training.epochs == PRESETS["small"]["training"]["epochs"]
    sources["config"] = {"training": {"epochs": 7, "seed": 5}, "train": {"output": "x"}}
    assert resolve(**sources).training.epochs == 7
    sources["overrides"] = {"training": {"epochs": 8, "max_minutes": None}}
    assert resolve(**sources).training.epochs == 8
    sources["assignments"] = ["training.epochs=9"]
    found = resolve(**sources)
    assert found.training.epochs == 9
    assert found.training.max_minutes is None
    assert found.training.seed == 5
    assert found.model.bridge == "dense"  # still the preset's
    sources["base"] = {"training": {"epochs": 3, "dropout": 0.5, "clip_norm": 9.0}}
    found = resolve(**sources)
    assert (found.training.epochs, found.training.dropout) == (9, 0.2)
    assert found.training.clip_norm == 9.0


def test_assignments_are_yaml() -> None:
    found = resolve(
        assignments=[
            "data.lowercase=yes",
            "training.learning_rate=3e-4",
            "training.max_minutes=null",
            "model.attention=none",
            "search.max_length_ratio = 1.5",
        ]
    )
    assert found.data.lowercase is True
    assert found.training.learning_rate == 3e-4
    assert found.training.max_minutes is None
    assert found.model.attention == "none"
    assert found.search.max_length_ratio == 1.5


def test_norwegian_is_a_language() -> None:
    assert resolve(assignments=["data.source_language=no"]).data.source_language == "no"
    config = parse_yaml("data: {source_language: no, lowercase: no}")
    found = resolve(config=config).data
    assert found.source_language == "no"
    assert found.lowercase is False


def test_seeds_are_what_every_generator_takes() -> None:
    for name in ("data.seed", "training.seed"):
        for good in (0, 2**31 - 1):
            resolve(assignments=[f"{name}={good}"])
        for bad in (-1, 2**31):
            assert name in refusal(assignments=[f"{name}={bad}"])


def test_an_option_under_a_groups_name_is_left_to_the_job() -> None:
    assert resolve(config={"data": "/path", "search": None}) == Settings()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"preset": "smal"}, "did you mean 'small'?"),
        ({"assignments": ["training.keep=all"]}, "should be a mapping, as {all: 1}, not 'all'"),
        ({"preset": "zzz"}, "choose from base, book, demo, small"),
        ({"assignments": ["model.atention=none"]}, "did you mean 'attention'?"),
        ({"assignments": ["training.epoch=4"]}, "did you mean 'epochs'?"),
        ({"assignments": ["trainin.epochs=4"]}, "did you mean 'training'?"),
        ({"assignments": ["epochs=4"]}, "write group.key=value"),
        ({"assignments": ["training.epochs"]}, "write group.key=value"),
        ({"assignments": ["training.epochs=many"]}, "'training.epochs'"),
        ({"assignments": ["training.epochs="]}, "'training.epochs'"),
        ({"assignments": ["training.epochs=[1"]}, "training.epochs=[1"),
        ({"assignments": ["model.attention=luong"]}, "'model.attention'"),
        ({"assignments": ["training.dropout=1"]}, "'training.dropout'"),
        ({"assignments": ["model.tie_embeddings=2"]}, "'model.tie_embeddings'"),
        ({"assignments": ["gate.suspicious=true"]}, "'gate.suspicious': input should be a number"),
        ({"assignments": ["training.epochs=true"]}, "input should be a number, not True"),
        ({"config": {"search": {"beamsize": 3}}}, "did you mean 'beam_size'?"),
        ({"config": {"search": {3: 4}}}, "'search.3'"),
    ],
)
def test_what_cannot_be_used_is_named(sources, message) -> None:
    assert message in refusal(**sources)


@pytest.mark.parametrize("value", ["80", "-1", "off", "null", "", "1.5", "true", "[1]"])
def test_a_setting_of_several_kinds_names_all_of_them(value) -> None:
    shown = repr(parse_yaml(value) if value else "")
    assert refusal(assignments=[f"search.shortlist={value}"]) == (
        f"setting 'search.shortlist': must be auto or 0 to 50 (0 is off), not {shown}"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("augment={upper: 2}", "setting 'training.augment.upper': must be 0 to 1, not 2"),
        ("keep={a: -1}", "setting 'training.keep.a': must be at least 0, not -1"),
        ("augment={uper: 1}", "setting 'training.augment.uper': input should be 'upper', 'title'"),
    ],
)
def test_a_value_in_a_mapping_is_named_by_its_key(value, message) -> None:
    assert refusal(assignments=[f"training.{value}"]).startswith(message)


def test_settings_are_frozen_and_round_trip() -> None:
    found = resolve(preset="base", assignments=["search.beam_size=5"])
    with pytest.raises(ValidationError):
        found.training.epochs = 3  # type: ignore[misc]
    assert Settings.model_validate(found.model_dump()) == found
    assert resolve(config=found.model_dump()) == found


def test_every_setting_has_a_sentence() -> None:
    for group in Settings.model_fields.values():
        for name, field in group.annotation.model_fields.items():
            assert field.description, name
            assert not field.description[0].isascii() or field.description[0].isupper(), name
            assert field.description.rstrip(")").endswith((".", "…")), name


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset) -> None:
    check_sizes(resolve(preset=preset).model)


def test_a_place_without_a_rate_of_its_own_has_the_common_one() -> None:
    assert resolve(assignments=["training.dropout=0.3"]).training.dropout_rates == DropoutRates(
        0.3, 0.3, 0.3, 0.3, state=0.0
    )
    own = ["dropout=0.3", "dropout_encoder=0", "dropout_readout=0.5", "dropout_state=0.1"]
    rates = resolve(assignments=[f"training.{value}" for value in own]).training.dropout_rates
    assert rates == DropoutRates(0.3, 0.3, 0.0, 0.5, 0.1)


def test_sizes_that_do_not_fit() -> None:
    for values in ({"encoder_units": 100}, {"tie_embeddings": True}):
        with pytest.raises(UnusableInput, match=r"needs model\."):
            check_sizes(ModelSettings.model_validate(values))


def test_differences_are_told() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "e": 5}
    assert changed(old, old) == []
    new = {"a": 1, "b": {"c": 4, "d": 3}, "f": 6}
    assert changed(old, new) == [("b.c", 2, 4), ("e", 5, None), ("f", None, 6)]
