"""An evaluation of texts in files says what sacrebleu's command says of them."""

import csv
import gzip
import json
import subprocess
import sys
from functools import partial
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
from nmt.translation.export.files import columns_of

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
    same = 3 if tokenize == "zh" else 4  # there TER counts the words that BLEU does
    assert shown(report)[:same] == expected[:same]


LINE = st.text(st.sampled_from("abc ABC.,!?-%1\u2028\u00a0\r\x85\t私。😀"), max_size=12)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(LINE, LINE, LINE), min_size=1, max_size=6), st.sampled_from(["13a", "char"])
)
def test_any_lines_are_scored_as_sacrebleu_reads_them(tmp_path_factory, rows, tokenize) -> None:
    folder = tmp_path_factory.mktemp("lines")
    files = [
        write(folder / f"{n}.txt", list(column)) for n, column in enumerate(zip(*rows, strict=True))
    ]
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


def table(file: Path, **columns: list) -> Path:
    pq.write_table(pa.table(columns), file)
    return file


def written(kind: str, file: Path, **columns: list) -> Path:
    """The same columns in another format."""
    names, rows = list(columns), list(zip(*columns.values(), strict=True))
    if kind == "csv":
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([names, *rows])
        return file
    objects = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    file.write_bytes(gzip.compress("\n".join(objects).encode()))
    return file


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_of_other_formats_are_scored_as_parquet_is(tmp_path, kind) -> None:
    columns = {"id": [*range(8)], "mt": [text.replace("\r", " ") for text in CANDIDATE],
               "target": FIRST}  # fmt: skip
    scores = {"id": [*range(8)], "COMET": [n / 8 for n in range(8)]}
    reports = []
    for name, write_as in (("parquet", table), (kind, partial(written, kind))):
        ending = f"{name}.gz" if name == "jsonl" else name
        candidate = write_as(tmp_path / f"c.{ending}", **columns)
        more = write_as(tmp_path / f"s.{ending}", **scores)
        folder = tmp_path / name
        folder.mkdir()
        options = {"candidate_column": "mt", "reference_column": "target", "id_column": "id"}
        reports.append(evaluate(folder, candidate, scores=(str(more),), **options))
    assert shown(reports[0]) == shown(reports[1])
    assert reports[0]["scores"] == reports[1]["scores"]
    assert reports[1]["scores"][-1]["metric"] == "COMET"


def test_a_column_is_scored_as_the_lines_are(tmp_path) -> None:
    candidate, first = write(tmp_path / "c.txt", CANDIDATE), write(tmp_path / "r.txt", FIRST)
    lines = evaluate(tmp_path, candidate, first)
    ids = [f"row {number}" for number in range(len(FIRST))]
    file = table(tmp_path / "c.parquet", id=ids, translation=CANDIDATE, target=FIRST)
    column = evaluate(tmp_path, file, reference_column="target")
    other = table(tmp_path / "r.parquet", target=FIRST)
    beside = evaluate(tmp_path, file, other, reference_column="target")
    assert lines["scores"] == column["scores"] == beside["scores"]
    assert [sample["id"] for sample in column["samples"]] == ids
    assert [sample["id"] for sample in lines["samples"]] == [*range(len(FIRST))]
    assert "by_length" not in lines
    assert "Evaluation report" in (tmp_path / "r/index.html").read_text()


def test_rows_of_a_table_without_a_translation_are_not_scored(tmp_path) -> None:
    some = [None if number in (2, 5) else text for number, text in enumerate(CANDIDATE)]
    file = table(tmp_path / "c.parquet", mt=some, target=FIRST, source=SECOND)
    report = evaluate(tmp_path, file, reference_column="target", candidate_column="mt")
    kept = [number for number in range(len(FIRST)) if number not in (2, 5)]
    candidate = write(tmp_path / "c.txt", [CANDIDATE[number] for number in kept])
    lines = evaluate(tmp_path, candidate, write(tmp_path / "r.txt", [FIRST[n] for n in kept]))
    assert report["scores"] == lines["scores"]
    assert report["counts"] == {"rows": 8, "translated": 6, "empty": 1}
    assert sum(entry["sentences"] for entry in report["by_length"]) == 6


def test_a_file_and_an_output_are_compared_line_by_line(saved_models, tmp_path) -> None:
    sources = [b"The dog sleeps.", b"\xffbroken", b"A cat.", b"The old dog sees."]
    (tmp_path / "in.txt").write_bytes(b"\n".join(sources))
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out")
    own = pq.read_table(tmp_path / "out/translations").to_pylist()
    texts = {row["id"]: row["translation"] for row in own}
    lines = write(tmp_path / "lines.txt", [texts.get(number, "x") for number in range(4)])
    references = write(tmp_path / "r.txt", ["Der Hund.", "x", "Katze.", "Der alte Hund sieht."])
    out = evaluate(tmp_path, tmp_path / "out", references, baseline=Location(lines))
    assert (out["comparison"]["sentences"], out["differences"]) == (3, [])
    assert "baseline" in out["by_length"][0]
    back = evaluate(
        tmp_path,
        lines,
        references,
        baseline=Location(tmp_path / "out"),
        source=str(tmp_path / "in.txt"),
    )
    assert back["scored_sentences"] == 4
    assert back["comparison"]["sentences"] == 3
    assert {entry["difference"] for entry in back["comparison"]["metrics"]} == {0}
    page = (tmp_path / "r/index.html").read_text()
    assert "lines.txt" in page
    assert "The old dog sees." in page


def test_two_files_are_compared(tmp_path) -> None:
    files = [write(tmp_path / f"{n}.txt", t) for n, t in enumerate((CANDIDATE, OTHER, FIRST))]
    report = evaluate(tmp_path, files[0], files[2], baseline=Location(files[1]))
    alone = evaluate(tmp_path, files[1], files[2])
    assert report["comparison"]["sentences"] == len(FIRST)
    assert [entry["baseline"] for entry in report["comparison"]["metrics"]] == [
        score["score"] for score in alone["scores"]
    ]
    assert {sample["id"] for sample in report["differences"]} <= set(range(len(FIRST)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidate": "none.txt"}, "none.txt: no such file or folder; check --candidate"),
        ({"candidate": "c.csv"}, "the row of line 4 cannot be read; mend it"),
        ({"candidate": "c.xlsx"}, "named .xlsx, but a spreadsheet cannot be read here"),
        ({"candidate": "c.parquet"}, "no column 'translation' for --candidate-column"),
        ({"candidate_column": "mt"}, "has lines and no column 'mt'; leave --candidate-column out"),
        ({"candidate": "c.parquet", "candidate_column": "n"}, "column 'n' for"),
        ({"candidate": "c.parquet", "candidate_column": "mt", "id_column": "twice"}, "an id twice"),
        ({"baseline": "short.txt"}, "translates 1 rows, but"),
        ({"source": "short.txt"}, "1 lines but the input has 8 rows; sources must be line-aligned"),
        ({"alignment_column": "gold"}, "holds no word alignments"),
        ({"reference_column": "target"}, "leave --reference-column out"),
        ({"references": (), "reference_column": "target"}, "has lines and no column 'target'"),
        ({"target_language": "nonsense"}, "--target-language: 'nonsense' is no language code"),
        ({"candidate": "long.txt"}, "row 2 has more than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(tmp_path, options, message) -> None:
    write(tmp_path / "c.txt", CANDIDATE)
    write(tmp_path / "c.csv", CANDIDATE)
    write(tmp_path / "c.xlsx", CANDIDATE)
    write(tmp_path / "short.txt", ["one"])
    write(tmp_path / "long.txt", ["one", "x" * 1_100_000])
    table(tmp_path / "c.parquet", mt=CANDIDATE, n=[*range(8)], twice=[*range(7), 0])
    options = {"references": (write(tmp_path / "r.txt", FIRST),), **options}
    places = {key: tmp_path / options.pop(key) for key in ("source",) if key in options}
    if "baseline" in options:
        options["baseline"] = Location(tmp_path / options["baseline"])
    candidate = tmp_path / options.pop("candidate", "c.txt")
    texts = {key: str(place) for key, place in places.items()}
    with pytest.raises(UnusableInput, match=message) as caught:
        evaluate(tmp_path, candidate, *options.pop("references"), **texts, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


def export_of(width: int) -> dict[str, list]:
    """The columns of an export in CSV, whose second row was rejected."""
    names = columns_of("title") if width > 1 else ["translation", "score", "flags", "reason"]
    values = [["", "x", ""], ["", "-0.5", "-1.5"], ["", "[]", "[]"], ["too_long", "", ""]]
    rows = dict(zip(names, values, strict=True))
    rows[names[0]] = [CANDIDATE[0], "", CANDIDATE[2]]
    rows[names[-1]] = ["", "too_long", ""]
    return {"id": ["a", "b", "c"], "title": FIRST[:3], **rows}


@pytest.mark.parametrize(("width", "column"), [(1, "translation"), (2, "title_translation")])
def test_rejected_rows_of_an_export_are_not_scored(tmp_path, width, column) -> None:
    file = written("csv", tmp_path / "e.csv", **export_of(width))
    report = evaluate(tmp_path, file, reference_column="title", candidate_column=column)
    assert report["counts"] == {"rows": 3, "translated": 2, "empty": 0}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_references_of_a_table_are_joined_by_id(tmp_path, kind) -> None:
    ids, order = [f"{number:02}" for number in range(8)], [3, 0, 7, 1, 2, 6, 5, 4]
    shuffled = [{"id": [ids[n] for n in order], name: [texts[n] for n in order]}
                for name, texts in (("target", FIRST), ("source", SECOND),
                                    ("translation", OTHER))]  # fmt: skip
    ending = {"jsonl": "jsonl.gz"}.get(kind, kind)
    refs, sources, other = (
        written(kind, tmp_path / f"{name}.{ending}", **columns)
        for name, columns in zip(("refs", "sources", "other"), shuffled, strict=True)
    )
    file = table(tmp_path / "c.parquet", id=ids, translation=FIRST, target=FIRST, source=SECOND)
    whole = table(tmp_path / "o.parquet", id=ids, translation=OTHER, target=FIRST, source=SECOND)
    expected = evaluate(tmp_path, file, reference_column="target", baseline=Location(str(whole)))
    bare = table(tmp_path / "b.parquet", id=ids, translation=FIRST)
    report = evaluate(
        *(tmp_path, bare, refs),
        reference_column="target",
        source=str(sources),
        baseline=Location(str(other)),
    )
    assert report["scores"] == expected["scores"]
    assert report["by_length"] == expected["by_length"]
    assert report["comparison"]["metrics"] == expected["comparison"]["metrics"]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "d"], r"r\.csv: no row has the id 'c' of .*c\.parquet; give the references of"),
        (["a", "b", "b"], r"r\.csv: column 'id' has an id twice; give each row one of its own"),
    ],
)
def test_references_of_other_rows_are_refused(tmp_path, ids, message) -> None:
    file = table(tmp_path / "c.parquet", id=["a", "b", "c"], translation=FIRST[:3])
    references = written("csv", tmp_path / "r.csv", id=ids, target=FIRST[:3])
    with pytest.raises(UnusableInput, match=message):
        evaluate(tmp_path, file, references, reference_column="target")
    assert not (tmp_path / "r").exists()


def test_a_translation_and_its_evaluation_join_references_by_id(saved_models, tmp_path) -> None:
    ids, texts = ["d", "b", "a"], ["The dog sleeps.", "A cat.", "The old dog sees."]
    source = table(tmp_path / "in.parquet", sid=ids, source=texts)
    references = written("csv", tmp_path / "r.csv", sid=ids[::-1], target=FIRST[2::-1])
    expected = table(tmp_path / "r.parquet", sid=ids, target=FIRST[:3])
    options = {"id_column": "sid", "reference_column": "target"}
    reports = []
    for name, file in (("a", references), ("b", expected)):
        translate(*(saved_models[0], source, tmp_path / name), references=(str(file),), **options)
        report = json.loads((tmp_path / name / "report/report.json").read_text())
        again = evaluate(tmp_path, tmp_path / name, references, reference_column="target")
        reports += [report["scores"], again["scores"]]
    assert all(scores == reports[0] for scores in reports)
