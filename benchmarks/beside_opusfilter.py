"""Whether the rules of `nmt prepare --filters` decide as those of OpusFilter, row for row.

Puts the noise of benchmarks/corpus_filters.py into a corpus, and decides on every pair with each
rule that both have, at several thresholds: characters (LengthFilter), words (LengthFilter), longest
word (LongWordFilter), share of letters (AlphabetRatioFilter), share of the expected script
(CharacterScoreFilter). Prints how many pairs each rejects, and on how many they differ; then the
first such pairs.

    python benchmarks/beside_opusfilter.py PAIRS --peer-python PYTHON [--messages FOLDER]

PYTHON is that of an environment with OpusFilter (`pip install opusfilter`). The languages are
English and German.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path

import numpy as np
from corpus_filters import read, read_messages, spoil

from nmt.corpus.filters import RULES, Languages, PairBatch
from nmt.storage.location import Location

# Name of our rule, its threshold, the class of OpusFilter, its options for the same decision.
# OpusFilter keeps a longest word below its threshold, ours one up to it.
RULES_OF_BOTH = (
    *(("characters", n, "LengthFilter", {"unit": "char", "max_length": n}) for n in (50, 200)),
    *(("words", n, "LengthFilter", {"unit": "word", "max_length": n}) for n in (10, 40)),
    *(("longest_word", n, "LongWordFilter", {"threshold": n + 1}) for n in (12, 30)),
    *(
        ("letters", n, "AlphabetRatioFilter", {"threshold": n, "exclude_whitespace": True})
        for n in (0.5, 0.75, 0.95)
    ),
    *(
        ("script", n, "CharacterScoreFilter", {"scripts": ["Latin", "Latin"], "thresholds": [n, n]})
        for n in (0.5, 0.9)
    ),
)
PEER = """
import json, sys
from opusfilter import filters
asked = json.load(sys.stdin)
decisions = []
for name, options in asked["rules"]:
    rule = getattr(filters, name)(**options)
    decisions.append([not rule.accept(score) for score in rule.score(asked["pairs"])])
json.dump(decisions, sys.stdout)
"""


def main() -> None:
    """Decide with both, and print on how many pairs they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Location)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--share", type=float, default=0.06)
    asked = parser.parse_args()
    clean = read(asked.pairs)
    pairs, kinds = spoil(clean, read_messages(asked.messages), asked.share, random.Random(1))
    given = {"pairs": pairs, "rules": [[name, options] for *_, name, options in RULES_OF_BOTH]}
    done = subprocess.run(
        [asked.peer_python, "-c", PEER],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    theirs = np.array(json.loads(done.stdout), bool)
    batch = PairBatch(*zip(*pairs, strict=True), Languages("en", "de"))
    rules = {rule.name: rule for rule in RULES}
    print(f"{len(pairs):,} pairs")
    print(f"{'rule':<14}{'threshold':>10}{'ours':>9}{'theirs':>9}{'differ':>8}")
    differing = []
    for (name, threshold, *_), their in zip(RULES_OF_BOTH, theirs, strict=True):
        ours = rules[name].rejects(rules[name].score(batch), threshold)
        different = np.flatnonzero(ours != their)
        print(
            f"{name:<14}{threshold:>10}{ours.sum():>9,}{their.sum():>9,}{len(different):>8,}",
            flush=True,
        )
        differing += [(name, threshold, place) for place in different[:3].tolist()]
    for name, threshold, place in differing:
        print(name, threshold, kinds[place], [side[:80] for side in pairs[place]])


if __name__ == "__main__":
    main()
