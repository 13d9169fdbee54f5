import re

import pytest
from reports import pictures

from nmt.report.sheet import contact_sheet


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (6, 1), (7, 2), (13, 3)])
def test_six_pictures_share_a_page(count, pages):
    document = contact_sheet([png for _, png in pictures(1) * count])
    assert document.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", document)) == pages


def test_the_same_pictures_make_the_same_bytes():
    first, second = (contact_sheet([png for _, png in pictures(2)]) for _ in range(2))
    assert first == second


def test_no_picture_makes_no_sheet():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
