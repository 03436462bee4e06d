"""Make the pictures in README and docs from drawn skies. Run by hand: python tests/browser/make_pictures.py"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from conftest import MODEL, ROOT, Browser, chromium, server
from PIL import Image

sys.path.insert(0, str(ROOT / "examples"))
sys.path.insert(0, str(ROOT / "tests" / "support"))
from draw_cumulus import draw
from weather import weather

PICTURES = ROOT / "docs" / "pictures"
SKY = ROOT / "examples" / "cumulus.jpg"


def save(picture: Image.Image, name: str, width: int) -> None:
    height = round(picture.height * width / picture.width)
    target = PICTURES / name
    picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS).save(target, quality=84, optimize=True)
    assert target.stat().st_size < 200_000, target


def run(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "cloudedge", *map(str, arguments)], check=True)


def page(browser: Browser, folder: Path) -> None:
    """The page with drawn skies: light on a desk, dark on a phone."""
    small = folder / "balcony.jpg"
    draw(3, [(0.95, 0.55, 0.5)]).save(small)
    for name, width, height, dark in (("page.jpg", 1000, 1060, False), ("phone.jpg", 390, 1180, True)):
        browser.open(width=width, height=height, dark=dark)
        browser.choose(small, SKY) if width > 500 else browser.choose(small)
        browser.wait_for_cards(2 if width > 500 else 1)
        browser.run("arguments[0].click()", browser.all(".why")[0])
        browser.run("document.activeElement.blur(); scrollTo(0, 0)")
        save(Image.open(io.BytesIO(browser.screenshot(whole=False))), name, width)


# Centre, base and width of what is drawn for a genus; a clear sky for the others.
HEAPS = {
    "Cumulus": [(0.2, 0.8, 0.4), (0.9, 0.7, 0.5)],
    "Cumulonimbus": [(0.6, 0.95, 1.2)],
    "Altocumulus": [(number / 6, 0.3 + 0.1 * (number % 3), 0.14) for number in range(8)],
    "Stratocumulus": [(number / 4, 0.5 + 0.1 * (number % 2), 0.4) for number in range(6)],
    "Cirrus": [(0.5, 0.2, 0.1), (1.1, 0.3, 0.12)],
}


def june(folder: Path) -> Path:
    """Make up the rows of a June until its last afternoon, and draw the skies of that day."""
    rows = list(weather(30, 15, f"{folder}/webcam/{{:%Y%m%d_%H%M%S}}.jpg", seed=8))[: -6 * 4 - 2]
    (folder / "webcam").mkdir()
    skies: dict[str, Image.Image] = {}
    for row in rows[-96:]:
        genus = row["genus"] or ""
        if genus not in skies:
            skies[genus] = draw(len(skies) + 2, HEAPS.get(genus, [])).resize((480, 360))
        skies[genus].save(str(row["path"]))
    target = folder / "june.jsonl"
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return target


def report(browser: Browser, folder: Path) -> None:
    """The report of a month, light on a desk, and of a year."""
    rows, year = june(folder), folder / "year.jsonl"
    made_up = weather(366, 30, start=datetime(2024, 1, 1))
    year.write_text("".join(json.dumps(row) + "\n" for row in made_up), encoding="utf-8")
    for file, name, height, above in ((rows, "report.jpg", 1500, ""), (year, "year.jpg", 900, ".months")):
        html = folder / "page.html"
        run("report", file, "-o", html)
        browser.command(
            "Emulation.setDeviceMetricsOverride", width=1000, height=height, deviceScaleFactor=1, mobile=False
        )
        browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        browser.driver.get(html.as_uri())
        browser.run("document.querySelector('header p').textContent = 'sky.jsonl · made up'")
        if above:
            browser.run("document.querySelector(arguments[0]).closest('section').scrollIntoView()", above)
        save(Image.open(io.BytesIO(browser.screenshot(whole=False))), name, 1000)


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("explain", SKY, "-o", folder / "why.jpg", *MODEL)
        save(Image.open(folder / "why.jpg"), "why.jpg", 900)
        with server(folder / "log") as address, chromium() as driver:
            browser = Browser(driver, address)
            browser.command("Emulation.setScrollbarsHidden", hidden=True)
            page(browser, folder)
            report(browser, folder)
