"""A unit's rows are all accounted for, and OUT is never mistaken for another job's."""

import gzip
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import first_part

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle, model_folder
from nmt.errors import JobFailed
from nmt.evaluation.alignment import format_pharaoh, parse_pharaoh
from nmt.evaluation.measures import rates
from nmt.evaluation.sentences import read_table
from nmt.inference import row_filter
from nmt.inference.translator import Translator
from nmt.settings import DataSettings, SearchSettings
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.work import Work
from nmt.translation.worker import load_translator, translate_unit

SEARCH = SearchSettings(
    max_length_ratio=0.5, max_length_extra=4, max_source_length=60, too_long="reject"
)


@pytest.fixture(scope="module")
def translator(demo_bundle) -> Translator:
    return Translator(demo_bundle, SEARCH, batch_size=8)


def work(output: Path, **options) -> Work:
    return Work(
        **{
            "models": ("",),
            "model_id": "random",
            "output": str(output),
            "search": SEARCH,
            "dictionary_hash": None,
            "text_column": "source",
            "id_column": None,
            "reference_column": None,
            "alignment_column": None,
            "batch_size": 8,
            "threads": 1,
            "alignments": False,
            "heatmaps": frozenset(),
            **options,
        }
    )


def run(name: Path, output: Path, translator: Translator, **options) -> tuple[list, Output]:
    """Translate all units of a corpus; returns their records and the output."""
    out = Output(Location(output))
    corpus = inspect(str(name), "source")
    wanted = work(output, id_column=corpus.id_column, **options)
    return [translate_unit(unit, wanted, translator, out) for unit in corpus.units()], out


CLEANING = DataSettings()
TEXTS = [b"The dog sleeps.", b"", b"\xffbroken", b"word " * 200, b"  ", b"A cat.", b"\xe2\x82"]


def test_rows_in_are_rows_out(tmp_path, translator) -> None:
    (tmp_path / "in.gz").write_bytes(gzip.compress(b"\n".join(TEXTS)))
    (record,), out = run(tmp_path / "in.gz", tmp_path / "out", translator, alignments=True)
    done = first_part(out)
    bad = first_part(out, "rejected")
    assert done.column("id").to_pylist() == [0, 1, 4, 5]
    assert bad.column("id").to_pylist() == [2, 3, 6]
    assert bad.column("reason").to_pylist() == ["broken_utf8", "too_long", "broken_utf8"]
    assert bad.column("source").to_pylist()[0] == "\ufffdbroken"
    assert done.column("source").to_pylist() == ["The dog sleeps.", "", "  ", "A cat."]
    expected = translator.translate(done.column("source").to_pylist())
    for name, values in {
        "translation": [result.text for result in expected],
        "target_tokens": [result.tokens for result in expected],
        "source_tokens": [result.source_tokens for result in expected],
        "flags": [list(result.flags) for result in expected],
    }.items():
        assert done.column(name).to_pylist() == values
    assert ["empty" in flags for flags in done.column("flags").to_pylist()] == [
        False,
        True,
        True,
        False,
    ]
    assert done.schema.field("id").type == pa.int64()
    assert done.schema.field("flags").type == pa.list_(pa.string())
    counts = record.counts
    assert (counts.rows, counts.translated, counts.rejected) == (7, 4, 3)
    assert counts.rejected_by_reason == {"broken_utf8": 2, "too_long": 1}
    assert counts.empty == 2
    assert record.rejected_rows == [2, 3, 6]
    links = first_part(out, "alignments")
    assert links.column("id").to_pylist() == [0, 1, 4, 5]
    for text, link in zip(expected, links.column("alignment").to_pylist(), strict=True):
        assert parse_pharaoh(link) == sorted(text.alignment)


def test_a_text_is_cleaned_once_and_encoded_once(tmp_path, translator, monkeypatch) -> None:
    """Accepted or rejected, long or short; with alignments, which count the words as stored."""
    cleaned, encoded = Counter(), Counter()
    vocabulary = translator.bundle.source_vocabulary
    real_clean, real_encode = row_filter.clean, type(vocabulary).encode

    def clean(text, settings):
        cleaned[text] += 1
        return real_clean(text, settings)

    def encode(self, text):
        encoded[text] += 1
        return real_encode(self, text)

    monkeypatch.setattr(row_filter, "clean", clean)
    monkeypatch.setattr(type(vocabulary), "encode", encode)
    texts = ["The dog  sleeps.", "A&nbsp;cat.", "", "word " * 50, "word " * 200, "A bird sees it."]
    (tmp_path / "in.txt").write_text("\n".join(texts))
    run(tmp_path / "in.txt", tmp_path / "out", translator, alignments=True)
    assert cleaned == dict.fromkeys(texts, 1)
    assert encoded == dict.fromkeys((real_clean(text, CLEANING) for text in texts), 1)


def test_a_unit_done_twice_gives_the_same_files(tmp_path, translator) -> None:
    (tmp_path / "in.txt").write_bytes(b"\n".join(TEXTS))
    for name in ("a", "b", "again", "again"):
        run(tmp_path / "in.txt", tmp_path / name, translator)
    for part in ("translations", "rejected"):
        names = ("a", "b", "again")
        files = [tmp_path / name / part / "part-00000.parquet" for name in names]
        assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()
    assert sorted(p.name for p in (tmp_path / "a" / "translations").iterdir()) == [
        "part-00000.parquet"
    ]


def test_parquet_keeps_its_ids_and_its_other_columns(tmp_path, translator) -> None:
    table = pa.table(
        {
            "price": pa.array([1.5, None, 2.5, 3.5], pa.float32()),
            "source": pa.array(["The dog.", None, "x " * 300, "A cat."], pa.large_string()),
            "tags": pa.array([["a"], [], None, ["b", "c"]]),
            "id": pa.array(["q", "r", "s", "t"]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    (record,), out = run(tmp_path / "in.parquet", tmp_path / "out", translator)
    done = first_part(out)
    bad = first_part(out, "rejected")
    assert done.column("id").to_pylist() == ["q", "t"]
    assert bad.column("id").to_pylist() == ["r", "s"]
    assert bad.column("reason").to_pylist() == ["null", "too_long"]
    assert bad.column("source").to_pylist()[0] is None
    for part, rows in ((done, [0, 3]), (bad, [1, 2])):
        for name in ("price", "tags"):
            assert part.column(name).to_pylist() == table.column(name).take(rows).to_pylist()
            assert part.schema.field(name).type == table.schema.field(name).type
    for name, entry in record.files.items():
        assert entry.rows == read_table(out.location / name).num_rows
        assert entry.sha256 == Location(tmp_path / "out" / name).sha256()


def test_a_unit_whose_rows_are_all_rejected(tmp_path, translator) -> None:
    (tmp_path / "in.txt").write_bytes(b"\xff\n\xfe\xfa\n")
    (record,), out = run(tmp_path / "in.txt", tmp_path / "out", translator, alignments=True)
    assert record.counts.translated == 0
    assert first_part(out).num_rows == 0
    assert first_part(out, "rejected").num_rows == 2


def test_alignments_of_references_are_counted(tmp_path, translator, demo_dataset) -> None:
    from corpora import rows

    pairs = rows(demo_dataset, "test")[:5]
    names = ("id", "source", "target", "alignment")
    pq.write_table(
        pa.table({name: [row[name] for row in pairs] for name in names}), tmp_path / "in.parquet"
    )
    (record,), _ = run(
        *(tmp_path / "in.parquet", tmp_path / "out", translator),
        reference_column="target",
        alignment_column="alignment",
        heatmaps=frozenset({1}),
    )
    counts = record.alignment
    attention, diagonal = counts.attention, counts.diagonal
    assert attention.sentences == 5
    assert attention.gold == sum(len(row["alignment"].split()) for row in pairs)
    assert attention.found == sum(len(row["target"].split()) for row in pairs)
    assert diagonal.found == attention.found
    assert 0 <= attention.shared <= min(attention.gold, attention.found)
    assert diagonal.shared > 0
    assert counts.malformed == 0
    images = [path.name for path in (tmp_path / "out/report/heatmaps").iterdir()]
    assert images == [f"row-000000001-{pairs[1]['id']}.png"]


CLEANED = [  # a source, what cleaning leaves of it, and the stored word of each of its words
    ("The&nbsp;dog sleeps.", "The dog sleeps.", [0, 0, 1]),
    ("\u200b The dog sleeps.", "The dog sleeps.", [1, 2, 3]),
    ("The dog sleeps.", "The dog sleeps.", [0, 1, 2]),
]


def test_links_count_the_words_of_the_source_as_it_is_stored(tmp_path, translator) -> None:
    path = tmp_path / "in.txt"
    path.write_text("\n".join(raw for raw, _, _ in CLEANED), "utf-8")
    _, out = run(path, tmp_path / "out", translator, alignments=True)
    assert first_part(out).column("source").to_pylist() == [raw for raw, _, _ in CLEANED]
    found = first_part(out, "alignments").column("alignment").to_pylist()
    for (raw, cleaned, words), links in zip(CLEANED, found, strict=True):
        clean, given = translator.translate([cleaned, raw])
        assert clean.alignment
        expected = sorted({(words[s], t) for s, t in clean.alignment})
        assert parse_pharaoh(links) == expected
        assert sorted(given.alignment) == expected


def test_gold_links_count_the_words_of_the_stored_columns(tmp_path, translator) -> None:
    reference, stored = "Der Hund schläft.", "Der&nbsp;Hund \u200b schläft."
    (forced,) = translator.force(["The dog sleeps."], [reference])
    targets = [0, 0, 2]  # the words of the reference as it is stored
    gold = [
        format_pharaoh([(words[s], targets[t]) for s, t in forced.alignment])
        for _, _, words in CLEANED
    ]
    columns = {"source": [raw for raw, _, _ in CLEANED], "target": [stored] * 3, "gold": gold}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    (record,), _ = run(
        *(tmp_path / "in.parquet", tmp_path / "out", translator),
        reference_column="target",
        alignment_column="gold",
    )
    counts = record.alignment.attention
    # "Der&nbsp;Hund" is one word with one link of its own, gold or not.
    assert counts.sentences == 3
    assert counts.found == 2 * 3
    assert counts.shared >= 3  # "schläft." at least


def test_sources_that_are_no_single_sentence_are_flagged(tmp_path, translator) -> None:
    texts = ["The dog sleeps.\nA cat.", "The dog sleeps. A cat sees it.", "The <b>dog</b> sleeps."]
    texts += ["<p>One dog.</p>\n<p>A cat.</p>", "A cat sees Mr. Smith.", "\n A cat. \n"]
    pq.write_table(pa.table({"source": texts}), tmp_path / "in.parquet")
    (record,), out = run(tmp_path / "in.parquet", tmp_path / "out", translator)
    flags = first_part(out).column("flags").to_pylist()
    told = [[flag for flag in own if flag in ("multiline", "markup")] for own in flags]
    both = ["multiline", "markup"]
    assert told == [["multiline"], ["multiline"], ["markup"], both, [], []]
    assert [list(result.flags) for result in translator.translate(texts)] == flags
    assert (record.counts.multiline, record.counts.markup) == (3, 2)
    found = rates(record.counts.to_json(), record.sums.to_json())
    assert (found["multiline"], found["markup"]) == (0.5, pytest.approx(1 / 3, abs=1e-6))


IDS = ["../../up", "a/b", "a\\b", "A/b", "con", ".hidden", "文書 12", "x" * 400, "a\x00b\n", "<b>"]


def test_heatmaps_are_named_by_the_ids_whatever_these_are(tmp_path, demo_dataset, translator):
    from corpora import rows

    sources = [row["source"] for row in rows(demo_dataset, "test")[: len(IDS)]]
    pq.write_table(pa.table({"id": IDS, "source": sources}), tmp_path / "in.parquet")
    everywhere = frozenset(range(len(IDS)))
    _, out = run(tmp_path / "in.parquet", tmp_path / "out", translator, heatmaps=everywhere)
    pages = out.drawings.heatmaps()
    assert [name for name, _ in pages] == [f"#{name}" for name in IDS]
    files = sorted(path.name for path in (tmp_path / "out/report/heatmaps").iterdir())
    assert len(files) == len(IDS)
    assert files[:3] == [
        "row-000000000-up.png", "row-000000001-a_b.png", "row-000000002-a_b.png",
    ]  # fmt: skip
    assert "文書_12" in files[6]
    assert all(len(name.encode()) < 200 and name.isprintable() for name in files)


def test_an_actor_refuses_a_model_that_was_replaced(tmp_path, demo_bundle) -> None:
    model = Location(tmp_path / "model")
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    bundle.save(demo_bundle.model, *vocabularies, {}, model)
    with pytest.raises(JobFailed, match="another model than when the job began"):
        load_translator(work(tmp_path / "out", models=(str(model),), model_id="0" * 64))


def test_a_dictionary_that_was_replaced_is_refused(tmp_path, demo_bundle) -> None:
    model = Location(tmp_path / "model")
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    bundle.save(demo_bundle.model, *vocabularies, {}, model)
    (tmp_path / "words.tsv").write_text("a\tb\n")
    search = SearchSettings(dictionary=str(tmp_path / "words.tsv"))
    given = {"models": (str(model),), "model_id": model_folder.describe(model).model_id}
    right = Location(tmp_path / "words.tsv").sha256()
    load_translator(work(tmp_path / "out", **given, search=search, dictionary_hash=right))
    (tmp_path / "words.tsv").write_text("a\tc\n")
    with pytest.raises(JobFailed, match="another dictionary than when the job began"):
        load_translator(work(tmp_path / "out", **given, search=search, dictionary_hash=right))


def test_long_rows_are_split_and_absurd_ones_rejected(tmp_path, demo_bundle) -> None:
    search = SearchSettings(max_length_ratio=0.5, max_source_length=40, max_split_length=2000)
    translator = Translator(demo_bundle, search, batch_size=8)
    long = b"The dog sleeps. " * 30
    (tmp_path / "in.txt").write_bytes(b"\n".join([b"A cat.", long, b"x" * 20_000]))
    (record,), out = run(
        *(tmp_path / "in.txt", tmp_path / "out", translator),
        search=search,
        heatmaps=frozenset({0, 1}),
        alignments=True,
    )
    done = first_part(out).to_pylist()
    assert [row["id"] for row in done] == [0, 1]
    assert "split" not in done[0]["flags"]
    assert "split" in done[1]["flags"]
    assert first_part(out, "rejected").column("reason").to_pylist() == ["too_long"]
    assert record.counts.split == 1
    images = [path.name for path in (tmp_path / "out/report/heatmaps").iterdir()]
    assert images == ["row-000000000.png"]


def test_the_n_best_are_a_column_when_asked_for(tmp_path, demo_bundle, translator) -> None:
    (tmp_path / "in.txt").write_bytes(b"The dog sleeps.\n\nA cat.")
    _, out = run(tmp_path / "in.txt", tmp_path / "plain", translator)
    assert "alternatives" not in first_part(out).column_names
    search = SearchSettings(max_length_ratio=0.5, max_length_extra=4, beam_size=4, n_best=3)
    _, out = run(
        *(tmp_path / "in.txt", tmp_path / "out", Translator(demo_bundle, search)), search=search
    )
    for row in first_part(out).to_pylist():
        found = row["alternatives"]
        if "empty" in row["flags"]:
            assert found == []
            continue
        assert 1 <= len(found) <= 3
        assert found[0]["translation"] == row["translation"]
        assert found[0]["score"] == pytest.approx(row["score"])
        assert sorted((one["ranking"] for one in found), reverse=True) == [
            one["ranking"] for one in found
        ]
