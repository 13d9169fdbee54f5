"""What is said of an output that another job has begun."""

from nmt.changes import Change, describe_changes
from nmt.corpus.dataset_folder import NAMES as PREPARED
from nmt.corpus.dataset_folder import preparation_changes
from nmt.options import declared_fields
from nmt.records.dataset import Preparation
from nmt.records.output import JobRecord, JobSettings
from nmt.settings import FILTER_PRESETS, Settings
from nmt.translation.job_changes import NAMES, job_changes
from nmt.translation.request import TranslateRequest


def job(**settings) -> JobRecord:
    inputs = settings.pop("inputs", {"a.jsonl": "sha256 a"})
    known = {"text_column": "title", "id_column": None, "max_rejected": 0.01, "gate": {}}
    values = {**known, "search": {"beam_size": 1}, **settings}
    return JobRecord(model_id="a" * 64, inputs=inputs, settings=JobSettings.model_validate(values))


def said(before: JobRecord, after: JobRecord) -> str:
    return describe_changes(job_changes(before, after), NAMES)


def test_changes_of_a_translation_are_said_as_they_are_typed() -> None:
    assert said(job(), job()) == ""
    several = job(text_column="body", search={"beam_size": 5}, export_compression="gzip")
    assert said(job(), several) == (
        "--text-column title → body; search.beam_size 1 → 5; --export-compression not set → gzip"
    )
    both = job(text_columns=["title", "body"], alignments=True)
    assert said(job(), both) == "--text-column title → title, body; --alignments not set → set"
    assert said(both, job()) == "--text-column title, body → title; --alignments set → not set"
    gates = job(gate={"bleu": 20.0}, gated=True, tokenize="zh")
    assert said(job(), gates) == (
        "scoring.tokenize not set → zh; --gate not set → set; gate.bleu not set → 20.0"
    )
    drift = job(gated=True, drift={"length_ratio": 0.1, "bleu": 1.0})
    assert said(drift, job()) == (
        "--gate set → not set; drift.bleu 1.0 → not set; drift.length_ratio 0.1 → not set"
    )


def test_no_mapping_is_said_as_python_writes_it() -> None:
    change = Change("settings.keep", {"news": 0.5, "web": None}, {})
    assert describe_changes([change], {"settings.": ""}) == ("keep news 0.5, web not set → not set")


def test_the_model_and_the_input_come_first_and_six_are_named() -> None:
    other = job(
        heatmap_pages=True,
        heatmap_words=True,
        group_by=["source"],
        export_compression="gzip",
        output_format="csv",
        search={"beam_size": 5, "n_best": 2},
        inputs={"b.jsonl": "sha256 b", "a.jsonl": "sha256 c", "c.jsonl": "", "d.jsonl": ""},
    ).model_copy(update={"model_id": "b" * 64})
    assert said(job(), other) == (
        "--model aaaaaaaaaaaa… → bbbbbbbbbbbb…; "
        "--input: a.jsonl has changed, b.jsonl is new and 2 more; "
        "search.beam_size 1 → 5; search.n_best not set → 2; --output-format not set → csv; "
        "--export-compression not set → gzip; and 3 more"
    )


def test_each_setting_of_a_translation_has_the_name_of_an_option() -> None:
    options = {f"--{one.name.replace('_', '-')}" for one in declared_fields(TranslateRequest)}
    groups = tuple(f"{group}." for group in Settings.model_fields)
    folders = NAMES["settings.folders"]
    for name in set(JobSettings.model_fields) - {"search", "gate", "drift", "text_columns"}:
        line = describe_changes([Change(f"settings.{name}", "x", "y")], NAMES)
        option = line.removesuffix(" x → y")
        assert option in options or option == folders or option.startswith(groups), line


def test_changes_of_a_preparation_are_said_as_they_are_typed() -> None:
    file = {"name": "a.tsv", "bytes": 3, "sha256": "a" * 64}
    plain = Preparation(
        settings={"vocab_size": 8000, "quotes": False}, inputs={"train": {"0": file}}
    )

    def changed_to(**update) -> str:
        new = plain.model_copy(update=update)
        return describe_changes(preparation_changes(plain, new), PREPARED)

    corpus = {"filters": "web", "thresholds": FILTER_PRESETS["web"], "weight": 1.0, "files": 1}
    assert changed_to(corpora={"all": corpus}) == "--filters none → web"
    strict = {**corpus, "thresholds": {**FILTER_PRESETS["web"], "letters": 0.9}}
    assert changed_to(corpora={"all": strict}) == (
        "--filters none → web; filter.letters not set → 0.9"
    )
    several = changed_to(corpora={"news": corpus, "talks": corpus})
    assert several == "--corpora not set → news, talks"
    assert changed_to(corpora={"all": 5}) == "corpora not set → all 5"  # edited
    assert changed_to(settings={"vocab_size": 4000, "quotes": True}) == (
        "--vocab-size 8000 → 4000; data.quotes false → true"
    )
    others = {"0": file, "1": {**file, "name": "b.tsv"}}
    assert changed_to(inputs={"train": others, "split_by": "page"}) == (
        "corpus: b.tsv is new; --split-by not set → page"
    )
    assert changed_to(inputs={}) == "corpus: a.tsv is no longer an input"
    named = {"train": {"0": file}, "columns": {"source": "en", "target": "target"}}
    assert changed_to(inputs=named) == "--source-column source → en"
