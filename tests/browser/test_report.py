"""The report in a real browser: it fits on a phone, opens by keyboard, and the live page follows its file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support.weather import weather
from .conftest import MODEL, Browser, server
from .sites import AXE


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    """Reports of a month, a first hour, one capture, two cameras and a year."""
    folder = tmp_path_factory.mktemp("reports")
    month = list(weather(30, 30))
    kinds = {
        "month": month,
        "hour": month[20:23],
        "one": month[20:21],
        "two": [*weather(5, 30, "a/north/{:%Y%m%d_%H%M%S}.jpg"), *weather(5, 30, "a/south/{:%Y%m%d_%H%M%S}.jpg", 7)],
        "year": weather(366, 120),
    }
    for name, rows in kinds.items():
        command = [sys.executable, "-m", "cloudedge", "report", write(folder / f"{name}.jsonl", rows)]
        subprocess.run([*command, "-o", folder / f"{name}.html"], check=True, stderr=subprocess.DEVNULL)
    return {name: folder / f"{name}.html" for name in kinds}


@pytest.fixture
def page(driver, reports) -> Iterator[Browser]:
    browser = Browser(driver, "")
    yield browser
    driver.get("about:blank")


def show(page: Browser, path: Path, width: int, dark: bool = False) -> None:
    page.command(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
    )  # fmt: skip
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.command("Emulation.setEmulatedMedia", features=[theme])
    page.driver.get(path.as_uri())


@pytest.mark.parametrize("width", [360, 1180])
@pytest.mark.parametrize("name", ["month", "hour", "one", "two", "year"])
def test_nothing_is_wider_than_the_window(page, reports, name, width):
    show(page, reports[name], width)
    page.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here; run: make page-runtime")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["month", "one", "two", "year"])
def test_axe_finds_nothing(page, reports, name, dark):
    show(page, reports[name], 1180, dark)
    page.run(AXE.read_text(encoding="utf-8"))
    page.driver.set_script_timeout(300)  # a year has many cells
    found = page.driver.execute_async_script("axe.run().then((r) => arguments[0](r.violations.map((v) => v.id)))")
    assert found == []


def test_a_day_opens_by_keyboard(page, reports):
    show(page, reports["month"], 1180)
    day = page.one("details.day summary")
    assert page.one("details.day ul").is_displayed() is False
    day.send_keys("\ue007")  # Enter
    assert page.one("details.day ul").is_displayed()


def test_uncertain_is_not_striped(page, reports):
    """A faded colour covers its ground; stripes are seen only where there is no capture."""
    show(page, reports["month"], 1180)
    faded = page.one("details.day path.doubt").value_of_css_property("fill")
    assert faded.startswith(("rgb(", "color(srgb"))
    assert "/" not in faded
    assert page.one("details.day path.doubt").value_of_css_property("opacity") == "1"


@contextmanager
def watching(folder: Path, journal: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "cloudedge", "watch", folder, "-o", journal, "--poll", "0.2", "--settle", "0.2"]
    with subprocess.Popen([*command, *MODEL], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "sesame"])
def test_the_live_page_follows_what_watch_writes(driver, tmp_path, cumulus, token):
    folder, journal = tmp_path / "cam", tmp_path / "sky.jsonl"
    folder.mkdir()
    shutil.copy(cumulus, folder / "20240601_120000.jpg")
    options = ["--results", str(journal), *(["--token", token] if token else [])]
    with server(tmp_path / "log", *options) as address, watching(folder, journal):
        browser = Browser(driver, address)
        browser.complaints()
        driver.get(f"{address}live")
        if token:
            browser.wait(lambda: browser.one("#token").is_displayed())
            browser.one("#secret").send_keys(f"{token}\n")
        browser.wait(lambda: "1 June 2024, 12:00" in browser.text("body"))
        browser.wait(lambda: browser.run("return document.querySelector('.latest img').naturalWidth") > 0)
        browser.run("document.querySelector('details').open = true; scrollTo(0, 300)")
        shutil.copy(cumulus, folder / "20240601_123000.jpg")
        browser.wait(lambda: "1 June 2024, 12:30" in browser.text("body"))
        assert browser.run("return document.querySelector('details').open")
        assert browser.run("return scrollY") == 300
        assert "Live" in browser.text("#status")
        time.sleep(0.2)
        complaints = [text for text in browser.complaints() if "401" not in text]
        assert complaints == []
        driver.execute_script("sessionStorage.clear()")
        driver.get("about:blank")
