import io
import warnings

import numpy as np
import pytest
from PIL import Image

from nmt.report.heatmap import attention_heatmap
from nmt.report.labels import Lettering

HOSTILE = [
    "$x_1$", "$", "<b>", "\\frac{1}{2}", "日本", "🙂", "a\x00b", "", " ", "\u202eabc", "\ud800",
    "▁Ärger", "a\u0308", "{}%s", "W" * 500,
]  # fmt: skip


def decoded(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return picture.convert("RGB")


def diagonal(targets: int, sources: int) -> np.ndarray:
    weights = np.full((targets, sources), 0.1 / sources)
    weights[np.arange(targets), np.arange(targets) % sources] = 0.9
    return weights


@pytest.mark.parametrize(
    ("sources", "targets"), [(1, 1), (3, 3), (40, 40), (100, 5), (5, 100), (300, 2)]
)
def test_every_length_fits_a_picture_of_bounded_size(sources, targets):
    source = [f"▁source{number}" for number in range(sources)]
    target = [f"▁ziel{number}" for number in range(targets)]
    picture = decoded(attention_heatmap(diagonal(targets, sources), source, target, title="T"))
    assert 300 <= picture.width <= 2800
    assert 250 <= picture.height <= 2800
    assert max(picture.size) >= 5 * min(max(sources, targets), 100)


@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (30, 30)])
def test_nothing_is_cut_off_at_the_edges(shape):
    targets, sources = shape
    long = "Donaudampfschifffahrtsgesellschaft"
    picture = decoded(
        attention_heatmap(
            diagonal(targets, sources), [long] * sources, [long] * targets,
            title="W" * 400, caption="long caption " * 60,
        )
    )  # fmt: skip
    pixels = np.asarray(picture)
    border = np.concatenate(
        [pixels[:6].reshape(-1, 3), pixels[-6:].reshape(-1, 3), pixels[:, :6].reshape(-1, 3),
         pixels[:, -6:].reshape(-1, 3)]
    )  # fmt: skip
    assert (border == 255).all()


def test_hostile_tokens_are_drawn_without_a_warning():
    count = len(HOSTILE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = attention_heatmap(
            diagonal(count, count), HOSTILE, HOSTILE[::-1], title="$\\frac$ 日本\x00", caption="$_$"
        )
    decoded(png)


def test_what_no_font_has_stays_visible():
    drawable = Lettering(["a"]).drawable
    assert drawable("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
    assert drawable("日") == "\N{WHITE SQUARE}"  # not among the texts that fonts were found for
    assert drawable("▁Größe $x_1$ \\frac") == "▁Größe $x_1$ \\frac"
    assert drawable("a\u0308") == "ä"


def test_wrapped_lines_fit():
    letters = Lettering([], bold=True)
    lines = letters.wrap("many words and " + "W" * 90 + " more " * 80, 10, 2.0, lines=4)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert all(letters.width(line, 10) <= 2.01 for line in lines)
    assert letters.wrap("  ", 10, 2.0) == []


def test_darker_where_the_weight_is():
    dark = decoded(attention_heatmap(np.ones((1, 1)), ["a"], ["b"]))
    light = decoded(attention_heatmap(np.zeros((1, 1)), ["a"], ["b"]))
    assert np.asarray(dark).mean() < np.asarray(light).mean()


def test_the_same_sentence_gives_the_same_bytes():
    first, second = (attention_heatmap(diagonal(2, 3), list("abc"), list("xy")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("weights", "source", "target", "message"),
    [
        (np.zeros((2, 3)), ["a"] * 2, ["b"] * 3, r"\(2, 3\).*\(3, 2\)"),
        (np.zeros(3), ["a"] * 3, ["b"], "shape"),
        (np.zeros((0, 3)), ["a"] * 3, [], "at least one token"),
        (np.full((1, 1), np.nan), ["a"], ["b"], "NaN"),
    ],
)
def test_weights_that_disagree_with_the_tokens_are_refused(weights, source, target, message):
    with pytest.raises(ValueError, match=message):
        attention_heatmap(weights, source, target)
