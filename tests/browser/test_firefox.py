"""The page without a server in Firefox: the same answers as in Chromium and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .firefox import FIREFOX, Firefox, firefox
from .same_rows import check_rows
from .sites import static_server
from .skies import REDUCED, drawn_skies, real_skies

pytestmark = pytest.mark.skipif(not FIREFOX, reason="there is no Firefox here; on Debian: apt-get install firefox-esr")

STATUS = "document.getElementById('status').textContent"


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    pytest.importorskip("websocket", reason="the browser is driven by the group `browser`")
    with static_server(site) as address, firefox(tmp_path_factory.mktemp("firefox") / "profile") as browser:
        browser.open(address)
        browser.wait(f"{STATUS}.startsWith('Ready')", 300)
        yield browser


def rows(browser: Firefox, *photos: Path) -> list[dict[str, object]]:
    browser.run("document.getElementById('remove-all').click()")
    browser.choose("#files", *photos)
    browser.wait(f"document.querySelectorAll('article h2, article .problem').length === {len(photos)}", 300)
    text = browser.run("""(() => {
        const make = URL.createObjectURL;
        return new Promise((resolve) => {
            URL.createObjectURL = (blob) => (resolve(blob.text()), make(blob));
            document.getElementById("jsonl").click();
        });
    })()""")
    return [json.loads(line) for line in text.splitlines()]


def test_firefox_gives_the_rows_of_python(browser, tmp_path, classifier):
    photos = [*drawn_skies(tmp_path), *real_skies(20)]
    found = rows(browser, *photos)
    check_rows(found, photos, classifier, lambda name: 0.05 if REDUCED in name else 0.02)


def test_firefox_shows_what_is_wrong_with_a_file(browser, tmp_path, cumulus):
    (tmp_path / "notes.jpg").write_text("notes")
    (tmp_path / "cut.jpg").write_bytes(cumulus.read_bytes()[: cumulus.stat().st_size // 2])
    notes, cut = rows(browser, tmp_path / "notes.jpg", tmp_path / "cut.jpg")
    assert notes["error"] == "is not a photo in a format that this browser shows; save it as JPEG"
    assert "damaged or cut short" in str(cut["error"])


def test_firefox_keeps_the_page_for_times_without_a_network(browser):
    assert browser.run(STATUS) != ""
    assert browser.run("navigator.serviceWorker.controller !== null")
    kept = browser.run("""
        caches.keys().then(([name]) => caches.open(name)).then((cache) => cache.match("model.bin")).then(Boolean)
    """)
    assert kept is True
