"""Validation, translation, evaluation and sacrebleu's command line give the same BLEU."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from corpora import make, rows, write_lines
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.inference.translator import Translator
from nmt.settings import SearchSettings
from nmt.shards import Dataset
from nmt.storage.location import Location
from nmt.training.strategy import Replicas
from nmt.training.validation import Validator

_WHO = ("dog", "犬"), ("cat", "猫"), ("bird", "鳥"), ("child", "子供"), ("queen", "女王")
_WHAT = ("sees", "を見る"), ("likes", "が好きだ"), ("buys", "を買う"), ("hears", "を聞く")
_SEARCH = SearchSettings(max_length_ratio=0.5, max_length_extra=8)


def _pairs() -> list[tuple[str, str]]:
    return [
        (f"The {who} {verb} {number} {what}s.", f"{wer}は{number}匹の{was}{tun}。")
        for number, (who, wer) in enumerate(_WHO)
        for what, was in _WHO
        for verb, tun in _WHAT
    ]


def sacrebleu(hypotheses: list[str], references: list[str], tokenize: str, folder: Path) -> str:
    """What sacrebleu's command line prints."""
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        (folder / name).write_text("".join(f"{text}\n" for text in texts))
    command = [sys.executable, "-m", "sacrebleu", "references", "-i", "hypotheses"]
    command += ["-m", "bleu", "-b", "-w", "4", "--tokenize", tokenize]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def japanese(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """A dataset, and a MODEL with random weights that is rather good on its valid split.

    Its own translations, each with some other characters, are the references there.
    """
    folder = tmp_path_factory.mktemp("japanese")
    lines = [f"{source}\t{target}".encode() for source, target in _pairs()]
    pairs, settings = write_lines(folder / "pairs.tsv", lines), {"vocab_size": 120}
    first = make(folder / "first", settings, pairs=pairs)
    source, target = first.source_vocabulary, first.target_vocabulary
    info = {
        "data": first.described_settings,
        "direction": first.info.languages.to_json(),
        "validation": {},
    }
    model = tiny_model(source.size, target.size, 3)
    bundle.save(model, source, target, info, Location(folder / "model"))
    sources = [source for source, _ in _pairs()[::5]]
    translator = Translator(bundle.load(Location(folder / "model")), _SEARCH)
    references = [
        result.text[:-2] + "だ" if number % 2 else result.text
        for number, result in enumerate(translator.translate(sources))
    ]
    valid = (
        write_lines(folder / "valid.en", [text.encode() for text in sources]),
        write_lines(folder / "valid.ja", [text.encode() for text in references]),
    )
    train = [
        write_lines(folder / f"train.{code}", [line.split(b"\t")[side] for line in lines])
        for side, code in enumerate(("en", "ja"))
    ]
    dataset = make(folder / "data", settings, sources=(train[0],), targets=(train[1],), valid=valid)
    return dataset, folder / "model"


@pytest.mark.system
def test_one_bleu_wherever_it_is_computed(japanese, tmp_path) -> None:
    dataset, model = japanese
    assert dataset.info.languages.target == "ja"
    loaded = bundle.load(Location(model))
    tokenize = tokenizer_for("auto", "ja")
    translator = Translator(loaded, _SEARCH)
    validator = Validator(dataset, loaded.model, translator, 1000, tokenize, Replicas())
    validation = validator.validate()
    given = str(dataset.location / "valid")
    report = translate(
        model, given, tmp_path / "out", reference_column="target", search=_SEARCH, heatmaps=0
    ).report.to_json()
    out = Location(tmp_path / "out")
    request = EvaluateRequest(out, Location(tmp_path / "r"), reference_column="target")
    again = evaluate(request).to_json()
    actual = pq.read_table(tmp_path / "out" / "translations").to_pylist()
    assert [row["target"] for row in actual] == [row["target"] for row in rows(dataset, "valid")]
    texts = [[row[name] for row in actual] for name in ("translation", "target")]
    printed = sacrebleu(*texts, tokenize, tmp_path)
    scores = [validation.bleu, *(entry["scores"][0]["score"] for entry in (report, again))]
    assert [f"{score:.4f}" for score in scores] == [printed] * 3
    assert 20 < float(printed) < 99
    signature = validator.signatures["BLEU"]
    for entry in (report, again):
        assert entry["scores"][0]["signature"].replace("|bs:1000|seed:12345", "") == signature
