import json
from html.parser import HTMLParser

import pytest
from jinja2 import Environment
from reports import ATTACK, attacked_report, full_report, pictures

from nmt.report import headline
from nmt.report.chart import by_length
from nmt.report.page import render


class Page(HTMLParser):
    """The elements, attributes and visible text of a page."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "hr"})

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.code: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        (self.code if {"style", "script"} & set(self.open) else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_a_full_report_shows_its_numbers():
    page = Page(render(full_report(), pictures()))
    assert not page.open
    for shown in (
        "Test set, nightly", "9f8a7b6c5d4e", "1,234,567", "5 January 2026, 14:03 UTC", "35.1",
        "34.1 – 36.1", "tok:13a", "0.042 %", "1 min 34 s", "11–20", "21+", "0.120", "not UTF-8",
        "search.beam_size", "60.6 KiB", "2.55.1", "Ein Mann läuft.", "Sentence 1", "out/yesterday",
        "+0.90", "0.012", "33.2 – 35.2", "not significant",
        "TER lower is better 49.3", "significantly worse", "looping", "1.2 % of all", "39.1",
        "chrF 41.5", "By domain", "null", "other", "25.3 % of 999", "4 January 2026",
        "60.5", "Done, but look", "The mean score is -0.620", "−0.22", "+0.10", "+3.4",
        "Brevity penalty", "Translation report", "p, one-sided", "p = 0.012 (one-sided)",
    ):  # fmt: skip
        assert shown in page.text, shown


def test_samples_carry_their_languages():
    page = Page(render({**full_report(), "differences": None, "suspicious": None}, []))
    languages = [attributes.get("lang") for tag, attributes in page.elements if tag == "dd"]
    assert languages[:2] == ["en", "de"]


def test_the_tile_of_speed_says_that_it_is_of_decoding() -> None:
    speed = {"sentences_per_second": 759.6, "target_tokens_per_second": 9e3, "total_seconds": 52.0}
    tiles = headline.tiles({"counts": {"rows": 1211}, "throughput": speed}, [])
    assert tiles[-1][:3] == ("Sentences/s", "759.6", "per actor, decoding only")


def test_hostile_text_is_only_ever_text():
    clean = Page(render({**full_report()}, pictures()))
    hostile_pictures = [(ATTACK, png) for _, png in pictures()]
    html = render(attacked_report(), hostile_pictures)
    page = Page(html)
    html.encode("utf-8")
    assert "\x00" not in html
    assert not page.open
    assert page.count("script") == 2
    assert sum(attributes == {} for tag, attributes in page.elements if tag == "script") == 1
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in clean.elements} | {"em"}
    assert page.count("img") == clean.count("img") == 2
    (style, data, script), clean_code = page.code, clean.code
    assert [style, script] == [clean_code[0], clean_code[2]]
    assert not set("<>&") & set(data)
    shown = ATTACK.translate(dict.fromkeys((0, 0xD800, 0x202E, 0x2066), 0xFFFD))
    assert json.loads(data)[0]["target"][0] == shown
    known = {name for _, attributes in clean.elements for name in attributes}
    for tag, attributes in page.elements:
        assert set(attributes) <= known, (tag, attributes)
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("href", "src"):
            if name in attributes:
                assert attributes[name].startswith(("#", "data:")), attributes
    assert page.text.count("<script>alert(1)</script>") > 40
    assert "{{ 7*7 }}" in page.text


def test_no_text_turns_the_writing_direction_of_what_stands_around_it():
    directions = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert not set(directions) & set(render(attacked_report(), [(ATTACK, pictures()[0][1])]))
    words = ["مرحبا (1) بك", "שלום, עולם!", "می‌خواهم", "क्‍ष", "👩‍👩‍👧"]
    report = {**full_report(), "title": " ".join(words)}
    for sample, word in zip(report["samples"], words, strict=False):
        sample["translation"] = f"{directions}{word}{directions}"
    html = render(report, [])
    assert not set(directions) & set(html)
    assert all(word in html for word in words)


def test_each_text_of_the_report_is_escaped_where_it_stands():
    escaped = Environment(autoescape=True).from_string("{{ x }}").render(x="<script>\"'&")
    html = render({**full_report(), "title": "<script>\"'&"}, [])
    assert html.count(escaped) == 2


def test_nothing_comes_from_the_network():
    html = render(full_report(), pictures())
    for sign in ("http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest", "srcset"):
        assert sign not in html
    page = Page(html)
    policy = next(
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_without_references_the_page_says_why_there_are_no_scores():
    report = full_report()
    del report["scores"], report["by_length"]
    text = Page(render(report, [])).text
    assert "no references" in text
    assert "Scores by source length" not in text


@pytest.mark.parametrize("part", sorted(set(full_report()) - {"title", "counts"}))
@pytest.mark.parametrize("empty", ["absent", "none"])
def test_any_part_may_be_missing(part, empty):
    report = full_report()
    if empty == "absent":
        del report[part]
    else:
        report[part] = None
    assert not Page(render(report, [])).open


def test_title_and_counts_are_enough():
    page = Page(render({"title": "Least", "counts": {"rows": 0}}, []))
    assert "Least" in page.text
    assert page.count("table") == 1


@pytest.mark.parametrize("part", ["title", "counts"])
def test_what_is_required_is_named(part):
    report = full_report()
    del report[part]
    with pytest.raises(ValueError, match=part):
        render(report, [])


def test_only_pictures_are_taken_for_pictures():
    with pytest.raises(ValueError, match="not a PNG"):
        render(full_report(), [("a", b"<svg onload=alert(1)>")])


def test_partial_entries_are_shown_with_gaps():
    report = full_report()
    report["scores"] = [{"metric": "BLEU", "score": None, "confidence": None}]
    report["samples"] = [{"source": "only a source"}]
    report["inputs"] = [{"path": "a.tsv"}]
    report["by_length"] = [{"from": 1, "to": None, "sentences": 0, "bleu": None}]
    report["rates"] = {"coverage": float("nan"), "new_rate": 0.5}
    page = Page(render(report, []))
    assert "only a source" in page.text
    assert "New rate" in page.text
    assert "nan" not in page.text.split()
    assert page.count("svg") == 0


def test_an_evaluation_is_called_one():
    assert "Evaluation report" in Page(render({**full_report(), "kind": "evaluation"}, [])).text


def test_a_baseline_is_marked_across_its_bar():
    page = Page(render(full_report(), []))
    marks = [attributes for tag, attributes in page.elements if attributes.get("class") == "mark"]
    assert len(marks) == 2
    report = full_report()
    for entry in report["by_length"]:
        entry.pop("baseline", None)
    page = Page(render(report, []))
    assert not any(attributes.get("class") == "mark" for _, attributes in page.elements)


@pytest.mark.parametrize(("baseline", "over"), [(39.0, True), (80.0, False), (10.0, False)])
def test_no_mark_crosses_the_value_of_a_bar(baseline, over):
    (bar,) = by_length([{"from": 1, "to": 5, "bleu": 38.0, "baseline": baseline}]).bars
    assert bar.above == (bar.baseline if over else bar.y)
    assert not bar.above - 20 < bar.baseline < bar.above


@pytest.mark.parametrize(
    ("verdict", "alarms", "status", "shown"),
    [
        ("done", [], 0, "Done"),
        ("done, but look: x, of y", ["x, of y"], 0, "Done, but look X, of y"),
        ("a gate says no: x; y", ["x", "y"], 3, "A gate says no X Y"),
    ],
)
def test_the_first_line_is_the_verdict_told_once(verdict, alarms, status, shown):
    report = {**full_report(), "verdict": verdict, "exit_status": status}
    html = render({**report, "alarms": [{"text": text} for text in alarms]}, [])
    text = Page(html[html.index('<main id="main"') : html.index("</main>")] + "</main>").text
    assert text.startswith(shown)
    assert not alarms or text.lower().count(shown.lower()) == 1
    tone = "bad" if status else "warn" if alarms else None
    for name in ("bad", "warn"):
        assert (f'class="card verdict {name}"' in html) is (name == tone)


def test_sections_come_in_the_order_of_a_readers_questions():
    page = Page(render(full_report(), pictures()))
    sections = [attributes["id"] for tag, attributes in page.elements
                if tag == "section" and "id" in attributes]  # fmt: skip
    assert sections == [
        *("verdict", "changes", "quality", "groups", "rejected", "suspicious", "attention"),
        *("samples", "job", "provenance"),
    ]
    links = [attributes["href"] for tag, attributes in page.elements
             if tag == "a" and attributes.get("class") != "skip"]  # fmt: skip
    assert links == [f"#{name}" for name in sections[1:]]


def test_first_rejected_rows_stand_below_their_reasons():
    text = Page(render(full_report(), [])).text
    section = text[text.index("Rejected texts") : text.index("Suspicious translations")]
    assert "not UTF-8 2 Texts rejected as not UTF-8 Id Text column Source 7 title A" in section
    assert "x body empty null 1 The text is null." in section
    assert "– body null" in section
    assert "1,003 texts" in text
    assert "0.3 % of texts" in text


def test_of_one_text_column_rows_are_rows_and_reasons_alone_are_counted():
    report = full_report()
    del report["rejected"]
    text = Page(render(report, [])).text
    assert "Rejected rows They have no translation. All of them are in rejected/ . not UTF" in text
    assert "Rows read" in text
    assert "Text column" not in text


def test_differences_have_the_places_of_what_they_are_between():
    rates = {
        "coverage": {"value": 0.93, "baseline": 0.9341, "difference": -0.0041},
        "length_ratio": {"value": 1.02, "baseline": 0.9, "difference": 0.12},
        "unk": {"value": 0.0042, "baseline": 0.0042006, "difference": -6e-6},
        "truncated": {"value": 0.0, "baseline": 0.0004, "difference": -0.0004},
    }
    report = {**full_report(), "comparison": {"baseline": "b", "rates": rates}}
    text = Page(render(report, [])).text
    for row in (
        "Coverage 0.93 0.93 0.00",
        "Length ratio 1.02 0.90 +0.12",
        "Unknown tokens 0.4 % 0.4 % 0.0 %",
        "Truncated 0.0 % 0.040 % −0.040 %",
    ):
        assert row in text, row


def test_suspicious_translations_are_a_headline_number():
    report = full_report()
    assert "Suspicious 1.2 %" in Page(render(report, [])).text
    report["alarms"] = [{"measure": "suspicious", "text": "x"}]
    assert 'class="tile alarm"' in render(report, [])
    report["alarms"] = []
    assert 'class="tile alarm"' not in render(report, [])


def test_without_references_the_likeness_of_changed_sentences_is_shown():
    report = full_report()
    report["differences"] = [
        {"id": 4, "source": "A", "translation": "B", "baseline": "C", "similarity": 12.34}
    ]
    text = Page(render(report, [])).text
    assert "least in common" in text
    assert "12.3" in text


@pytest.mark.parametrize(
    "attention",
    [
        "text",
        {"source": [], "target": [], "weights": []},
        {"source": ["a"], "target": ["b"], "weights": ["1 2"]},
        {"source": ["a"], "target": ["b"], "weights": ["alert(1)"]},
        {"source": ["a"], "target": ["b", "c"], "weights": ["1"]},
    ],
)
def test_attention_that_does_not_fit_is_left_out(attention):
    samples = [{"source": "a", "translation": "b", "attention": attention}]
    assert Page(render({**full_report(), "samples": samples}, [])).count("script") == 1


def test_every_table_has_a_caption_and_heads():
    page = Page(render(full_report(), []))
    assert page.count("caption") == page.count("table")
    for tag, attributes in page.elements:
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")


def test_only_what_was_judged_is_called_suspicious():
    whole, part = full_report(), full_report()
    part["rates"] = {"repetition": 0.1, "suspicious": 0.2}
    whole["rates"] = part["rates"] | {"score": -0.5, "coverage": 0.9}
    texts = [Page(render(report, [])).text for report in (whole, part)]
    assert "looping, empty, cut off, low score or low coverage" in texts[0]
    assert "looping or empty" in texts[1]
    assert "low score" not in texts[1]
    assert "whose words repeat" in texts[1]


def test_the_name_of_a_metric_keeps_its_case():
    alarms = [{"measure": name, "text": f"{name} is bad"} for name in ("comet", "bleu")]
    alarms.append({"measure": "score", "text": "the mean score is low"})
    shown = headline.outcome({"alarms": alarms, "verdict": "done, but look: x"})["alarms"]
    assert shown == ["comet is bad", "bleu is bad", "The mean score is low"]
