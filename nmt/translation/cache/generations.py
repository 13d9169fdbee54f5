"""Generations: the rows of one follow from one model under one group of settings.

Another model, or a setting that changes translations, makes another generation; nothing has to
be removed for that. Old ones can be pruned.
"""

from __future__ import annotations

import datetime
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as pafs

from nmt import records
from nmt.errors import UnusableInput
from nmt.json_text import hash_json
from nmt.printable import join_names
from nmt.records.cache import CachedSearch, GenerationKey, GenerationRecord
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.text_limits import MOST_CHARACTERS
from nmt.translation.cache.store import Cache

FORMAT_VERSION = 4  # of the layout, and of how results are measured
_DESCRIPTION, _USED = "generation.json", "used"
_ROWS = re.compile(
    r"(?:[0-9a-f]+|all|new)/(?:[0-9a-z]+-[0-9a-f-]+\.parquet|[^/]+\.parquet\.damaged|[0-9a-f]{16}\.damaged)"
)
_OTHERS = re.compile("generation\\.json|used")
_DAY = 86400.0
_SHORTEST_PREFIX = 4  # characters: an empty variable of a shell is none
_HASH = re.compile("[0-9a-f]{32}")
# What changes nothing in greedy search, and in any search that draws no words at random.
_BEAM_ONLY = {"length_penalty", "coverage_penalty"}
_SAMPLING_ONLY = {"seed", "temperature", "top_k", "top_p"}
_SHORTLIST_ONLY = {"shortlist_common"}


def depends_on(
    model_id: str, search: SearchSettings, dictionary: str | None, raw: bool
) -> GenerationKey:
    """Everything that a translation follows from besides its source.

    Args:
        model_id: of the model.
        search: the settings of the search, without sampling.
        dictionary: the SHA-256 of ``search.dictionary``.
        raw: whether the raw source matters, because its words stand in for unknown ones.
    """
    left_out = {"dictionary", *_SAMPLING_ONLY}
    left_out |= {"max_characters"} if search.max_characters <= MOST_CHARACTERS else set()
    left_out |= _BEAM_ONLY if search.beam_size == 1 else set()
    left_out |= set() if search.has_shortlist else _SHORTLIST_ONLY
    left_out |= set() if raw else {"replace_unknown"}
    return GenerationKey(
        format_version=FORMAT_VERSION,
        model_id=model_id,
        search=CachedSearch.model_validate(search.model_dump(exclude=left_out)),
        dictionary=dictionary if raw else None,
        raw_sources=raw,
    )


def open_generation(location: Location, key: GenerationKey) -> Cache:
    """The generation of a cache in which these settings' translations lie; made if it is not
    there, and marked as used.

    Args:
        location: the cache.
        key: see `depends_on`.

    Raises:
        UnusableInput: the folder cannot be written, or holds something else.
    """
    folder = location / _name(key)
    description = folder / _DESCRIPTION
    if not description.is_file():
        if location.files():
            raise UnusableInput(
                f"{location}: holds something that is no cache; give another --cache"
            )
        description.write_json(GenerationRecord(**key.to_json(), created=_now()))
    records.read(description, GenerationRecord)
    (folder / _USED).write_text(_now() + "\n")
    return Cache(folder)


@dataclass(frozen=True)
class Generation:
    """A generation as it lies in the cache.

    Attributes:
        location: its folder.
        description: its generation.json.
        files: Parquet files.
        bytes: their size in all.
        used: when a job last used it, seconds since 1970.
    """

    location: Location
    description: GenerationRecord
    files: int
    bytes: int
    used: float

    @property
    def is_current(self) -> bool:
        """Whether its files have the layout that jobs read; others are only removed as a whole."""
        return self.description.format_version == FORMAT_VERSION

    def delete(self) -> None:
        """Remove it: last what makes it a generation, so that what is left of it is listed.

        Raises:
            UnusableInput: a link lies there.
        """
        self.location.delete_own(_ROWS)
        self.location.delete_own(_OTHERS)


def generations(location: Location) -> list[Generation]:
    """The generations of a cache, last used first.

    Raises:
        UnusableInput: there is no cache.
    """
    folders: dict[str, list[pafs.FileInfo]] = {}
    for file, info in location.listed(recursive=True):
        folders.setdefault(file.parts_below(location)[0], []).append(info)
    result = []
    for name, files in folders.items():
        times = {info.base_name: info.mtime_ns for info in files}
        if _DESCRIPTION not in times or not _HASH.fullmatch(name):
            continue
        try:
            file = (location / name).named(_DESCRIPTION)
            description = records.read(file, GenerationRecord)
        except UnusableInput:
            continue
        if _name(description) != name:  # somebody else's
            continue
        rows = [info for info in files if info.base_name.endswith(".parquet")]
        used = times.get(_USED) or times[_DESCRIPTION] or 0
        size = sum(info.size or 0 for info in rows)
        result.append(Generation(location / name, description, len(rows), size, used / 1e9))
    if not result:
        raise UnusableInput(f"{location}: no cache; check --cache")
    return sorted(result, key=lambda generation: -generation.used)


def unused(stored: list[Generation], days: float) -> list[Generation]:
    """Those that no job has used for so many days."""
    return [g for g in stored if time.time() - g.used > days * _DAY]


def by_prefix(stored: Sequence[Generation], prefix: str) -> Generation:
    """The one generation whose name begins so.

    Raises:
        UnusableInput: none does, or several do, or the prefix is so short that it may be a mistake.
    """
    names = ", ".join(one.location.name for one in stored)
    if len(prefix) < _SHORTEST_PREFIX:
        raise UnusableInput(
            f"generation '{prefix}': give at least the first {_SHORTEST_PREFIX} characters of its "
            f"name (there are {names})"
        )
    fitting = [one for one in stored if one.location.name.startswith(prefix)]
    if not fitting:
        raise UnusableInput(f"no generation {prefix} (there are {names})")
    if len(fitting) > 1:
        several = ", ".join(one.location.name for one in fitting)
        raise UnusableInput(f"several generations begin with {prefix}: {several}; give more of one")
    return fitting[0]


def differing_settings(stored: Sequence[Generation]) -> dict[str, list[str]]:
    """What tells the generations of a model apart.

    Returns:
        For the name of each generation its settings that others of its model have otherwise, or
        have not, as texts: ``shortlist 20``.
    """
    settings = {one.location.name: _settings_of(one.description) for one in stored}
    models = Counter(one.description.model_id for one in stored)
    # How many generations of a model have a setting so.
    shared = Counter(
        (one.description.model_id, *setting)
        for one in stored
        for setting in settings[one.location.name].items()
    )
    return {
        one.location.name: [
            f"{key} {value}"
            for key, value in sorted(settings[one.location.name].items())
            if shared[one.description.model_id, key, value] < models[one.description.model_id]
        ]
        for one in stored
    }


def _settings_of(key: GenerationKey) -> dict[str, str]:
    """What a generation follows from besides its model and the beam size, in few characters."""
    content = key.to_json()
    left_out = {"search", "model_id", "created", "partitions"}
    settings = {name: value for name, value in content.items() if name not in left_out}
    settings |= {name: value for name, value in content["search"].items() if name != "beam_size"}
    return {join_names([name]): join_names([_text(value)]) for name, value in settings.items()}


def _text(value: Any) -> str:
    """A value as it is written after ``--set``."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _name(key: GenerationKey) -> str:
    """The name of a generation: a hash of all that it follows from."""
    content = key.to_json()
    return hash_json({k: v for k, v in content.items() if k not in ("partitions", "created")})[:32]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
