"""A real Chromium without a window, the server that it looks at, and what it has asked of the network."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

ROOT = Path(__file__).parents[2]
MODEL = ["--model", os.environ["CLOUDEDGE_TEST_MODEL"]] if "CLOUDEDGE_TEST_MODEL" in os.environ else []
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SWITCHES = [
    "--headless=new",
    "--no-sandbox",  # it refuses to start as root with one
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",  # it would ask its maker for this and that
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Browser:
    """A driven browser; `url` is the page of the server."""

    driver: Any
    url: str

    def open(self, width: int = 1100, height: int = 900, dark: bool = False, path: str = "") -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500, screenWidth=width, screenHeight=height,
        )  # fmt: skip
        self.command("Emulation.setTouchEmulationEnabled", enabled=width < 500)
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        wanted = [{"name": name, "value": value} for name, value in features.items()]
        self.command("Emulation.setEmulatedMedia", features=wanted)
        self.driver.get(self.url + path)
        self.wait(lambda: self.all("tbody tr"))  # what comes last

    def command(self, name: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return " ".join(self.one(selector).text.split())

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.text("body")
            time.sleep(0.05)

    def choose(self, *photos: Path) -> None:
        self.one("#files").send_keys("\n".join(map(str, photos)))

    def drop(self, *photos: Path) -> None:
        """Drag files over the page and let go, as a person does with the mouse."""
        files = {"items": [], "files": [str(photo) for photo in photos], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.command("Input.dispatchDragEvent", type=kind, x=300, y=200, data=files)

    def wait_for_cards(self, number: int) -> list[Any]:
        """Wait until so many photos have their answer, good or bad."""
        done = "article h2, article .problem"
        self.wait(
            lambda: len(self.all(done)) == number and not self.all("article .progress:not([hidden])"), 60 + 10 * number
        )
        return self.all("article")

    def screenshot(self, whole: bool = True) -> bytes:
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])

    def requested(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Return what the console has complained of since the last call."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("WARNING", "SEVERE")]


@contextmanager
def server(log: Path, *arguments: str) -> Iterator[str]:
    """Run `cloudedge serve`; its log must stay free of tracebacks."""
    command = [sys.executable, "-m", "cloudedge", "serve", "--port", "0", *MODEL, *arguments]
    with log.open("w") as stream, subprocess.Popen(command, stderr=stream) as process:
        try:
            while not (found := re.search(r"Serving on (http://\S+)", log.read_text(encoding="utf-8"))):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            yield found[1]
        finally:
            process.terminate()
            assert process.wait(30) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


@contextmanager
def chromium(*switches: str) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, *switches):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("serve") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("there is no chromium with its driver here; on Debian: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="the browser is driven by the group `browser`")
    with chromium() as driver:
        yield driver


@pytest.fixture
def browser(driver: Any, address: str) -> Iterator[Browser]:
    """A browser that, when the test is over, has asked nobody but the server for anything."""
    driver.get("about:blank")
    browser = Browser(driver, address)
    browser.requested()
    browser.complaints()
    yield browser
    driver.get("about:blank")
    elsewhere = [url for url in browser.requested() if not url.startswith((address, "blob:", "data:", "about:"))]
    assert elsewhere == []


@pytest.fixture(scope="session")
def cumulus() -> Path:
    return ROOT / "examples" / "cumulus.jpg"


@pytest.fixture(scope="session")
def rows() -> Callable[..., list[dict[str, Any]]]:
    """Return the rows of the command line."""

    def classify(*photos: Path) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "cloudedge", "classify", "--format", "json", "--quiet", *MODEL]
        done = subprocess.run([*command, *map(str, photos)], capture_output=True, text=True, check=False)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return classify


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `cloudedge page` writes."""
    from .sites import write_site

    return write_site(tmp_path_factory.mktemp("page") / "site")


@pytest.fixture(scope="session")
def static_address(site: Path) -> Iterator[str]:
    from .sites import static_server

    with static_server(site) as address:
        yield address


@pytest.fixture(scope="session")
def classifier() -> Any:
    """The model of that folder, in Python."""
    from cloudedge import CloudClassifier

    return CloudClassifier(MODEL[1] if MODEL else "lite0", threads=1)
