"""What decoding cost, in numbers that add up over units: for the report's throughput."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from nmt.inference.row_filter import CleanedText
from nmt.inference.translator import Translation, Translator
from nmt.process import peak_bytes
from nmt.reject_reasons import RejectReason
from nmt.translation.quarantine import Attempts, decode_surviving

_SUMS = ("sentences", "target_tokens", "seconds", "source_tokens", "source_places")


def decode(
    translator: Translator, sources: Sequence[CleanedText], attempts: Attempts
) -> tuple[tuple[list[Translation], dict[int, RejectReason]], dict[str, Any]]:
    """Translate those texts that can be translated; see `decode_surviving`.

    Returns:
        What `decode_surviving` returns, and a record of what that cost.
    """
    decoder = translator.decoder
    before, start = replace(decoder.padding), time.monotonic()
    decoded = decode_surviving(
        sources, lambda some, failed: decoder.decode(some, failed=failed), attempts
    )
    seconds, padding = time.monotonic() - start, decoder.padding
    translations, _ = decoded
    tokens = sum(len(translation.tokens) for translation in translations)
    decoder.tuning.record_speed(tokens / max(seconds, 1e-9))
    return decoded, {
        "sentences": len(translations),
        "target_tokens": tokens,
        "seconds": seconds,
        "source_tokens": padding.tokens - before.tokens,
        "source_places": padding.places - before.places,
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
