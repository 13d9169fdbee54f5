"""What looks wrong about texts before they are translated: no tag, or one that the model does not
know, or another script than that of its language."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from nmt.languages import count_scripts, odd_script
from nmt.printable import join_names
from nmt.records.model import ModelInfo

MOST_LOOKED_AT = 1000  # texts whose letters are counted
_NAMED = 5  # unknown tags


def lacks_tag(info: ModelInfo, tags: Iterable[str]) -> str | None:
    """What to say where texts get no tag; None where the model has learnt from such texts.

    Args:
        info: of the model.
        tags: those that it knows.
    """
    if not info.always_tagged:
        return None
    return f"all training pairs of the model had a tag ({join_names(sorted(tags))}); give --tag"


def unknown_tags(column: str, values: Sequence[str | None], tags: Collection[str]) -> str | None:
    """What to say of rows with tags that the model does not know; None if there are none.

    Args:
        column: of the tags.
        values: that it has in the first rows; see `tag_of`.
        tags: those that the model knows.
    """
    unknown = [tag for tag in map(tag_of, values) if tag is not None and tag not in tags]
    if not unknown:
        return None
    names = [repr(name[:40]) for name in dict.fromkeys(unknown)]
    shown = ", ".join([*names[:_NAMED], *(["…"] if len(names) > _NAMED else [])])
    return (
        f"--tag-column {column}: of the first {len(values):,} rows {len(unknown):,} are rejected, "
        f"for the model does not know their tags ({shown}); it knows {join_names(sorted(tags))}"
    )


def tag_of(value: str | None) -> str | None:
    """The tag that a cell names; None for a null and a blank one, which is how CSV writes it."""
    return value if value and value.strip() else None


def other_script(info: ModelInfo, texts: Sequence[str]) -> str | None:
    """What to say of texts that are not in the script of the model's source language; None if they
    are, or if nobody can tell.

    Args:
        info: of the model.
        texts: the first ones.
    """
    language, some = info.direction.source, texts[:MOST_LOOKED_AT]
    if (odd := odd_script(language, count_scripts(some))) is None:
        return None
    return (
        f"the model translates from {language}, but most letters of the first texts are {odd}; "
        "check the input"
    )
