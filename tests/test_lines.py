"""``nmt translate`` without --input and --output: line n in, line n out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nmt import bundle
from nmt.cli import application, lines
from nmt.inference import decoding
from nmt.inference.translator import load_model
from nmt.storage.location import Location
from nmt.text_limits import most_bytes
from nmt.translation.results_table import ALTERNATIVES
from nmt.vocabulary.extension import with_tags

pytestmark = pytest.mark.usefixtures("eagerly")

TEXT = b"\xef\xbb\xbfThe dog sleeps.\r\n\nA man\xe2\x80\xa8reads.\n\xff\xfe\n  \nWe play"


def translate(
    model: Path, text: bytes, *options: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, bytes, str]:
    """Exit status, standard output and standard error of the command in this process."""
    (folder / "stdin").write_bytes(text)
    with CliRunner(env={"NMT_CONFIG": "", "RAY_ADDRESS": ""}).isolation() as (out, error, *_):
        with (folder / "stdin").open("rb") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            app, words = application.application(), ["translate", "--model", str(model), *options]
            with pytest.raises(SystemExit) as ended:
                application.run(app, words)
        sys.stdout.flush()
        sys.stderr.flush()
        return int(ended.value.code or 0), out.getvalue(), error.getvalue().decode()


@pytest.fixture
def run(saved_models, tmp_path, monkeypatch):
    def run(text: bytes, *options: str) -> tuple[int, bytes, str]:
        return translate(saved_models[0], text, *options, folder=tmp_path, monkeypatch=monkeypatch)

    return run


def test_line_n_of_the_output_translates_line_n_of_the_input(run, saved_models) -> None:
    status, out, error = run(TEXT)
    texts = ["The dog sleeps.", "", "A man\u2028reads.", "", "", "We play"]
    expected = load_model(str(saved_models[0])).translate(texts)
    assert status == 0
    assert out.decode() == "".join(f"{one.text}\n" for one in expected)
    assert [line.partition("WARNING translate: ")[2] for line in error.splitlines()] == [
        "line 4: rejected (broken_utf8); its translation is left empty",
        "line 3: several lines or sentences, translated as one",
    ]


def test_the_options_of_the_search_and_of_the_output(run, saved_models) -> None:
    best = load_model(str(saved_models[0])).translate(["We play."], beam_size=3, n_best=2)[0]
    options = ("--beam-size", "3", "--n-best", "2")
    rows = run(b"We play.\n", *options, "--alignments")[1].decode().splitlines()
    fields = [row.split(" ||| ") for row in rows]
    assert [row[:2] for row in fields] == [["0", one.text] for one in best.alternatives]
    assert all(len(row) == 4 for row in fields)
    (line,) = run(b"We play.\n", *options, "--json")[1].decode().splitlines()
    assert run(b"We play.\n", *options, "--output-format", "jsonl")[1].decode() == f"{line}\n"
    record = json.loads(line)
    assert record["translation"] == best.text
    assert [one["translation"] for one in record["alternatives"]] == [row[1] for row in fields]
    assert {*record["alternatives"][0]} == {field.name for field in ALTERNATIVES.value_type}
    rankings = [one["ranking"] for one in record["alternatives"]]
    assert rankings == sorted(rankings, reverse=True)
    text, links = run(b"We play.\n", "--alignments")[1].decode().rstrip("\n").split("\t")
    assert record.keys() >= {"score", "source_tokens", "target_tokens", "flags"}
    assert all("-" in link for link in links.split())
    assert text


def test_texts_in_another_script_are_pointed_out(run) -> None:
    remark = "the model translates from en, but most letters of the first texts are Hiragana"
    _, _, error = run("わたしはここにいます。\n".encode())
    assert remark in error
    assert remark not in run(b"We play.\n")[2]


def test_a_model_that_knows_tagged_texts_alone_asks_for_a_tag(
    demo_dataset, tiny_model, tmp_path, monkeypatch
) -> None:
    source = with_tags(demo_dataset.source_vocabulary, ["talk", "manual"])
    target = demo_dataset.target_vocabulary
    data = demo_dataset.described_settings
    for always in (True, False):
        info = {"direction": {"source": "en", "target": "de"}, "data": data}
        info |= {"always_tagged": True} if always else {}
        model, made = tmp_path / str(always), tiny_model(source.size, target.size, 1)
        bundle.save(made, source, target, info, Location(model))
        options = {"folder": tmp_path, "monkeypatch": monkeypatch}
        remark = "all training pairs of the model had a tag (manual, talk); give --tag"
        assert (remark in translate(model, b"We play.\n", **options)[2]) == always
        assert remark not in translate(model, b"We play.\n", "--tag", "talk", **options)[2]


def test_a_rejected_line_says_why_in_json(run) -> None:
    _, out, _ = run(b"\xff\n\nWe play.\n", "--json")
    rejected, blank, translated = map(json.loads, out.decode().splitlines())
    assert rejected == {"translation": "", "rejected": "broken_utf8"}
    assert (blank["translation"], blank["flags"]) == ("", ["empty"])
    assert "rejected" not in translated


def test_a_line_without_an_end_is_rejected_without_being_held(run) -> None:
    status, out, error = run(b"a" * (3 * most_bytes(50_000)) + b"\nWe play.\n")
    assert status == 0
    assert out.startswith(b"\n")
    assert out.count(b"\n") == 2
    assert "line 1: rejected (too_many_characters)" in error


def test_lines_that_arrive_in_parts_are_copied_once(monkeypatch) -> None:
    copied = []

    class Read(bytes):
        def __radd__(self, begun: bytes) -> bytes:
            copied.append(len(begun))
            return bytes(begun) + bytes(self)

    text = b"a\n\nbc\r\n" + b"x" * 1000 + b"\n" + b"y" * 9
    for size in (1, 2, 7, 4000):
        parts = [Read(text[i : i + size]) for i in range(0, len(text), size)]
        monkeypatch.setattr(lines, "_read", lambda _, parts=parts: parts and parts.pop(0))
        assert [line for some in lines._arriving(500) for line in some] == [
            *(b"a", b"", b"bc", b"x" * 501, b"y" * 9)
        ]
    assert sum(copied) < 10 * len(text)


def test_a_line_whose_translation_is_too_long_costs_no_other(run, monkeypatch) -> None:
    monkeypatch.setattr(decoding, "most_translated", lambda _: 1)
    status, out, error = run(b"We play.\n\n")
    assert (status, out) == (0, b"\n\n")
    assert "line 1: rejected (too_many_characters)" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--heatmaps", "3"], "--heatmaps goes with --input and --output"),
        (["--output-format", "csv"], "from standard input give text or jsonl"),
        (["--input", "x"], "Missing option '--output'"),
        (
            ["--input", "-"],
            "--input -: for standard input and output leave out --input and --output",
        ),
        (["--input", "x", "--output", "-"], "--output -: for standard input and output leave out"),
        (["--input", "x", "--output", "y", "--json"], "--json does not go with --input"),
        (["--n-best", "2"], "set --beam-size 2 (search.beam_size) or more"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(run, options, message) -> None:
    status, out, error = run(b"", *options)
    assert (status, out, error.count("\n")) == (2, b"", 1)
    assert message in error


@pytest.mark.system
def test_a_line_is_answered_before_the_next_one_comes(saved_models) -> None:
    command = [sys.executable, "-m", "nmt", "translate", "--model", str(saved_models[0])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for line in (b"We play.\n", b"\n", b"The dog sleeps.\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\n")
    process.stdout.close()  # as `head` does
    process.stdin.write(b"We play.\n")
    process.stdin.close()
    assert process.wait(timeout=120) == 141


def test_a_line_for_which_memory_lacks_is_rejected(run, monkeypatch) -> None:
    """And no other."""
    real = decoding.Decoder.decode

    def decode(self, sources, failed):
        for place, result in real(self, sources, failed=failed):
            if "man" in sources[place].text:
                failed(place, MemoryError("ONNX Runtime, graph decode"))
            else:
                yield place, result

    monkeypatch.setattr(decoding.Decoder, "decode", decode)
    status, out, error = run(b"We play.\nA man reads.\nThe dog sleeps.\n")
    assert status == 0
    assert [bool(line) for line in out.decode().splitlines()] == [True, False, True]
    assert "line 2: rejected (out_of_memory); its translation is left empty" in error
