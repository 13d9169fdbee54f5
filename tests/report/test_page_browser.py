import io
from pathlib import Path

import numpy as np
import pytest
from browser import (
    DESKTOP,
    PHONE,
    console_complaints,
    height,
    overflowing,
    requests_made,
    view_at,
)
from PIL import Image
from reports import ATTACK, attacked_report, full_report, long_report, pictures
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from nmt.report.page import render

pytestmark = pytest.mark.system


@pytest.fixture
def opened(browser, tmp_path: Path):
    """Opens a report from disk, with three heatmaps."""

    def open_report(report, names=("Sentence 0", "Sentence 1", "Sentence 2"), size=DESKTOP):
        heatmaps = [(name, pictures(1)[0][1]) for name in names]
        path = tmp_path / "index.html"
        path.write_text(render(report, heatmaps), encoding="utf-8")
        view_at(browser, size)
        browser.get(path.as_uri())
        return browser

    return open_report


def words(browser, card, side="target"):
    cards = browser.find_elements(By.CSS_SELECTOR, "[data-looked]")
    return cards[card].find_elements(By.CSS_SELECTOR, f".looked.{side} .word")


def tap(browser, element):
    """Touch the middle of an element with a finger."""
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    place = browser.execute_script(
        "const r = arguments[0].getBoundingClientRect();"
        "return {x: r.x + r.width / 2, y: r.y + r.height / 2}",
        element,
    )
    for kind, points in (("touchStart", [place]), ("touchEnd", [])):
        touch = {"type": kind, "touchPoints": points}
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", touch)


def weighted(browser, card):
    """The source words that are marked, heaviest first."""
    actual = [
        (word.get_attribute("style"), word.text)
        for word in words(browser, card, "source")
        if word.get_attribute("data-weight") is not None
    ]
    weights = [(int(style.split(":")[1].strip(" %;")), text) for style, text in actual]
    return [text for _, text in sorted(weights, reverse=True)]


def visible_samples(browser):
    items = browser.find_elements(By.CSS_SELECTOR, "#sample-list > li")
    return [i.find_element(By.CSS_SELECTOR, ".id .text").text for i in items if i.is_displayed()]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_the_screen_and_is_quiet(opened, tmp_path, size, dark):
    browser = opened(full_report(), size=size)
    view_at(browser, size, dark=dark)
    browser.execute_script("document.querySelector('details').open = true")
    assert overflowing(browser) == []
    assert console_complaints(browser) == []
    assert requests_made(browser) == []
    assert len(browser.find_elements(By.TAG_NAME, "table")) >= 11
    screenshot = browser.get_screenshot_as_png()
    (tmp_path / "page.png").write_bytes(screenshot)
    pixels = np.asarray(Image.open(io.BytesIO(screenshot)).convert("L"))
    assert pixels.std() > 10
    assert pixels.mean() < 100 if dark else pixels.mean() > 155


@pytest.mark.parametrize(("size", "most"), [(DESKTOP, 7800), (PHONE, 10_500)], ids=str)
def test_the_page_is_as_high_whatever_the_number_of_samples(opened, size, most):
    heights = [height(opened(long_report(count), size=size)) for count in (20, 200)]
    assert heights[0] == heights[1] < most
    browser = opened(long_report(200), size=size)
    assert overflowing(browser) == []
    windows = browser.find_elements(By.CSS_SELECTOR, ".window")
    assert len(windows) == 3
    for window in windows:
        assert window.size["height"] < size[1]  # what is around it can be reached, too
        names = window.get_attribute("aria-labelledby")
        assert browser.find_element(By.ID, names).tag_name in ("h2", "h3")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_headings_go_from_the_verdict_to_where_it_came_from(opened, size):
    browser = opened(full_report(), size=size)
    heads = browser.find_elements(By.CSS_SELECTOR, "main h2")
    assert [head.text for head in heads] == [
        *("Done, but look", "Changes against the baseline", "Quality", "By groups of the input"),
        *("Rejected texts", "Suspicious translations", "Where the attention looked"),
        *("Sample sentences", "Counts and rates", "Settings and provenance"),
    ]
    places = [head.location["y"] for head in heads]
    assert places == sorted(places)
    assert places[0] + heads[0].size["height"] < size[1]  # seen without scrolling


def test_windows_are_scrolled_by_keyboard_and_start_anew_when_sorted(opened):
    browser = opened(long_report(200))
    window = browser.find_element(By.CSS_SELECTOR, "#samples .window")
    top = "return arguments[0].scrollTop"
    browser.execute_script("arguments[0].focus()", window)
    assert browser.switch_to.active_element == window
    assert browser.execute_script(top, window) == 0
    window.send_keys(Keys.END)
    WebDriverWait(browser, 30).until(lambda _: browser.execute_script(top, window) > 10_000)
    Select(browser.find_element(By.ID, "sample-sort")).select_by_value("score up")
    assert browser.execute_script(top, window) == 0
    assert len(visible_samples(browser)) == 200


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_data_do_nothing(opened, size):
    browser = opened(attacked_report(), names=(ATTACK, ATTACK), size=size)
    browser.execute_script("document.querySelector('details').open = true")
    browser.find_element(By.ID, "sample-search").send_keys("<script>")
    # An alert would make any of these calls fail.
    browser.execute_script("arguments[0].click()", words(browser, 0)[0])
    assert "<script>" in browser.find_element(By.ID, "look-weights").text
    browser.find_element(By.CSS_SELECTOR, "button.picture").send_keys(Keys.ENTER)
    assert "<script>" in browser.find_element(By.ID, "viewer-name").text
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 2
    assert len(browser.find_elements(By.CSS_SELECTOR, "img[onerror], [onmouseover]")) == 0
    assert overflowing(browser) == []
    assert console_complaints(browser) == []
    assert requests_made(browser) == []


def test_injected_scripts_are_stopped_by_the_policy(opened):
    browser = opened(full_report())
    browser.execute_script(
        """
        const script = document.createElement("script");
        script.textContent = "window.injected = true";
        document.body.append(script);
        document.body.setAttribute("onclick", "window.injected = true");
        document.body.click();
        """
    )
    assert browser.execute_script("return window.injected === undefined")
    assert any("Content Security Policy" in line for line in console_complaints(browser))


def test_samples_are_searched_and_sorted(opened):
    browser = opened(full_report())
    search = browser.find_element(By.ID, "sample-search")
    assert len(visible_samples(browser)) == 7
    search.send_keys("übermorgen")
    assert visible_samples(browser) == ["99"]
    assert browser.find_element(By.ID, "sample-count").text == "1 of 7"
    search.clear()
    search.send_keys("nothing has this")
    assert visible_samples(browser) == []
    assert browser.find_element(By.ID, "sample-none").is_displayed()
    search.clear()
    search.send_keys("truncated" + Keys.ENTER)
    assert visible_samples(browser) == ["2"]
    search.send_keys(*[Keys.BACKSPACE] * 9)
    sort = Select(browser.find_element(By.ID, "sample-sort"))
    sort.select_by_value("score up")
    assert visible_samples(browser) == ["2", "4", "1", "3", "5", "0", "99"]
    sort.select_by_value("chrf down")
    assert visible_samples(browser) == ["5", "4", "3", "2", "1", "0", "99"]
    sort.select_by_value("given")
    assert visible_samples(browser) == ["0", "1", "2", "3", "4", "5", "99"]


def test_heatmaps_are_enlarged_by_keyboard_alone(opened):
    browser = opened(full_report())
    wait_until = WebDriverWait(browser, 30).until
    viewer = browser.find_element(By.ID, "viewer")
    buttons = browser.find_elements(By.CSS_SELECTOR, "button.picture")
    assert not viewer.is_displayed()
    buttons[1].send_keys(Keys.ENTER)
    name = browser.find_element(By.ID, "viewer-name")
    assert viewer.is_displayed()
    assert name.text == "Sentence 1"
    picture = "return document.querySelector('.stage img').naturalWidth"
    wait_until(lambda _: browser.execute_script(picture) > 100)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert name.text == "Sentence 2"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not viewer.is_displayed()
    # A closed dialog says so in an event of its own, which comes after the key's.
    wait_until(lambda _: browser.switch_to.active_element == buttons[2])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures_are_as_light_or_dark_as_the_page(opened, dark):
    browser = opened(full_report())
    view_at(browser, DESKTOP, dark=dark)
    button = browser.find_element(By.CSS_SELECTOR, "button.picture")
    small = button.find_element(By.TAG_NAME, "img").screenshot_as_png
    button.click()
    for png in (small, browser.find_element(By.CSS_SELECTOR, ".stage img").screenshot_as_png):
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
        ground, ink = np.median(pixels), pixels.min() if not dark else pixels.max()
        assert ground < 60 if dark else ground > 240
        assert abs(float(ink) - ground) > 120


def test_printed_pages_hold_what_was_folded_away(opened):
    browser = opened(full_report())
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return document.querySelector('details').open")
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert not browser.execute_script("return document.querySelector('details').open")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_word_shows_where_it_looked(opened, size):
    browser = opened(full_report(), size=size)
    told = browser.find_element(By.ID, "look-weights")
    assert not told.is_displayed()
    source, target = (words(browser, 0, side) for side in ("source", "target"))
    assert [word.text for word in source] == ["A", "man", "number", "0", "walks."]
    assert [word.text for word in target] == ["Ein", "Mann", "Nummer", "0", "geht."]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", target[1])
    if size == PHONE:
        tap(browser, target[1])
        WebDriverWait(browser, 30).until(lambda _: told.is_displayed())
    else:
        ActionChains(browser).move_to_element(target[1]).perform()
    assert weighted(browser, 0)[0] == "man"
    assert told.text == "Mann ← man 90 %, A 11 %, number 11 %"
    assert overflowing(browser) == []
    if size == DESKTOP:
        ActionChains(browser).move_to_element(
            browser.find_element(By.ID, "samples-title")
        ).perform()
        assert weighted(browser, 0) == []
        assert not told.is_displayed()


def test_words_are_chosen_by_keyboard_alone(opened):
    browser = opened(full_report())
    browser.find_element(By.ID, "sample-sort").send_keys(Keys.TAB, Keys.NULL)
    for _ in range(5):
        active = browser.switch_to.active_element
        if active.get_attribute("role") == "listbox":
            break
        active.send_keys(Keys.TAB)
    assert active.get_attribute("role") == "listbox"
    assert (
        browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", active)
        == "solid"
    )
    active.send_keys(Keys.ARROW_RIGHT)
    assert weighted(browser, 0)[0] == "man"
    chosen = browser.find_element(By.ID, active.get_attribute("aria-activedescendant"))
    assert (chosen.text, chosen.get_attribute("aria-selected")) == ("Mann", "true")
    active.send_keys(Keys.END)
    assert weighted(browser, 0)[0] == "walks."
    active.send_keys(Keys.ARROW_RIGHT, Keys.HOME)
    assert weighted(browser, 0)[0] == "A"
    active.send_keys(Keys.ESCAPE)
    assert weighted(browser, 0) == []


def test_words_that_the_model_reads_otherwise_are_shown(opened):
    browser = opened(full_report())
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", words(browser, 2)[0])
    words(browser, 2)[3].click()
    assert weighted(browser, 2)[0] == "two"
    line = browser.find_elements(By.CSS_SELECTOR, "[data-looked] .source dd")[2].text
    assert line.splitlines()[0] == "A man number 2 walks."


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("犬が 寝る。", ["犬", "が", "寝", "る。"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("الكلب نائم.", ["الكلب", "نائم."]),
    ],
    ids=["Japanese", "Thai", "Arabic"],
)
def test_words_need_no_blanks_between_them(opened, text, actual):
    report = full_report()
    looked = {"source": actual, "target": actual}
    looked["weights"] = [
        " ".join("90" if i == j else "1" for j in range(len(actual))) for i in range(len(actual))
    ]
    report["samples"][0] |= {"source": text, "translation": text, "attention": looked}
    browser = opened(report)
    assert [word.text for word in words(browser, 0)] == actual
    for side in ("source", "translation"):
        line = browser.find_elements(By.CSS_SELECTOR, f"[data-looked] .{side} dd")[0]
        assert line.text == text  # as it stands there, and once
    words(browser, 0)[1].click()
    assert weighted(browser, 0)[0] == actual[1]


def test_samples_are_chosen_by_flag(opened):
    browser = opened(full_report())
    flag = Select(browser.find_element(By.ID, "sample-flag"))
    assert [option.text for option in flag.options] == ["any or none", "truncated"]
    flag.select_by_visible_text("truncated")
    assert visible_samples(browser) == ["2"]
    flag.select_by_visible_text("any or none")
    assert len(visible_samples(browser)) == 7


def test_colours_are_chosen_and_kept(opened):
    browser = opened(full_report())
    back = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(back)
    button = browser.find_element(By.ID, "theme")
    assert button.text == "Colours: automatic"
    button.click()
    assert browser.execute_script(back) == light
    button.send_keys(Keys.ENTER)
    assert button.text == "Colours: dark"
    dark = browser.execute_script(back)
    assert dark != light
    browser.refresh()
    assert browser.execute_script(back) == dark
    browser.find_element(By.ID, "theme").click()
    assert browser.execute_script(back) == light
    assert console_complaints(browser) == []
