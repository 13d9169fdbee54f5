"""How well `nmt prepare --filters` finds dirt that is put into a clean corpus, and how fast.

Into the corpus go five kinds of noise, so many per cent of the pairs each:

    shuffled  the target of another pair
    language  a target in another language: half of them sentences of the source side, half messages
              in French, Spanish, Italian, Dutch, Polish and Swedish, if there are any
    copied    the source as its own target
    cut       half of the words of one side
    garbage   one side of random characters, one word again and again, numbers, base64, or boxes

A line per kind says how much of it is rejected, and why; that of `clean` is the loss.

    python benchmarks/corpus_filters.py PAIRS [--messages FOLDER] [--filters web] [--share 0.06]
        [--forward-model MODEL --backward-model MODEL [--cross-entropy NATS]]

FOLDER holds the messages of a program for gettext, as LANGUAGE/LC_MESSAGES/*.mo somewhere below it:
those of Django come with `pip download --no-deps django`, unpacked.
"""

from __future__ import annotations

import argparse
import base64
import gettext
import random
import string
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from nmt.corpus.filters import RULES, Languages, PairBatch
from nmt.corpus.prepare import prepare
from nmt.corpus.readers import open_pairs
from nmt.corpus.repeated import fingerprints, letters_of, pair_fingerprints
from nmt.corpus.request import PrepareRequest
from nmt.inference.pair_scores import open_scorer
from nmt.settings import FILTER_PRESETS, DataSettings, FilterSettings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

KINDS = ("shuffled", "language", "copied", "cut", "garbage")
LANGUAGES = ("fr", "es", "it", "nl", "pl", "sv")
SLOW = ("language",)  # filters that are no rules of characters and words
Pair = tuple[str, str]


def read(file: Location) -> list[Pair]:
    """The pairs of a clean corpus."""
    rows = open_pairs(file).rows()
    sides = ((row.source or b"", row.target or b"") for row in rows)
    return [(source.decode().strip(), target.decode().strip()) for source, target in sides]


def read_messages(folder: Path | None) -> list[str]:
    """Sentences in other languages, from the messages of a program."""
    messages: set[str] = set()
    for file in sorted(folder.rglob("*.mo")) if folder else ():
        if file.parent.parent.name in LANGUAGES:
            with file.open("rb") as content:
                catalog = vars(gettext.GNUTranslations(content))["_catalog"]
            messages.update(
                text
                for key, text in catalog.items()
                if key and isinstance(text, str) and len(text) >= 20 and not set("<\n") & set(text)
            )
    return sorted(messages)


def garbage(rng: random.Random) -> str:
    """A side that is no text."""
    size = rng.randrange(4, 12)
    signs = string.ascii_letters + string.digits + string.punctuation
    return rng.choice(
        (
            lambda: " ".join(
                "".join(rng.choices(signs, k=rng.randrange(2, 10))) for _ in range(size)
            ),
            lambda: " ".join([rng.choice(("haha", "la", "foo", "test", "click"))] * (2 * size)),
            lambda: " ".join(str(rng.randrange(10 ** rng.randrange(1, 6))) for _ in range(size)),
            lambda: base64.b64encode(rng.randbytes(6 * size)).decode(),
            lambda: "".join(rng.choices("─│┌┐■□●▲★☆ ", k=6 * size)),
        )
    )()


def spoil(
    pairs: list[Pair], messages: list[str], share: float, rng: random.Random
) -> tuple[list[Pair], list[str]]:
    """The pairs with noise put in, and the kind of each."""
    spoiled, kinds = list(pairs), ["clean"] * len(pairs)
    order = rng.sample(range(len(pairs)), len(pairs))
    size = int(share * len(pairs))
    for place, kind in enumerate(KINDS):
        chosen = order[place * size : (place + 1) * size]
        for number, other in zip(chosen, chosen[1:] + chosen[:1], strict=True):
            source, target = pairs[number]
            if kind == "shuffled":
                target = pairs[other][1]
            elif kind == "language":
                foreign = messages and rng.random() < 0.5
                target = rng.choice(messages) if foreign else pairs[rng.choice(order)][0]
            elif kind == "copied":
                target = source
            else:
                sides = [source, target]
                side = rng.randrange(2)
                words = sides[side].split()
                half = " ".join(words[: max(1, len(words) // 2)])
                sides[side] = half if kind == "cut" else garbage(rng)
                source, target = sides
            spoiled[number], kinds[number] = (source, target), kind
    return spoiled, kinds


def tell(dataset: Dataset, kinds: list[str]) -> None:
    """Print how much of each kind was rejected, and why."""
    reasons: dict[str, Counter[str]] = {kind: Counter() for kind in ("clean", *KINDS)}
    for table in dataset.read("rejected", ["id", "reason"]):
        for number, reason in zip(*table.to_pydict().values(), strict=True):
            reasons[kinds[number]][reason] += 1
    for kind, found in reasons.items():
        share = found.total() / max(kinds.count(kind), 1)
        listed = ", ".join(f"{reason} {count:,}" for reason, count in found.most_common())
        print(f"{kind:<9}{share:>8.2%}  {listed}")


def tell_entropies(dataset: Dataset, kinds: list[str]) -> None:
    """Print how the models' scores of each kind are distributed."""
    scores: dict[str, list[float]] = {kind: [] for kind in ("clean", *KINDS)}
    for entry in dataset.info.files.scores:
        with (dataset.location / entry.name).open() as file:
            table = pq.read_table(file, columns=["id", "cross_entropy"])
        for number, score in zip(*table.to_pydict().values(), strict=True):
            if score is not None:
                scores[kinds[number]].append(score)
    for kind, own in scores.items():
        if own:
            parts = np.quantile(own, (0.01, 0.1, 0.5, 0.9, 0.99))
            print(f"{kind:<9} cross-entropy at 1, 10, 50, 90, 99 %: {np.round(parts, 2)}")


def time_rules(pairs: list[Pair], languages: Languages) -> None:
    """Print how long the rules and the fingerprints take."""
    spent: Counter[str] = Counter()
    for first in range(0, len(pairs), 8192):
        batch = PairBatch(*zip(*pairs[first : first + 8192], strict=True), languages)
        for rule in RULES:
            start = time.process_time()
            rule.score(batch)
            spent[rule.name] += time.process_time() - start
        start = time.process_time()
        sources, targets = batch.source.texts, batch.target.texts
        pair_fingerprints(sources, targets)
        pair_fingerprints([*map(letters_of, sources)], [*map(letters_of, targets)])
        fingerprints(map(letters_of, sources))
        spent["repetitions"] += time.process_time() - start
    for name, seconds in spent.items():
        print(f"{name:<20}{1e6 * seconds / len(pairs):>8.2f} µs a pair")
    rules = sum(seconds for name, seconds in spent.items() if name not in SLOW)
    print(f"rules without {', '.join(SLOW)}: {len(pairs) / rules:,.0f} pairs a second and core")


def main() -> None:
    """Put noise into a corpus, filter it, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", help="a clean corpus: source<TAB>target")
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--filters", choices=FILTER_PRESETS, default="web")
    parser.add_argument("--share", type=float, default=0.06)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source-language", default="en")
    parser.add_argument("--target-language", default="de")
    parser.add_argument("--forward-model", type=Location, help="scores pairs, as the next one")
    parser.add_argument("--backward-model", type=Location)
    parser.add_argument("--cross-entropy", type=float, default=0.0, help="its threshold")
    arguments = parser.parse_args()
    clean = read(Location(arguments.pairs))
    messages = read_messages(arguments.messages)
    rng = random.Random(arguments.seed)
    pairs, kinds = spoil(clean, messages, arguments.share, rng)
    print(f"{len(pairs):,} pairs, {arguments.share:.0%} of each kind, {len(messages):,} messages")
    settings = DataSettings(
        filters=arguments.filters,
        vocab_size=4000,
        source_language=arguments.source_language,
        target_language=arguments.target_language,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "noisy.tsv")
        file.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
        start = time.process_time()
        output = Location(Path(folder, "dataset"))
        models = {
            "forward_model": arguments.forward_model,
            "backward_model": arguments.backward_model,
        }
        thresholds = FilterSettings()
        if any(models.values()):
            thresholds = FilterSettings(cross_entropy=arguments.cross_entropy)
        request = PrepareRequest(output, settings, thresholds, pairs=Location(file), **models)
        dataset = prepare(request, open_scorer)
        tell(dataset, kinds)
        if any(models.values()):
            tell_entropies(dataset, kinds)
        print(f"the whole of prepare: {time.process_time() - start:.0f} s of CPU time")
    time_rules(pairs, Languages(arguments.source_language, arguments.target_language))


if __name__ == "__main__":
    main()
