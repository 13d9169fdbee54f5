"""A headless Chromium for tests of pages, and the questions such tests ask it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium import webdriver

DESKTOP, PHONE = (1280, 900), (375, 812)


@pytest.fixture
def browser(tmp_path: Path) -> "Iterator[webdriver.Chrome]":
    """A fresh Chromium that never asks the network anything by itself; skips where there is none.

    Yields:
        The driver, its window DESKTOP pixels wide and high, its console recorded.
    """
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    # Imported here, because every test run reads this file.
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "force-device-scale-factor=1",
        "window-size={},{}".format(*DESKTOP),
        f"user-data-dir={tmp_path / 'chromium'}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()


def view_at(driver: "webdriver.Chrome", size: tuple[int, int], *, dark: bool = False) -> None:
    """Lay the page out for a screen.

    Args:
        driver: The browser.
        size: Width and height in CSS pixels; below 600 wide it is a phone that is touched.
        dark: Whether the reader prefers dark pages.
    """
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def console_complaints(driver: "webdriver.Chrome") -> list[str]:
    """What the console has said since the last call, at level warning or worse."""
    entries = driver.get_log("browser")
    return [e["message"] for e in entries if e["level"] in {"WARNING", "SEVERE"}]


def height(driver: "webdriver.Chrome") -> int:
    """How many pixels the whole page is high."""
    return driver.execute_script("return document.documentElement.scrollHeight")


def overflowing(driver: "webdriver.Chrome") -> list[str]:
    """Elements that stick out of the right side of the window, unless they can be scrolled to."""
    return driver.execute_script(
        """
        const width = document.documentElement.clientWidth;
        const contained = (e) => e.closest(".scroll, .skip, dialog") !== null;
        const out = [...document.body.querySelectorAll("*")]
          .filter((e) => e.getBoundingClientRect().right > width + 1 && !contained(e))
          .map((e) => `${e.tagName}.${e.getAttribute("class")}`);
        if (document.documentElement.scrollWidth > width) out.push("the page itself");
        return out;
        """
    )


def requests_made(driver: "webdriver.Chrome") -> list[str]:
    """Addresses of what the page has fetched beside itself; pictures inside it do not count."""
    names = driver.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    return [name for name in names if not name.startswith("data:")]
