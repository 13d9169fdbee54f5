import io
import warnings

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from tiny_fonts import SOLID, THIN, write_font

from nmt.report import fonts, picture
from nmt.report.heatmap import attention_heatmap
from nmt.report.labels import Lettering
from nmt.report.length_plot import length_plot

SUN, MOON = "日", "月"
RIGHT, LEFT = "\u0780", "\u0781"  # Thaana, written from right to left, which DejaVu lacks


@pytest.fixture
def tiny(tmp_path):
    shapes = {SUN: SOLID, MOON: THIN, RIGHT: SOLID, LEFT: THIN, "\u0301": THIN, "x": SOLID}
    return write_font(tmp_path / "tiny.ttf", "Tiny Sans", shapes)


def darkness(png: bytes) -> float:
    """The share of pixels that are as dark as letters."""
    return float((np.asarray(Image.open(io.BytesIO(png)).convert("L")) < 60).mean())


def ink(text: str) -> np.ndarray:
    """How much is drawn in each column of pixels of a text, from its first to its last."""
    figure = Figure(figsize=(4, 1), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    letters = Lettering([text])
    shown = letters.drawable(text)
    figure.text(0.1, 0.3, shown, fontproperties=letters.font(30), parse_math=False)
    canvas.draw()
    columns = (np.asarray(canvas.buffer_rgba())[..., 0] < 128).sum(0)
    actual = np.flatnonzero(columns)
    return columns[actual[0] : actual[-1] + 1]


def heatmap(text: str, title: str = "") -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's own about glyphs
        return attention_heatmap(np.zeros((1, 1)), [text], [text], title=title)


def test_a_font_that_has_the_characters_draws_them(only_fonts, tiny):
    only_fonts()
    boxes = [heatmap(SUN), heatmap("a", title=SUN)]
    only_fonts(tiny)  # installed after matplotlib has made its list of fonts
    drawn = [heatmap(SUN), heatmap("a", title=SUN)]
    for box, glyph in zip(boxes, drawn, strict=True):
        assert picture.missing(box) == SUN
        assert picture.missing(glyph) == ""
        assert darkness(glyph) > darkness(box) + 0.0005


def test_names_in_a_plot_are_drawn_in_their_fonts(only_fonts, tiny):
    entries = [{"from": 1, "to": 5, "sentences": 3, "bleu": 40.0}]
    only_fonts()
    box = length_plot(entries, [SUN * 9]) or b""
    only_fonts(tiny)
    glyph = length_plot(entries, [SUN * 9]) or b""
    assert picture.missing(box) == SUN
    assert darkness(glyph) > darkness(box)


def test_what_is_written_from_right_to_left_is_read_so(only_fonts, tiny):
    only_fonts(tiny)
    middle = len(ink(RIGHT + LEFT)) // 2
    assert ink(RIGHT + LEFT)[middle:].sum() > 2 * ink(RIGHT + LEFT)[:middle].sum()
    assert ink(SUN + MOON)[middle:].sum() < ink(SUN + MOON)[:middle].sum() / 2


def test_marks_stay_with_their_base(only_fonts, tiny):
    only_fonts(tiny)
    text = f"{SUN}\u0301" * 40
    letters = Lettering([text])
    lines = letters.wrap(text, 10, 1.0, lines=9)
    label = letters.token_label(text, 10, 1.0)
    assert len(lines) > 2
    for line in (*lines, label):
        assert set(fonts.clusters(line.rstrip("…"))) == {f"{SUN}\u0301"}
    assert "\N{DOTTED CIRCLE}" in Lettering(["\u0323a"]).token_label("\u0323a", 10, 1.0)
    variant = f"{SUN}\U000e0100"  # a selector that the font does not know
    assert Lettering([variant]).drawable(variant) == variant
    heatmap(variant)


def test_a_cluster_that_no_one_font_has_keeps_its_base(only_fonts, tiny):
    only_fonts(tiny)
    letters = Lettering([f"{SUN}\u0323"])  # the mark is in DejaVu
    assert letters.drawable(f"{SUN}\u0323") == f"{SUN}\N{WHITE SQUARE}"
    heatmap(f"{SUN}\u0323")


def test_joiners_belong_to_words_and_overrides_are_seen(only_fonts):
    only_fonts()
    letters = Lettering(["می\u200cخواهم"])
    assert letters.drawable("می\u200cخواهم") == "می\u200cخواهم"
    assert letters.drawable("\u202eabc") == "\N{REPLACEMENT CHARACTER}abc"
    assert letters.token_label("\u200d", 10, 1.0) == "\N{OPEN BOX}"


def test_fonts_of_the_machine_are_not_looked_at_for_plain_texts(only_fonts, monkeypatch):
    only_fonts()

    def looked() -> list[str]:
        raise AssertionError("the fonts of the machine were looked at")

    monkeypatch.setattr(font_manager, "findSystemFonts", looked)
    heatmap("▁Größe \x00\u3000", title="Ελληνικά, русский, العربية")


def test_as_few_fonts_as_are_enough(only_fonts, tmp_path, tiny):
    moon = write_font(tmp_path / "moon.ttf", "A Sans", {MOON: SOLID})
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    only_fonts(moon, tiny, str(broken))
    assert fonts.families({"a", SUN, MOON}) == (fonts.FAMILY, "Tiny Sans")
    assert fonts.families({MOON}) == (fonts.FAMILY, "A Sans")
    assert fonts.families({"a"}) == (fonts.FAMILY,)


def test_ideographs_have_the_forms_of_their_region(only_fonts, tmp_path):
    paths = [
        write_font(tmp_path / f"{region}.ttf", f"East {region}", dict.fromkeys("直のㄱ각", SOLID))
        for region in ("JP", "KR", "SC")
    ]
    only_fonts(*paths)
    actual = [fonts.families(set(text))[1] for text in ("直の", "直각", "直")]
    assert actual == ["East JP", "East KR", "East SC"]


def test_missing_glyphs_are_told_once_with_the_package(only_fonts):
    only_fonts()
    missing = picture.missing(heatmap(f"{SUN}ก\U0001fae8"))
    line = fonts.warning(missing) or ""
    assert "\n" not in line
    for part in (SUN, "fonts-noto-cjk", "fonts-noto-core", "fonts-symbola"):
        assert part in line
    assert fonts.warning(missing + MOON) is None
    assert fonts.warning("") is None
    assert fonts.warning("\ue000") is None  # nobody can say what it is


@pytest.mark.parametrize("name", ["", "row", "文書/34", "a\x00b", "x" * 5000, "\ud800é"])
def test_a_picture_says_what_it_is_called(name):
    png = attention_heatmap(np.eye(1), ["a"], ["b"], name=name)
    assert picture.name(png) == name.replace("\ud800", "?")
