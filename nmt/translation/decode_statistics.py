"""What decoding cost, in numbers that add up over units: for the report's throughput."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from nmt.inference.translator import Translation, Translator
from nmt.process import peak_bytes
from nmt.reject_reasons import RejectReason
from nmt.translation.quarantine import Attempts, surviving

_SUMS = ("sentences", "target_tokens", "seconds", "source_tokens", "source_places")


def decode(
    translator: Translator, texts: Sequence[str], attempts: Attempts
) -> tuple[tuple[list[Translation], dict[int, RejectReason]], dict[str, Any]]:
    """Translate those sentences that can be translated; see `surviving`.

    Returns:
        What `surviving` found, and a record of what that cost.
    """
    before, start = replace(translator.packing), time.monotonic()
    found = surviving(texts, translator.translate, attempts)
    seconds, packing = time.monotonic() - start, translator.packing
    tokens = sum(len(result.tokens) for result in found[0])
    translator.tuning.tell(tokens / max(seconds, 1e-9))
    return found, {
        "sentences": len(found[0]),
        "target_tokens": tokens,
        "seconds": seconds,
        "source_tokens": packing.tokens - before.tokens,
        "source_places": packing.places - before.places,
        "peak_bytes": peak_bytes(),
    }


def throughput(
    records: Iterable[dict[str, Any]], efforts: Iterable[dict[str, Any]]
) -> dict[str, float]:
    """Sentences and tokens a second of one actor's decoding time, the share of padding in the
    sources, and the most memory that an actor and a task had.

    Args:
        records: of the units.
        efforts: of what was decoded apart from units, for a memory; see `decode`.
    """
    total = dict.fromkeys(_SUMS, 0.0)
    actor = task = 0
    parts = list(efforts)
    for record in records:
        task = max(task, record.get("peak_bytes", 0))
        if "decoding" in record:
            parts.append(record["decoding"])
    for part in parts:
        actor = max(actor, part["peak_bytes"])
        total = {name: total[name] + part[name] for name in _SUMS}
    seconds, places = max(total["seconds"], 1e-9), total["source_places"]
    peaks = {"actor_peak_bytes": actor, "task_peak_bytes": task}
    return {
        "sentences_per_second": round(total["sentences"] / seconds, 2),
        "target_tokens_per_second": round(total["target_tokens"] / seconds, 2),
        "decode_seconds": round(total["seconds"], 2),
        "padding": round(1.0 - total["source_tokens"] / places, 6) if places else 0.0,
        **{name: peak for name, peak in peaks.items() if peak},
    }
