"""What an evaluation scores: the translations of an input, by a job or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from nmt.evaluation.normalization import Normalization
from nmt.evaluation.row_ids import RowIds
from nmt.evaluation.sentences import References, Sentence
from nmt.records.output import Counts, InputFile
from nmt.records.report import ModelDescription, TextCounts, WordAttention
from nmt.storage.location import Location


class Translations(Protocol):
    """Translations of an input, in its order.

    Attributes:
        location: where they are.
    """

    location: Location

    @property
    def rows(self) -> int:
        """Rows of the input."""

    @property
    def most_characters(self) -> int:
        """Characters that a source may have, and a reference."""

    @property
    def language(self) -> str:
        """The code of the language that they are in; ``und`` if nothing says so."""

    @property
    def numbered(self) -> bool:
        """Whether the ids are the numbers of the rows."""

    @property
    def row_ids(self) -> RowIds | None:
        """What joins other tables to the rows; None where these are `numbered`."""

    @property
    def ids(self) -> pa.ChunkedArray:
        """The ids of the translated rows, each once."""

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the translated rows in the input."""

    @property
    def has_sources(self) -> bool:
        """Whether the sources are known."""

    @property
    def aligned(self) -> bool:
        """Whether there are word alignments."""

    @property
    def blanks_count(self) -> bool:
        """Whether a blank line among several references is one, as for sacrebleu's command."""

    def check_column(self, option: str, column: str) -> None:
        """Refuse a column that is missing or holds no text."""

    def check_group(self, column: str) -> None:
        """Refuse a column that is missing or that rows cannot be grouped by."""

    def values(self, folder: str, column: str) -> Iterator[list[Any]]:
        """The values of a column as JSON has them, some rows at a time.

        Args:
            folder: ``translations`` or ``rejected``: of which rows.
            column: its name.
        """

    def sentences(
        self,
        references: References,
        wanted: Iterable[int] | None = None,
        others: Sequence[str] = (),
    ) -> Iterator[Sentence]:
        """The translated rows in order; see `nmt.evaluation.sentences.read_sentences`."""

    def texts(self, column: str) -> Iterator[str | None]:
        """The texts of a column, one a translated row."""

    def alignments(self) -> Iterator[str | None]:
        """The word alignments of the translated rows, if they are `aligned`."""

    def normalizations(self) -> list[Normalization]:
        """How they are normalized before they are scored."""

    def rate_counts(self) -> Mapping[str, int]:
        """The counts of which `nmt.evaluation.measures.rates` makes shares."""

    def known_rates(self, rates: Mapping[str, float]) -> dict[str, float]:
        """Those of the rates that mean something here."""

    @property
    def counts(self) -> Counts | TextCounts:
        """Rows, and what became of them."""

    @property
    def model(self) -> ModelDescription:
        """The model that has translated, as far as it is known."""

    @property
    def inputs(self) -> list[InputFile]:
        """The files that they were made of, or that they are in."""

    def attention(self) -> dict[int | str, WordAttention]:
        """Where the words of some rows looked, by the row's id as JSON has it."""

    def heatmaps(self, count: int) -> list[tuple[str, bytes]]:
        """The first heatmaps, with headings."""
