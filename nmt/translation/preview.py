"""What ``--dry-run`` says of a translation: what there is to do, on what, and for how long."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from nmt.cluster import connection
from nmt.records.model import ModelRecord
from nmt.report.numbers import counted
from nmt.report.numbers import seconds as duration
from nmt.storage.preflight import check_writable
from nmt.translation.input.corpus import InputCorpus
from nmt.translation.layout import lay_out, refuse_impossible
from nmt.translation.request import TranslateRequest
from nmt.translation.work import Work
from nmt.translation.worker import load_translator

_UNITS, _ROWS = 4, 64  # units that are looked into, and rows of each that are decoded


def plan_of(
    request: TranslateRequest, info: ModelRecord, corpus: InputCorpus, work: Work
) -> Iterator[str]:
    """The lines of the plan.

    A sample of the rows is decoded here, on one core, for the number of tokens and the time. The
    time is that of decoding alone, if the other cores are like this one and nothing is in a cache.

    Raises:
        UnusableInput: this machine can hold no actor of that size, or the output cannot be written.
    """
    units, size = corpus.units(), counted(corpus.rows, corpus.things)
    yield f"model     {request.model_names}: {info.parameters:,} parameters"
    yield f"input     {request.input}: {size} in {counted(len(units), 'unit')}"
    own, nodes = connection.is_own(request.address), _nodes(request)
    layout = lay_out(
        nodes, corpus.rows, len(units), request.actors, request.cpus_per_actor,
        request.gpus_per_actor, own,
    )  # fmt: skip
    if own:
        refuse_impossible(nodes, layout.share)
    yield f"actors    {layout.describe()}"
    rows, rejected, tokens, seconds = _sample(corpus, work)
    tried = counted(rows, corpus.things)
    if rejected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in rejected.most_common())
        yield f"rejected  {rejected.total():,} of the {tried} tried: {reasons}"
    if rows:
        yield f"tokens    about {tokens * corpus.rows // rows:,} of the source"
    if rows and not request.gpus_per_actor:
        whole = seconds * corpus.rows / rows / (layout.most * layout.share.threads)
        cost = request.costs(whole).get("cost")
        paid = "" if cost is None else f", cost {cost:.2f}"
        yield f"time      about {duration(whole)} of decoding{paid}, by {tried}"
        yield "          besides, a job starts Ray and the model, and writes its report"
    begun = "begun before, goes on" if (request.output / "_job.json").is_file() else "new"
    yield f"output    {request.output}: {begun}; {check_writable(request.output)}"


def _nodes(request: TranslateRequest) -> list[dict[str, Any]]:
    """The machines, as ``ray.nodes()`` has them; this one, where no cluster is named."""
    if not connection.is_own(request.address):
        return connection.connect(request.address).nodes()
    from ray._private.utils import get_num_cpus  # those that a local Ray will have

    return [{"Resources": {"CPU": get_num_cpus(override_docker_cpu_warning=True)}}]


def _sample(corpus: InputCorpus, work: Work) -> tuple[int, Counter[str], int, float]:
    """Rows that were tried, why some of them are rejected, the tokens of the others, and the
    CPU-seconds that it took to decode them."""
    translator, units = load_translator(work), corpus.units()
    rows, sources, rejected = 0, [], Counter[str]()
    for unit in units[:: -(-len(units) // _UNITS)]:
        filtered = work.filtered(work.read(unit), translator.row_filter)
        sample = [place for place, row in enumerate(filtered.kept) if row < _ROWS]
        rows += min(_ROWS, unit.rows)
        rejected.update(str(why) for row, why in filtered.reasons.items() if row < _ROWS)
        sources += [filtered.sources[place] for place in sample]
    tokens, seconds = 0, 0.0
    for _ in range(2):  # the first time is that of a start
        begin = time.process_time()
        decoded = list(translator.decoder.decode(sources))
        seconds = time.process_time() - begin
        tokens = sum(len(translation.source_tokens) for _, translation in decoded)
    return rows, rejected, tokens, seconds
