"""A prepared corpus, opened for reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import pyarrow as pa
from pydantic import JsonValue

from nmt import records, text_limits
from nmt.configuration import validated
from nmt.errors import UnusableInput
from nmt.json_text import hash_json
from nmt.records.dataset import DatasetRecord, NamedTable, lengths_of, widths_of
from nmt.settings import DataSettings
from nmt.shards.row_groups import READERS, Content, RowGroup, row_groups
from nmt.shards.schema import REJECTED, pairs_schema
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.vocabulary import Vocabulary, load
from nmt.vocabulary.lexicon import Lexicon

FORMAT_VERSION = 3  # 2 had no lexicon, 1 did not record the sizes of vocabularies
INFO_NAME = "dataset.json"
LEXICON_NAME = "lexicon.npz"
MARKER_NAME = "_preparing.json"


class Dataset:
    """An opened, complete DATASET; made by `open`.

    Attributes:
        location: the folder.
        info: the content of dataset.json.
        source_vocabulary: the vocabulary of the source side.
        target_vocabulary: that of the target side.
        settings: of its preparation, with the detected languages.
    """

    def __init__(
        self,
        location: Location,
        info: DatasetRecord,
        settings: DataSettings,
        source: Vocabulary,
        target: Vocabulary,
    ) -> None:
        self.location = location
        self.info = info
        self.settings = settings
        self.source_vocabulary = source
        self.target_vocabulary = target
        self._row_groups: dict[str, list[RowGroup]] = {}

    @classmethod
    def open(cls, location: Location) -> Dataset:
        """Open a finished dataset.

        Raises:
            UnusableInput: dataset.json is missing, broken, of another format version or
                contradicts itself, or a vocabulary is not the one it names.
        """
        info = read_info(location)
        if info is None:
            if not location.exists():
                raise UnusableInput(
                    f"{location}: no such folder; give the --output of `nmt prepare`"
                )
            unfinished = (location / MARKER_NAME).exists()
            reason = (
                "its preparation did not end; run `nmt prepare` again"
                if unfinished
                else f"no {INFO_NAME} here; give the --output of `nmt prepare`"
            )
            raise UnusableInput(f"{location}: not a finished dataset: {reason}")
        return cls.of_record(location, info)

    @classmethod
    def of_record(cls, location: Location, info: DatasetRecord) -> Dataset:
        """Open the dataset that a record tells of, whether it is stored or not yet.

        Raises:
            UnusableInput: the record contradicts itself, or a vocabulary is not the one it names.
        """
        settings = validated(
            DataSettings, _settings(info), f"{location / INFO_NAME}: damaged: '{{}}'"
        )
        tokenizer = info.tokenizer
        vocabularies = []
        for side in (tokenizer.source, tokenizer.target):
            data = read_recorded(location.named(side.file), side, "prepare the data again")
            vocabularies.append(load(tokenizer.kind, data, location / side.file))
        dataset = cls(location, info, settings, *vocabularies)
        if problem := dataset._contradiction():
            raise UnusableInput(
                f"{location / INFO_NAME}: damaged ({problem}); restore it from a copy"
            )
        return dataset

    def _contradiction(self) -> str | None:
        """What is recorded otherwise in one place than in another: the number of pairs, the longest
        of them, how they were cut."""
        for split in ("train", "valid", "test", "rejected"):
            count, rows = getattr(self.info.counts, split), self.rows(split)
            if count != rows:
                return f"counts.{split}: {count:,}, but its files have {rows:,} rows"
        lengths, most = self.lengths(), self.settings.max_length
        count, longest = sum(lengths.values()), max(map(max, lengths), default=0)
        if count != self.rows("train"):
            return f"lengths of {count:,} pairs, but {self.rows('train'):,} for training"
        if longest > most:
            return f"a length of {longest:,} tokens, more than data.max_length={most}"
        kind = self.info.tokenizer.kind
        if self.settings.tokenizer != kind:
            setting = self.settings.tokenizer
            return f"the setting 'tokenizer' is {setting}, but tokenizer.kind is {kind}"
        for side in ("source", "target"):
            vocabulary: Vocabulary = getattr(self, f"{side}_vocabulary")
            if set(vocabulary.symbols) != set(self.settings.symbols):
                return f"the setting 'symbols' names others than the {side} vocabulary has"
        return None

    @property
    def name(self) -> str:
        """The name of its folder, by which messages, settings and files call it."""
        return self.location.name

    @property
    def hash(self) -> str:
        """The SHA-256 of the content of dataset.json; equal datasets have equal hashes."""
        return hash_json(self.info.to_json())

    @property
    def described_settings(self) -> dict[str, JsonValue]:
        """The settings as a model and a run record them. Each corpus has filters of its own."""
        return self.settings.model_dump(mode="json", exclude={"filters"})

    @property
    def always_tagged(self) -> bool:
        """Whether each of its pairs has a tag."""
        corpora = self.info.corpora.values()
        tagged = bool(corpora) and all(corpus.tag is not None for corpus in corpora)
        return tagged or self.settings.tag is not None

    def rows(self, split: str) -> int:
        """Number of pairs in ``train``, ``valid``, ``test``, or of rows in ``rejected``."""
        return sum(entry.rows for entry in self.entries(split))

    def files(self, split: str) -> list[Location]:
        """The files of a split (or of ``rejected``), in order."""
        return [self.location.named(entry.name) for entry in self.entries(split)]

    def entries(self, split: str) -> list[NamedTable]:
        """The entries of these files in dataset.json."""
        return getattr(self.info.files, split)

    def row_groups(self, split: str) -> list[RowGroup]:
        """The row groups of a split in order; each file is hashed once by each process.

        Raises:
            UnusableInput: a file is damaged, or not the one that dataset.json names.
        """
        if split not in self._row_groups:
            files = self.files(split), self.entries(split)
            find = partial(row_groups, content=self._content(split))
            with ThreadPoolExecutor(READERS) as pool:
                self._row_groups[split] = [*chain.from_iterable(pool.map(find, *files))]
        return self._row_groups[split]

    def _content(self, split: str) -> Content:
        if split == "rejected":
            schema, sizes = REJECTED, {}
        else:
            schema = pairs_schema(alignment=False)
            sizes = {
                "source_ids": self.source_vocabulary.size,
                "target_ids": self.target_vocabulary.size,
            }
        # Cleaning may make three characters of one.
        most_bytes = 3 * text_limits.most_bytes(self.settings.max_characters)
        return Content(schema, sizes, self.settings.max_length, most_bytes)

    def read(self, split: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """A split's rows in order, one row group (at most 4,096 rows) at a time.

        Args:
            split: ``train``, ``valid``, ``test`` or ``rejected``.
            columns: the columns wanted; None is all.
        """
        for group in self.row_groups(split):
            yield group.read(columns)

    def check_files(self) -> None:
        """Read and hash every file but those of the vocabularies, which `open` has read.

        Raises:
            UnusableInput: a file is damaged, or not the one that the record names.
        """
        for split in ("train", "valid", "test", "rejected"):
            self.row_groups(split)
        for entry in self.info.files.scores:
            row_groups(self.location.named(entry.name), entry)
        self.lexicon()

    def lexicon(self) -> Lexicon:
        """Likely translations of single tokens in the training pairs.

        Raises:
            UnusableInput: its file is not the one that was written.
        """
        file, remedy = self.location / LEXICON_NAME, "prepare the data again"
        sizes = self.source_vocabulary.size, self.target_vocabulary.size
        return Lexicon.parse(read_recorded(file, self.info.lexicon, remedy), *sizes, remedy)

    def lengths(self) -> dict[tuple[int, int], int]:
        """Training pairs by their (source, target) tokens."""
        return lengths_of(self.info.lengths)

    def widths(self) -> dict[int, int]:
        """Training pairs by the tokens of their longer side, EOS included."""
        return widths_of(self.info.lengths)


def _settings(info: DatasetRecord) -> dict[str, JsonValue]:
    """The settings as they were recorded. One that is newer than the dataset has its default."""
    return {
        "tokenizer": info.tokenizer.kind,
        **info.request.settings,
        "source_language": info.languages.source,
        "target_language": info.languages.target,
    }


def read_info(location: Location) -> DatasetRecord | None:
    """The content of a folder's dataset.json; None where there is none.

    Raises:
        UnusableInput: the file is broken or of another format version.
    """
    file = location / INFO_NAME
    if not file.is_file():
        return None
    content = file.read_json()
    version = records.check(content, records.Versioned, file).format_version
    if version != FORMAT_VERSION:
        raise UnusableInput(
            f"{file}: format version {version}, this program reads {FORMAT_VERSION}; "
            "prepare the data again"
        )
    return records.check(content, DatasetRecord, file)
