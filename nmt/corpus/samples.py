"""The page of a DATASET, with samples of the rejected pairs of each reason."""

from __future__ import annotations

import hashlib
import heapq
import logging
from collections.abc import Iterator

from nmt.corpus.filters import SCORES
from nmt.corpus.stages import UNNAMED
from nmt.errors import UnusableInput
from nmt.records.dataset import DatasetRecord
from nmt.reject_reasons import PREPARE, RejectReason, are_reasons
from nmt.report.corpus_page import RejectedSample, render_corpora
from nmt.storage.location import Location
from nmt.tables.parquet import open_parquet, read_batches

log = logging.getLogger(__name__)

PAGE = "report/index.html"
_SAMPLES = 10  # of a reason in a corpus
_SHOWN = 500  # characters of a text
_COLUMNS = ["id", "line", "reason", "source", "target"]
_SOMETIMES = ["file", "corpus"]  # columns, where there are several


def write_page(output: Location, dataset: DatasetRecord) -> None:
    """Write ``report/index.html`` of a dataset whose other files are complete."""
    page = render_corpora(
        dataset,
        sample_rejected(output, dataset),
        {name: score.title for name, score in SCORES.items()},
        {
            name: sentence.replace("`", "")
            for name, sentence in RejectReason.descriptions_of(PREPARE).items()
        },
    )
    (output / PAGE).write_text(page)
    log.info(f"{output / PAGE} shows what became of the pairs")


def sample_rejected(
    output: Location, dataset: DatasetRecord
) -> dict[tuple[str, str], list[RejectedSample]]:
    """At most ten rejected pairs by corpus and reason, chosen at random by their ids."""
    chosen: dict[tuple[str, str], list[tuple[int, int, RejectedSample]]] = {}
    for corpus, number, reason, sample in _rejected(output, dataset):
        heap = chosen.setdefault((corpus, reason), [])
        digest = hashlib.blake2b(str(number).encode(), digest_size=8).digest()
        heapq.heappush(heap, (-int.from_bytes(digest), number, sample))
        if len(heap) > _SAMPLES:
            heapq.heappop(heap)
    return {
        key: [sample for *_, sample in sorted(heap, key=lambda item: item[1])]
        for key, heap in chosen.items()
    }


def _rejected(
    output: Location, dataset: DatasetRecord
) -> Iterator[tuple[str, int, str, RejectedSample]]:
    """Corpus, id, reason and texts of every rejected pair, in order."""
    for entry in dataset.files.rejected:
        location = output.named(entry.name)
        with location.open() as handle:
            file = open_parquet(location, handle)
            named = "corpus" in file.schema_arrow.names
            columns = [*_COLUMNS, *(one for one in _SOMETIMES if one in file.schema_arrow.names)]
            for batch in read_batches(location, handle, columns, file=file):
                if not are_reasons(batch.column("reason").to_pylist()):
                    raise UnusableInput(f"{location}: damaged (a reason that there is not)")
                for row in batch.to_pylist():
                    texts = (_shown(row[side] or "") for side in ("source", "target"))
                    corpus = row["corpus"] or "" if named else UNNAMED
                    if named and corpus and corpus not in dataset.corpora:
                        raise UnusableInput(f"{location}: damaged (a corpus that there is not)")
                    sample = RejectedSample(row.get("file") or "", row["line"], *texts)
                    yield corpus, row["id"], row["reason"], sample


def _shown(text: str) -> str:
    """A text; the beginning of a long one, and how long it is."""
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}… ({len(text):,} characters)"
