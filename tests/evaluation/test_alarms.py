"""An alarm goes off beyond its limit and not before, is raised once, and names the numbers."""

import pytest

from nmt.evaluation.alarms import Limits, alarms
from nmt.records.report import MetricComparison
from nmt.settings import DriftSettings, GateSettings

BASELINE = {
    "score": -0.4, "length_ratio": 1.0, "unk": 0.01, "rejected": 0.0, "attention_entropy": 1.0,
    "suspicious": 0.03, "truncated": 0.0, "repetition": 0.01,
}  # fmt: skip
NO_DRIFT = DriftSettings(**dict.fromkeys(DriftSettings.model_fields))
NO_GATE = GateSettings(**dict.fromkeys(GateSettings.model_fields))


def limits(gate=NO_GATE, max_rejected=1.0, drift=None) -> Limits:
    return Limits(gate, max_rejected, drift or DriftSettings())


def bleu(score: float, p: float | None) -> MetricComparison:
    return MetricComparison(metric="BLEU", score=score, baseline=30.0, difference=score - 30, p=p)


def measures(drift=None, bleu=None, **changes) -> list[str]:
    raised = alarms({**BASELINE, **changes}, limits(drift=drift), BASELINE, bleu)
    return [alarm.measure for alarm in raised]


def test_nothing_changed_is_no_alarm() -> None:
    assert measures() == []
    assert alarms(BASELINE, limits(GateSettings(), 0.01), BASELINE) == []


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
def test_each_rate_has_its_threshold_of_drift(name, wrong, right) -> None:
    assert [measures(**{name: value}) for value in wrong] == [[name]] * len(wrong)
    assert [measures(**{name: value}) for value in right] == [[]] * len(right)
    off = DriftSettings(**{name: None})
    assert [measures(off, **{name: value}) for value in wrong] == [[]] * len(wrong)


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("suspicious", [0.21, 1.0], [0.2, 0.0]),
        ("truncated", [0.051], [0.05, 0.0]),
        ("repetition", [0.051], [0.05, 0.0]),
        ("score", [-1.01, -9.0], [-1.0, -0.1, 0.0]),
        ("rejected", [0.011], [0.01, 0.0]),
    ],
)
def test_a_first_night_has_absolute_limits(name, wrong, right) -> None:
    def told(value: float, gate: GateSettings, max_rejected: float) -> list[str]:
        entries = alarms({**BASELINE, name: value}, limits(gate, max_rejected))
        return [entry.measure for entry in entries]

    assert [told(value, GateSettings(), 0.01) for value in wrong] == [[name]] * len(wrong)
    assert [told(value, GateSettings(), 0.01) for value in right] == [[]] * len(right)
    assert [told(value, NO_GATE, 1.0) for value in wrong] == [[]] * len(wrong)


@pytest.mark.parametrize(
    ("score", "p", "alarm"),
    [(28.9, 0.01, True), (28.9, 0.2, False), (28.9, None, True), (29.1, 0.01, False), (35, 0, 0)],
)
def test_bleu_is_an_alarm_where_it_fell_significantly(score, p, alarm) -> None:
    assert measures(bleu=bleu(score, p)) == ["bleu"] * alarm


def test_what_only_one_of_them_has_is_not_compared() -> None:
    ratio, none = {"length_ratio": 0.5}, {"length_ratio": 0.0}
    assert alarms({"score": -9.0}, limits(), {"unk": 0.0}) == []
    assert alarms(ratio, limits(drift=NO_DRIFT), none) == []
    assert [alarm.measure for alarm in alarms(ratio, limits(), none)] == ["length_ratio"]
    assert alarms(none, limits(), none) == []
    assert measures(length_ratio=0.0) == ["length_ratio"]


def test_a_measure_is_told_once_with_all_limits_that_it_breaks() -> None:
    rates = {**BASELINE, "score": -1.62, "unk": 0.031, "rejected": 0.02, "suspicious": 0.56}
    raised = alarms(
        {**rates, "attention_entropy": 0.5},
        limits(GateSettings(), 0.01),
        BASELINE,
        bleu(20.0, 0.001),
    )
    assert [alarm.text for alarm in raised] == [
        "2.0 % of the rows are rejected, more than --max-rejected=0.01 and higher than the "
        "baseline's 0.0 % by more than drift.rejected=0.01",
        "56.0 % of the translations are suspicious, more than gate.suspicious=0.2",
        "3.1 % of the tokens are unknown words, higher than the baseline's 1.0 % by more than "
        "drift.unk=0.01",
        "the mean score is -1.620 nats per token, below gate.score=-1 and lower than the "
        "baseline's -0.400 by more than drift.score=0.1",
        "the attention's entropy is 0.500 nats, lower than the baseline's 1.000 by more than "
        "drift.attention_entropy=0.2",
        "BLEU is 20.000, lower than the baseline's 30.000 by more than drift.bleu=1",
    ]
    assert raised[0].limits == {"--max-rejected": 0.01, "drift.rejected": 0.01}
    assert (raised[1].value, raised[1].baseline) == (0.56, None)
    assert (raised[3].value, raised[3].baseline) == (-1.62, -0.4)
    assert len({alarm.measure for alarm in raised}) == len(raised)


def test_a_number_is_told_with_digits_that_tell_it_from_its_limit() -> None:
    raised = alarms({"suspicious": 0.20004, "score": -1.0000004}, limits(GateSettings(), 0.01))
    assert [alarm.text for alarm in raised] == [
        "20.004 % of the translations are suspicious, more than gate.suspicious=0.2",
        "the mean score is -1.0000004 nats per token, below gate.score=-1",
    ]
