import io
from pathlib import Path

import numpy as np
import pytest
from browser import (
    DESKTOP,
    PHONE,
    console_complaints,
    overflowing,
    requests_made,
    view_at,
)
from PIL import Image
from reports import ATTACK, attacked_report, full_report, pictures
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

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
    assert len(browser.find_elements(By.TAG_NAME, "table")) >= 9
    screenshot = browser.get_screenshot_as_png()
    (tmp_path / "page.png").write_bytes(screenshot)
    pixels = np.asarray(Image.open(io.BytesIO(screenshot)).convert("L"))
    assert pixels.std() > 10
    assert (pixels.mean() < 100) is dark or (pixels.mean() > 155) is not dark


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_data_do_nothing(opened, size):
    browser = opened(attacked_report(), names=(ATTACK, ATTACK), size=size)
    browser.execute_script("document.querySelector('details').open = true")
    browser.find_element(By.ID, "sample-search").send_keys("<script>")
    browser.find_element(By.CSS_SELECTOR, "button.picture").send_keys(Keys.ENTER)
    # An alert would make any of these calls fail.
    assert "<script>" in browser.find_element(By.ID, "viewer-name").text
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 1
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
    viewer = browser.find_element(By.ID, "viewer")
    buttons = browser.find_elements(By.CSS_SELECTOR, "button.picture")
    assert not viewer.is_displayed()
    buttons[1].send_keys(Keys.ENTER)
    name = browser.find_element(By.ID, "viewer-name")
    assert viewer.is_displayed()
    assert name.text == "Sentence 1"
    assert browser.execute_script("return document.querySelector('.stage img').naturalWidth") > 100
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert name.text == "Sentence 2"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not viewer.is_displayed()
    assert browser.switch_to.active_element == buttons[2]


def test_printed_pages_hold_what_was_folded_away(opened):
    browser = opened(full_report())
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return document.querySelector('details').open")
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert not browser.execute_script("return document.querySelector('details').open")
