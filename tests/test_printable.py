"""What messages say of names."""

from nmt.printable import there_are


def test_a_message_about_a_name_lists_those_that_there_are() -> None:
    names = ["id", "title", "body"]
    assert there_are(names, "titel") == "(there are id, title, body; did you mean 'title'?)"
    assert there_are(names, "xyz") == "(there are id, title, body)"
    assert there_are([], "x") == "(there are none)"
