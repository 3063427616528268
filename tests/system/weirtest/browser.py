# SPDX-License-Identifier: ISC
"""Chromium without a screen: a test reads a page, and types into it."""

import contextlib
import os
import tempfile

import pytest

from . import wait
from .settings import ROOT, SANITIZER

SHOTS = ROOT / "build" / "results"
SIZE = (1280, 900)
PHONE = (360, 740)

# The contrast of each text with its background: [text, ratio], the lowest ratio first.
CONTRASTS = """
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (color) => color.slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (el) => {
        const color = rgb(getComputedStyle(el).backgroundColor);
        return color.length < 4 || color[3] > 0 ? color : behind(el.parentElement);
    };
    return [...document.querySelectorAll("body *")]
        .filter((el) => el.checkVisibility() && [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((el) => {
            const [a, b] = [light(rgb(getComputedStyle(el).color)), light(behind(el))].sort((x, y) => y - x);
            return [el.textContent, (a + 0.05) / (b + 0.05)];
        }).sort((a, b) => a[1] - b[1]);
"""


class Browser:
    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        self.problems()  # drops those of the page that was open before
        self.driver.get(url)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def text(self, selector):
        """The text of the first element as it is seen; None if there is no element."""
        return self.js("return document.querySelector(arguments[0])?.innerText.replaceAll('\\u00a0', ' ') ?? null", selector)

    def rows(self, table):
        """The rows of a table, each a list of the texts of its visible cells."""
        return self.js("return [...document.getElementById(arguments[0]).tBodies[0].rows].map((row) => [...row.cells]"
                       ".filter((cell) => cell.checkVisibility()).map((cell) => cell.innerText.replaceAll('\\u00a0', ' ')))", table)

    def until(self, condition, what):
        try:
            return wait.until(condition, what, every=0.2)
        except AssertionError:
            self.shot("failed")
            raise

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def prefer(self, scheme):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def key(self, name, shift=False):
        from selenium.webdriver import ActionChains, Keys  # noqa: PLC0415
        chain = ActionChains(self.driver)
        if shift:
            chain.key_down(Keys.SHIFT)
        chain.send_keys(getattr(Keys, name))
        if shift:
            chain.key_up(Keys.SHIFT)
        chain.perform()

    def focus(self):
        return self.js("return document.activeElement.id || document.activeElement.innerText")

    def shot(self, name):
        """A picture of the whole page, for the results."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        width = self.js("return innerWidth")
        self.resize(width, self.js("return document.documentElement.scrollHeight"))
        self.driver.save_screenshot(str(SHOTS / f"page-{name}.png"))
        self.resize(width, SIZE[1])

    def problems(self):
        """Entries of the console since the last call, except network errors: weir may be stopped."""
        return [entry for entry in self.driver.get_log("browser") if entry["source"] != "network"]


@contextlib.contextmanager
def browser():
    """A Browser; the test is skipped if Chromium is missing or does not start."""
    if SANITIZER:
        pytest.skip("the page is the same in each build")
    selenium = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed")
    from selenium.common.exceptions import WebDriverException  # noqa: PLC0415
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415
    if not os.access("/usr/bin/chromedriver", os.X_OK):
        pytest.skip("chromium-driver is not installed")
    options = selenium.ChromeOptions()
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         "--disable-extensions", "--no-first-run", "--disable-background-networking", f"--user-data-dir={folder}",
                         f"--window-size={SIZE[0]},{SIZE[1]}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            driver = selenium.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        except WebDriverException as problem:
            pytest.skip(f"Chromium does not start here: {problem.msg}")
        try:
            yield Browser(driver)
        finally:
            driver.quit()
