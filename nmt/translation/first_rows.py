"""What the first rows of the input say before they are translated."""

from __future__ import annotations

from collections.abc import Iterator

from nmt import model_folder
from nmt.inference.source_checks import MOST_LOOKED_AT, lacks_tag, other_script, unknown_tags
from nmt.records.model import ModelRecord
from nmt.tables.columns import texts_of
from nmt.text_limits import decode_text
from nmt.translation.input.corpus import InputCorpus
from nmt.translation.request import TranslateRequest
from nmt.translation.work import Work


def remarks(
    request: TranslateRequest, info: ModelRecord, corpus: InputCorpus, work: Work
) -> Iterator[str]:
    """A line for each thing that looks wrong in the first unit.

    Args:
        request: of the job.
        info: the content of model.json.
        corpus: the input.
        work: of the job.
    """
    column, tags = request.tag_column, dict[str, int]()
    if column is not None or info.always_tagged:
        tags = {**model_folder.read_vocabulary(request.models[0], info, "source").tags}
    untagged = column is None and request.search.tag is None
    if untagged and (remark := lacks_tag(info, tags)):
        yield remark
    for unit in corpus.units()[:1]:
        rows = work.read(unit)
        if column is not None:
            values = texts_of(rows.others.column(column))
            if remark := unknown_tags(column, values, tags):
                yield remark
        most = request.search.max_characters
        judged = (decode_text(raw, most) for raw in rows.texts[:MOST_LOOKED_AT] if raw is not None)
        if remark := other_script(info, [text for text, reason in judged if reason is None]):
            yield remark
