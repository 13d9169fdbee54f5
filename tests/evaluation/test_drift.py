"""An alarm goes off beyond its threshold and not before, and says both numbers."""

import pytest

from nmt.evaluation.drift import alarms
from nmt.settings import DriftSettings

BASELINE = {
    "score": -0.4, "length_ratio": 1.0, "unk": 0.01, "rejected": 0.0, "attention_entropy": 1.0,
}  # fmt: skip
OFF = DriftSettings(**dict.fromkeys(DriftSettings.model_fields))


def found(settings=None, bleu=None, **changes) -> list[str]:
    told = alarms({**BASELINE, **changes}, BASELINE, bleu, settings or DriftSettings())
    return [alarm["measure"] for alarm in told]


def test_nothing_changed_is_no_alarm() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("score", [-0.51, -3.0], [-0.49, -0.1, 0.0]),
        ("length_ratio", [0.94, 1.06, 0.0], [0.96, 1.04]),
        ("unk", [0.021, 1.0], [0.019, 0.0]),
        ("rejected", [0.011], [0.009, 0.0]),
        ("attention_entropy", [0.79, 1.21], [0.81, 1.19]),
    ],
)
def test_each_rate_has_its_threshold(name, wrong, right) -> None:
    assert [found(**{name: value}) for value in wrong] == [[name]] * len(wrong)
    assert [found(**{name: value}) for value in right] == [[]] * len(right)
    off = DriftSettings(**{name: None})
    assert [found(off, **{name: value}) for value in wrong] == [[]] * len(wrong)


@pytest.mark.parametrize(
    ("score", "p", "alarm"),
    [(28.9, 0.01, True), (28.9, 0.2, False), (28.9, None, True), (29.1, 0.01, False), (35, 0, 0)],
)
def test_bleu_is_an_alarm_where_it_fell_significantly(score, p, alarm) -> None:
    assert found(bleu={"score": score, "baseline": 30.0, "p": p}) == ["bleu"] * alarm


def test_what_only_one_of_them_has_is_not_compared() -> None:
    assert alarms({"score": -9.0}, {"unk": 0.0}, None, DriftSettings()) == []
    assert alarms({**BASELINE, "length_ratio": 0.5}, {"length_ratio": 0.0}, None, OFF) == []
    assert found(length_ratio=0.0) == ["length_ratio"]
    assert alarms({"length_ratio": 0.0}, {"length_ratio": 0.0}, None, DriftSettings()) == []


def test_a_line_has_both_numbers_and_the_setting() -> None:
    told = alarms(
        {**BASELINE, "score": -0.62, "unk": 0.031},
        BASELINE,
        {"score": 20.0, "baseline": 30.0, "p": 0.001},
        DriftSettings(),
    )
    assert [alarm["text"] for alarm in told] == [
        "score -0.620 against -0.400 of the baseline, lower by more than drift.score=0.1",
        "share of unknown tokens 3.10 % against 1.00 % of the baseline, higher by more than "
        "drift.unk=0.01",
        "BLEU 20.00 against 30.00 of the baseline, lower by more than drift.bleu=1",
    ]
    assert all("\n" not in alarm["text"] for alarm in told)
    assert [alarm["limit"] for alarm in told] == [0.1, 0.01, 1.0]
