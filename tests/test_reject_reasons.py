"""Each reason to reject a row is explained to users; the reference is made from it."""

from nmt.reject_reasons import PREPARE, TRANSLATE, RejectReason


def test_every_reason_is_a_sentence_about_a_job() -> None:
    for reason in RejectReason:
        assert reason.description.endswith(".")
        assert set(reason.jobs) <= {PREPARE, TRANSLATE}
        assert reason.jobs
        assert f"{reason}" == reason.value
