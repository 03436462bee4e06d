"""Make the pictures in README and docs from drawn skies. Run by hand: python tests/browser/make_pictures.py"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from conftest import MODEL, ROOT, Browser, chromium, server
from PIL import Image

sys.path.insert(0, str(ROOT / "examples"))
from draw_cumulus import draw

from cloudedge.genera import GENERA
from cloudedge.row import NAMELESS

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


def month() -> list[dict[str, object]]:
    """Make up the rows of a June: high clouds in the morning, heaps at noon, rain on some days."""
    chance, rows = random.Random(6), []
    names = {genus.name: genus for genus in GENERA}
    weather = {
        "fair": ["Cirrus", "Cirrus", "Cumulus", "Cumulus", "Cumulus", "Altocumulus"],
        "grey": ["Stratus", "Stratocumulus", "Stratocumulus", "Stratocumulus", "Stratus", "Stratus"],
        "front": ["Cirrostratus", "Altostratus", "Altostratus", "Nimbostratus", "Nimbostratus", "Nimbostratus"],
        "storm": ["Altocumulus", "Cumulus", "Cumulus", "Cumulonimbus", "Cumulonimbus", "Stratocumulus"],
    }
    for day in range(30):
        kind = weather[chance.choices(list(weather), [5, 3, 2, 1.5])[0]]
        for minutes in range(0, 1440, 30):
            time = datetime(2024, 6, 1) + timedelta(days=day, minutes=minutes)
            hour = time.hour + time.minute / 60
            genus = names[kind[max(0, min(5, int((hour - 5) / 16 * 6 + chance.uniform(-0.7, 0.7))))]]
            probability = min(0.99, chance.betavariate(4, 1.6))
            doubt = "dark" if not 5 <= hour <= 21.5 else "low_confidence" if probability < 0.58 else None
            doubt = "clear" if doubt is None and kind is weather["fair"] and chance.random() < 0.12 else doubt
            named = {
                "genus": genus.name, "abbreviation": genus.abbreviation, "probability": probability,
                "level": {"name": genus.level, "probability": probability}, "base": genus.base, "rain": genus.rain,
            }  # fmt: skip
            rows.append(
                {
                    "path": f"webcam/{time:%Y%m%d_%H%M%S}.jpg", "status": "ok", "error": None,
                    **(dict.fromkeys(named) if doubt in NAMELESS else named), "certain": doubt is None,
                    "reason": doubt, "top": [{"genus": genus.name, "probability": probability}],
                    "captured_at": time.isoformat(), "time_source": "name", "model": "made up",
                }
            )  # fmt: skip
    return rows


def report(browser: Browser, folder: Path) -> None:
    rows, html = folder / "june.jsonl", folder / "june.html"
    rows.write_text("".join(json.dumps(row) + "\n" for row in month()), encoding="utf-8")
    run("report", rows, "-o", html)
    browser.command("Emulation.setDeviceMetricsOverride", width=1000, height=1180, deviceScaleFactor=1, mobile=False)
    browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    browser.driver.get(html.as_uri())
    browser.run("document.querySelector('header p').textContent = 'june.jsonl · made up'")
    save(Image.open(io.BytesIO(browser.screenshot(whole=False))), "report.jpg", 1000)


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
