"""An evaluation of texts in files says what sacrebleu's command says of them."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outputs import translate
from sacrebleu.metrics import BLEU, CHRF, TER

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location

CANDIDATE = [
    "Der Hund schläft im Garten .",
    "",
    "Sie kauft\u2028ein Buch.",
    "Wir gehen\rmorgen nach Haus",
    "  私は IBM で働く。",
    "Das ist «gut», 1,5 %!",
    "Ein Satz ohne Punkt 😀",
    "Der Rest\x85 bleibt. \t",
]
FIRST = [
    "Der Hund schläft im Garten.",
    "Nichts.",
    "Sie kauft ein\u2028rotes Buch.",
    "Morgen gehen wir nach Hause.",
    "私はIBMで働きます。",
    "",
    "Ein Satz mit Punkt. 😀",
    "Der Rest bleibt hier.",
]
SECOND = [
    "Im Garten schläft der Hund.",
    "",
    "Ein Buch\u00a0kauft sie.",
    "",
    "  ",
    "Das ist gut: 1,5 %.",
    "x",
    "Der\u2009Rest bleibt!",
]
OTHER = [text.replace("e", "a") for text in FIRST]
_BOOTSTRAP = "|bs:1000|seed:12345"


def write(file: Path, lines: list[str]) -> Path:
    data = "".join(f"{line}\n" for line in lines).encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


def evaluate(folder: Path, candidate: Path, *references: Path, **options: object) -> dict:
    names = tuple(map(str, references))
    request = EvaluateRequest(Location(candidate), Location(folder / "r"), names, **options)
    return job.evaluate(request).to_json()


def shown(report: dict) -> list[tuple[str, str]]:
    """Each score with four decimals, and its signature without the interval's."""
    return [
        (f"{score['score']:.4f}", score["signature"].replace(_BOOTSTRAP, ""))
        for score in report["scores"]
    ]


def sacrebleu(*arguments: str | Path) -> list[dict]:
    """What sacrebleu's command prints."""
    command = [sys.executable, "-m", "sacrebleu", *map(str, arguments), "-f", "json", "-w", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    return printed if isinstance(printed, list) else [printed]


@pytest.mark.parametrize(
    ("count", "tokenize", "lowercase"),
    [(1, "13a", False), (2, "intl", True), (2, "zh", False), (1, "none", False)],
)
def test_scores_are_those_of_sacrebleus_command(tmp_path, count, tokenize, lowercase) -> None:
    candidate = write(tmp_path / "c.gz", CANDIDATE)
    references = [write(tmp_path / f"{n}.txt", (FIRST, SECOND)[n]) for n in range(count)]
    report = evaluate(tmp_path, candidate, *references, tokenize=tokenize, lowercase=lowercase)
    options = ["-lc", "--chrf-lowercase"] if lowercase else ["--ter-case-sensitive"]
    common = [*references, "-i", candidate, *options, "--tokenize", tokenize]
    printed = sacrebleu(*common, "-m", "bleu", "chrf", "ter")
    printed[2:2] = sacrebleu(*common, "-m", "chrf", "--chrf-word-order", "2")
    assert [score["name"] for score in printed] == ["BLEU", "chrF2", "chrF2++", "TER"]
    expected = [(f"{score['score']:.4f}", score["signature"]) for score in printed]
    if tokenize == "zh":  # TER then counts the words that BLEU does
        expected[-1] = shown(report)[-1]
    assert shown(report) == expected


LINE = st.text(st.sampled_from("abc ABC.,!?-%1\u2028\u00a0\r\x85\t私。😀"), max_size=12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LINE, LINE, LINE), min_size=1, max_size=6), st.sampled_from(["13a", "char"]))
def test_any_lines_are_scored_as_sacrebleu_reads_them(tmp_path_factory, rows, tokenize) -> None:
    folder = tmp_path_factory.mktemp("lines")
    files = [write(folder / f"{n}.txt", list(column)) for n, column in enumerate(zip(*rows))]
    report = evaluate(folder, *files, tokenize=tokenize)
    texts = []
    for file in files:  # as sacrebleu's command does
        with file.open(encoding="utf-8", newline="\n") as stream:
            texts.append([line.rstrip() for line in stream])
    metrics = BLEU(tokenize=tokenize, force=True), CHRF(), CHRF(word_order=2)
    metrics = (*metrics, TER(case_sensitive=True)) if tokenize == "13a" else metrics
    expected = [
        (f"{metric.corpus_score(texts[0], texts[1:]).score:.4f}", str(metric.get_signature()))
        for metric in metrics
    ]
    assert shown(report)[: len(expected)] == expected
