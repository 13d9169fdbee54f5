"""Each reason to reject a row is explained to users, in the words of the code."""

from pathlib import Path

import pytest

from nmt.reject_reasons import PREPARE, TRANSLATE, RejectReason, markdown_table

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(("job", "page"), [(PREPARE, "vocabulary.md"), (TRANSLATE, "output.md")])
def test_the_documentation_explains_every_reason(job, page) -> None:
    assert f"\n\n{markdown_table(job)}\n\n" in (DOCS / page).read_text("utf-8")


def test_every_reason_is_a_sentence_about_a_job() -> None:
    for reason in RejectReason:
        assert reason.description.endswith(".")
        assert set(reason.jobs) <= {PREPARE, TRANSLATE}
        assert reason.jobs
        assert f"{reason}" == reason.value
