"""Each reason to reject a row is explained to users; the reference is made from it."""

from nmt.reject_reasons import PREPARE, TRANSLATE, RejectReason


def test_every_reason_is_a_sentence_about_a_job() -> None:
    for reason in RejectReason:
        assert {*reason.descriptions} <= {PREPARE, TRANSLATE}
        assert reason.descriptions
        assert all(sentence.endswith(".") for sentence in reason.descriptions.values())
        assert f"{reason}" == reason.value


def test_a_job_is_explained_by_its_own_settings_alone() -> None:
    for job, foreign in ((PREPARE, "`search."), (TRANSLATE, "`data.")):
        assert not any(foreign in text for text in RejectReason.descriptions_of(job).values())
