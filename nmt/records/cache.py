"""The cache of translations, and what a job notes while it uses one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from nmt.records.base import Count, Record


class CacheRun(Record):
    """``OUT/_memory.json``: the name of the job in the cache, and the hash of the job."""

    run: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    job: str


class CachedSearch(Record):
    """Settings of the search that change translations."""

    beam_size: Count


class GenerationKey(Record):
    """All that the translations of a generation follow from besides their sources; its hash is
    the name of the generation."""

    format_version: Count = 0
    model_id: str
    search: CachedSearch
    dictionary: str | None = None
    raw_sources: bool = False


class GenerationRecord(GenerationKey):
    """``CACHE/…/generation.json``."""

    created: JsonValue = ""
