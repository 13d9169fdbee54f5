"""Reports to test with: a full one, and one in which every text is an attack."""

from typing import Any

import numpy as np

from nmt.report.heatmap import attention_heatmap

ATTACK = (
    '<script>alert(1)</script>"onmouseover="alert(2)" \'></textarea></title></style>'
    "<img src=x onerror=alert(3)>javascript:alert(4){{ 7*7 }}\x00\ud800\u202e\u2066https://evil.example/x"
)


def full_report() -> dict[str, Any]:
    """A report with every part that the page knows."""
    signature = "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1"
    samples = [
        {
            "id": number,
            "source": f"A man number {number} walks.",
            "translation": f"Ein Mann Nummer {number} geht.",
            "reference": "Ein Mann läuft." if number else None,
            "score": -0.1 * ((number * 3) % 7),
            "chrf": 50.0 + number,
            "flags": ["truncated"] if number == 2 else [],
        }
        for number in range(6)
    ]
    for sample in samples[:3]:
        words = sample["translation"].split()
        weights = [[round(90 / (1 + abs(i - j)) ** 3) for j in range(5)] for i in range(len(words))]
        sample["attention"] = {
            "source": sample["source"].split(),
            "target": words,
            "weights": [" ".join(map(str, row)) for row in weights],
        }
    # The model reads other words than stand there.
    looked = samples[2]["attention"]
    looked["source"] = ["a", "man", "number", "two", "walks", "</script>"]
    looked["weights"] = [f"{row} 0" for row in looked["weights"]]
    samples.append({"id": 99, "source": "Übermorgen schneit es.", "translation": "", "flags": []})
    return {
        "title": "Test set, nightly",
        "created": "2026-01-05T14:03:00+00:00",
        "verdict": "done, but look: the mean score is -0.620",
        "exit_status": 0,
        "alarms": [
            {
                "measure": "score", "value": -0.62, "baseline": -0.4,
                "limits": {"drift.score": 0.1}, "text": "the mean score is -0.620",
            }
        ],
        "groups": [
            {
                "column": "domain",
                "values": [
                    {
                        "value": value, "other": other, "rows": 300, "rejected": 2,
                        "sentences": 298, "bleu": 33.3, "chrf": 55.1, "ter": 50.2,
                        "baseline": 30.1,
                        "rates": {"score": -0.3, "unk": 0.01, "length_ratio": 1.1, "rejected": 0},
                    }
                    for value, other in (("news", False), ("", False), (None, False), (None, True))
                ],
            }
        ],
        "model": {
            "id": "9f8a7b6c5d4e3f2a", "name": "small", "direction": "en → de",
            "parameters": 1234567,
        },
        "counts": {
            "rows": 1003, "translated": 1000, "rejected": 3, "empty": 1, "truncated": 2,
            "source_tokens": 13058, "target_tokens": 12411,
            "rejected_by_reason": {"not UTF-8": 2, "null": 1},
        },
        "rates": {
            "rejected": 0.003, "unk": 0.00042, "truncated": 0.002, "repetition": 0.01,
            "length_ratio": 0.98, "attention_entropy": 1.07, "coverage": 0.93,
            "suspicious": 0.0123, "brevity_penalty": 0.97,
        },
        "throughput": {
            "sentences_per_second": 83.4, "target_tokens_per_second": 1034.2,
            "decode_seconds": 12.0, "total_seconds": 94.3,
        },
        "scores": [
            {
                "metric": metric, "score": score, "confidence": [score - 1, score + 1],
                "signature": signature, "text": "raw",
                **({"lower_is_better": True} if metric == "metricx" else {}),
            }
            for metric, score in (
                ("BLEU", 35.1), ("chrF2", 58.4), ("TER", 49.3), ("metricx", 2.0),
            )
        ],
        "comparison": {
            "baseline": "out/yesterday",
            "baseline_created": "2026-01-04T14:03:00+00:00",
            "paired": 999,
            "changed": 0.253,
            "sentences": 998,
            "rates": {
                "score": {"value": -0.62, "baseline": -0.4, "difference": -0.22},
                "length_ratio": {"value": 1.0, "baseline": 0.9, "difference": 0.1},
                "coverage": {"value": 0.93, "baseline": 0.9341, "difference": -0.0041},
                "unk": {"value": 0.0042, "baseline": 0.0043, "difference": -0.0001},
            },
            "throughput": {
                "sentences_per_second": {"value": 83.4, "baseline": 80.0, "difference": 3.4}
            },
            "metrics": [
                {
                    "metric": "BLEU", "score": 35.1, "confidence": [34.1, 36.1], "baseline": 34.2,
                    "baseline_confidence": [33.2, 35.2], "difference": 0.9, "p": 0.012,
                    "signature": signature,
                },
                {"metric": "TER", "score": 49.3, "baseline": 49.5, "difference": -0.2, "p": 0.31},
                {"metric": "metricx", "score": 2.0, "baseline": 1.97, "difference": 0.03,
                 "p": 0.01, "lower_is_better": True},
            ],
        },
        "differences": [
            {
                **samples[number], "baseline": "Nummer." if number else "", "baseline_chrf": 41.5,
                "difference": 8.5 - number,
            }
            for number in [0, 1, 2, 3, 4, 5] * 2
        ],
        "suspicious": [
            {**samples[2], "coverage": 0.31, "attention_entropy": 2.2, "reasons": ["looping"]}
        ],
        "rejected": [
            {"id": 7, "reason": "not UTF-8", "text_column": "title", "source": "A \ufffd."},
            {"id": "x", "reason": "not UTF-8", "text_column": "body", "source": ""},
            {"id": None, "reason": "null", "text_column": "body", "source": None},
        ],
        "alignment": {"of": "Attention", "aer": 0.12, "aer_diagonal": 0.4, "sentences": 200},
        "by_length": [
            {"from": 1, "to": 10, "sentences": 312, "bleu": 38.2, "chrf": 60.5, "ter": 44.2,
             "baseline": 39.1},
            {"from": 11, "to": 20, "sentences": 601, "bleu": 34.7, "baseline": 33.0},
            {"from": 21, "to": None, "sentences": 0, "bleu": None},
        ],
        "samples": samples,
        "settings": {"search": {"beam_size": 5, "length_penalty": 1.0}, "stop": []},
        "inputs": [
            {"path": "s3://corpora/test.parquet", "bytes": 62076, "sha256": "ab" * 32, "rows": 1003}
        ],
        "versions": {"python": "3.11.9", "ray": "2.55.1"},
    }  # fmt: skip


def long_report(count: int) -> dict[str, Any]:
    """The full report with so many sentences in each list of them."""
    report = full_report()
    for name in ("samples", "suspicious", "differences"):
        kinds = report[name]
        report[name] = [{**kinds[i % len(kinds)], "id": i} for i in range(count)]
    return report


def attacked(value: Any) -> Any:
    """The same report with an attack in place of, or after, every text and in free keys."""
    if isinstance(value, str):
        return ATTACK
    if isinstance(value, list):
        return [attacked(entry) for entry in value]
    if isinstance(value, dict):
        changed = {key: attacked(entry) for key, entry in value.items()}
        return {**changed, ATTACK: ATTACK} if "metric" not in value else changed
    return value


def attacked_report() -> dict[str, Any]:
    """A report in which every text, and one more key of every dictionary, is an attack."""
    report = attacked(full_report())
    report["counts"]["rejected_by_reason"] = {ATTACK: 3}
    for sample, before in zip(report["samples"], full_report()["samples"], strict=True):
        sample["flags"] = [ATTACK, "empty"]
        if "attention" in sample:  # weights that are none are not shown at all
            sample["attention"]["weights"] = before["attention"]["weights"]
    return report


def pictures(count: int = 2) -> list[tuple[str, bytes]]:
    """Small heatmaps with headings."""
    png = attention_heatmap(np.eye(3), ["▁a", "▁b", "▁c"], ["▁A", "▁B", "▁C"], title="picture")
    return [(f"Sentence {number}", png) for number in range(count)]
