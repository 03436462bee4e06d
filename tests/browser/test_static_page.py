"""The page without a server, in a real Chromium, from a host that sends no headers of its own."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image

from cloudedge import preprocess
from cloudedge.bench.drawn_sky import draw_sky
from cloudedge.genera import GENERA
from cloudedge.page.folder import POLICY
from cloudedge.photo.read import read

from .conftest import Browser, chromium
from .same_rows import check_rows
from .sites import AXE, static_server, write_site
from .skies import REDUCED, camera_skies, drawn_skies, real_skies
from .test_page import pixels, press, saved, shown, tab_to


@pytest.fixture
def page(driver: Any, static_address: str) -> Iterator[Browser]:
    """The page, ready; when the test is over, it has asked nobody else for anything, and complained of nothing."""
    yield from opened(driver, static_address)


def opened(driver: Any, address: str) -> Iterator[Browser]:
    driver.get("about:blank")
    page = Browser(driver, address)
    page.requested()
    page.complaints()
    page.open()
    wait_until_ready(page)
    yield page
    driver.get("about:blank")
    assert [url for url in page.requested() if not url.startswith((address, "blob:", "data:", "about:"))] == []
    assert page.complaints() == []


def wait_until_ready(page: Browser) -> None:
    page.wait(lambda: page.text("#status").startswith("Ready"), 120)


def rows_of_the_page(page: Browser, photos: Sequence[Path]) -> list[dict[str, Any]]:
    """Choose photos and return their rows, as the page lets them be downloaded."""
    page.run("const make = URL.createObjectURL; URL.createObjectURL = (b) => ((window.lastSaved = b), make(b))")
    page.choose(*photos)
    page.wait_for_cards(len(photos))
    page.run("document.getElementById('jsonl').click()")
    return [json.loads(line) for line in saved(page).splitlines()]


def test_drawn_skies_get_the_rows_of_python(page, tmp_path, classifier):
    photos = drawn_skies(tmp_path)
    found = rows_of_the_page(page, photos)
    check_rows(found, photos, classifier, lambda name: 0.05 if REDUCED in name else 0.02)
    assert {row["time_source"] for row in found} == {"exif", None}
    assert "dark" in {row["reason"] for row in found}


def test_real_skies_get_the_rows_of_python(page, classifier):
    photos = real_skies(40)
    if not photos:
        pytest.skip("there are no photos; set CLOUDEDGE_DATA to the folder that holds ccsn")
    check_rows(rows_of_the_page(page, photos), photos, classifier, lambda name: 0.02)


def test_photos_of_a_phone_get_the_rows_of_python(page, tmp_path, classifier):
    photos = camera_skies(tmp_path, 3)
    check_rows(rows_of_the_page(page, photos), photos, classifier, lambda name: 0.05)


TENSOR = """
    const [input, done] = arguments;
    (async () => {
      const facts = await (await fetch("facts.json")).json();
      const { read } = await import("./photo.js"), { prepare } = await import("./preprocess.js");
      const { input: tensor, shape, luminance } = prepare((await read(input.files[0], facts)).picture, facts.model);
      const bytes = Array.from(new Uint8Array(tensor.buffer), (byte) => String.fromCharCode(byte));
      return { shape, luminance, bytes: btoa(bytes.join("")) };
    })().then(done, (error) => done({ error: String(error) }));
"""


def test_the_input_of_the_model_is_that_of_python_to_the_last_bit(page, tmp_path, classifier):
    page.run("document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'mine'}))")
    spec = classifier.model.spec
    for path in drawn_skies(tmp_path):
        page.one("#mine").send_keys(str(path))
        found = page.driver.execute_async_script(TENSOR, page.one("#mine"))
        tensor = np.frombuffer(base64.b64decode(found["bytes"]), np.float32).reshape(found["shape"])[0]
        decoded = read(path, spec.resize.size).pixels
        expected = preprocess.prepare(decoded, spec)
        assert tensor.shape == expected.shape
        assert np.abs(tensor - expected).mean() < 0.02  # of a deviation, which is about 58 grey levels
        if REDUCED in path.name or int(PIL.__version__.partition(".")[0]) < 13:  # which has another order of passes
            continue
        assert np.array_equal(tensor, expected), path.name
        assert found["luminance"] == pytest.approx(preprocess.luminance(preprocess.resize(decoded, spec)))


def test_the_evidence_lies_where_python_sees_it(page, cumulus, classifier):
    page.choose(cumulus)
    page.wait_for_cards(1)
    page.one(".why").click()
    strongest = float(classifier.classify(cumulus).evidence().max())
    found = re.search(r"speaks for Cumulus \(logit\): at most ([\d.]+);", page.text(".legend"))
    assert found
    assert float(found[1]) == pytest.approx(strongest, abs=0.4)
    assert page.one(".overlay").get_attribute("aria-label").startswith("What speaks for Cumulus lies mostly ")
    assert np.ptp(pixels(page)) > 100


def test_after_the_first_visit_it_works_without_a_network(driver, site, cumulus):
    with static_server(site) as address:
        first = next(opened(driver, address))
        assert first.text("#status") == "Ready, also without a network."
        driver.get("about:blank")
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        driver.get(address + "licences.txt")  # which is not kept: the server is gone
    page = Browser(driver, address)
    page.open(path="?from=home")
    wait_until_ready(page)
    page.choose(cumulus)
    assert shown(page.wait_for_cards(1)[0])[0] == "Cumulus"
    driver.get("about:blank")
    page.complaints()


def test_another_model_comes_with_the_next_visit_and_never_half(driver, tmp_path):
    folder = tmp_path / "site"
    write_site(folder, "--model", "lite0")
    with static_server(folder) as address:
        assert "lite0" in next(opened(driver, address)).text("footer")
        write_site(folder, "--model", str(tiny_model()))
        page = Browser(driver, address)
        for _ in range(20):
            driver.get("about:blank")
            page.open()
            wait_until_ready(page)
            if "tiny" in page.text("footer"):
                break
        assert "tiny" in page.text("footer")
        assert page.run("return caches.keys().then((names) => names.length)") == 1
        driver.get("about:blank")


def tiny_model() -> Path:
    return Path(__file__).parents[1] / "runtime" / "fixtures" / "tiny.onnx"


def test_a_file_that_was_changed_is_not_used(driver, site, tmp_path, cumulus):
    folder = Path(shutil.copytree(site, tmp_path / "site"))
    model = bytearray((folder / "model.bin").read_bytes())
    model[5000] ^= 1
    (folder / "model.bin").write_bytes(model)
    with static_server(folder) as address:
        page = Browser(driver, address)
        page.open()
        page.wait(lambda: "model.bin cannot be loaded, or is not the file" in page.text("#status"))
        page.choose(cumulus)
        (card,) = page.wait_for_cards(1)
        assert "cannot be looked at" in card.text
        assert not page.all("article h2")
        driver.get("about:blank")
        page.complaints()


def test_the_page_may_ask_nobody_but_its_own_host(page, static_address):
    assert page.one("meta[http-equiv]").get_attribute("content") == POLICY
    violated = page.driver.execute_async_script("""
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        fetch("http://127.0.0.1:9/").catch(() => {});
    """)
    assert violated == "connect-src"
    policy = "return fetch('worker.js').then((response) => response.headers.get('Content-Security-Policy'))"
    assert page.run(policy) == POLICY  # the service worker adds it, which a plain host does not
    page.complaints()


def refused(page: Browser, *photos: Path) -> list[str]:
    page.choose(*photos)
    cards = page.wait_for_cards(len(photos))
    return [" ".join(card.text.split()) for card in cards]


def test_what_is_no_photo_is_told_so_in_words(page, tmp_path, cumulus):
    files = {
        "notes.jpg": b"These are notes.",
        "empty.jpg": b"",
        "cut.jpg": cumulus.read_bytes()[: cumulus.stat().st_size // 2],
        "spoilt.png": b"\x89PNG\r\n\x1a\n" + b"spoilt" * 100,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    Image.new("L", (8000, 7000)).save(tmp_path / "huge.png")
    draw_sky(300, 200).save(tmp_path / "scan.tif")
    photos = [tmp_path / name for name in (*files, "huge.png", "scan.tif")]
    notes, empty, cut, spoilt, huge, scan = refused(page, *photos)
    assert "notes.jpg is not a photo in a format that this browser shows; save it as JPEG" in notes
    assert "empty.jpg is empty; copy or download it again" in empty
    assert "cut.jpg is damaged or cut short" in cut
    assert "spoilt.png is damaged or cut short" in spoilt
    assert "huge.png has 56 million pixels, more than 51 million; scale it down" in huge
    assert "scan.tif is a TIFF photo, which this browser does not show; save it as JPEG" in scan
    assert page.text("#status") == "All 6 photos looked at: 6 Not read."
    assert not page.all("article h2, article .photo")
    assert notes.startswith("This browser cannot show the file.")


def test_a_folder_is_told_so_in_words(page, tmp_path):
    (tmp_path / "sky").mkdir()
    page.drop(tmp_path / "sky")
    assert "not folders" in page.wait_for_cards(1)[0].text


def test_a_photo_of_50_megapixels(page, tmp_path, classifier):
    large = tmp_path / "large.jpg"
    draw_sky(2040, 1530, 50).resize((8160, 6120)).save(large, quality=80)
    check_rows(rows_of_the_page(page, [large]), [large], classifier, lambda name: 0.05)


def test_thirty_photos_have_an_overview(page, tmp_path):
    photos = [tmp_path / f"{number:02}.jpg" for number in range(30)]
    for number, path in enumerate(photos):
        draw_sky(320, 240, number).save(path)
    page.choose(*photos)
    page.wait_for_cards(30)
    assert len(page.all("#entries li")) == 30
    assert page.text("#status").startswith("All 30 photos looked at: ")


def test_without_webassembly_it_says_so(page, cumulus):
    script = page.command("Page.addScriptToEvaluateOnNewDocument", source="delete globalThis.WebAssembly")
    page.open()
    page.wait(lambda: "WebAssembly" in page.text("#status"))
    assert page.text("#status").startswith("This browser has no WebAssembly, which this page needs. Allow it")
    page.choose(cumulus)
    assert "cannot be looked at. This browser has no WebAssembly" in page.wait_for_cards(1)[0].text
    page.command("Page.removeScriptToEvaluateOnNewDocument", **script)


def film(path: Path, *skies: Image.Image) -> Path:
    """Write what Chromium shows in place of a camera: frames of Motion JPEG, over and over."""
    frames = io.BytesIO()
    for sky in skies:
        sky.save(frames, "JPEG", quality=90)
    path.write_bytes(frames.getvalue())
    return path


def test_the_camera_names_the_sky_live(site, cumulus, tmp_path, driver):
    with Image.open(cumulus) as sky:
        camera = film(tmp_path / "sky.mjpeg", sky.resize((640, 480)))
    switches = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    with static_server(site) as address, chromium(*switches) as other:
        page = next(opened(other, address))
        page.one("#live-start").click()
        page.wait(lambda: page.text("#live-name") == "Cumulus")
        assert page.run("return document.activeElement.id") == "live-stop"
        assert page.text("#live-words").startswith("Cumulus ")
        assert page.one("#live-name").get_attribute("role") == "status"
        page.one("#live-keep").click()
        assert shown(page.wait_for_cards(1)[0])[0] == "Cumulus"
        page.one("#live-stop").click()
        assert not page.one("#live").is_displayed()
        assert page.run("return document.getElementById('live-video').srcObject") is None
        assert page.run("return document.activeElement.id") == "live-start"
        assert page.complaints() == []


def test_a_camera_that_cannot_be_used_is_told_of(page):
    page.one("#live-start").click()
    page.wait(lambda: "camera" in page.text("#live-name"))
    assert page.text("#live-name") in (  # which one, is the machine's doing
        "No camera can be used here.",
        "The camera is not allowed. Allow it in the browser's settings.",
    )
    page.one("#live-stop").click()
    assert not page.one("#live").is_displayed()


def test_it_can_be_installed(page):
    assert page.command("Page.getInstallabilityErrors")["installabilityErrors"] == []
    manifest = page.command("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["name"] == "What cloud is that?"


@pytest.mark.parametrize("width", [320, 360, 1100])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_barrier(page, cumulus, tmp_path, width, dark):
    page.open(width=width, height=800, dark=dark)
    wait_until_ready(page)
    (tmp_path / "notes.jpg").write_text("notes")
    page.choose(cumulus, tmp_path / "notes.jpg")
    page.wait_for_cards(2)
    page.run("document.querySelector('.why').click()")
    page.run("document.getElementById('live').hidden = false")
    page.run(AXE.read_text(encoding="utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]] == []
    assert len(found["passes"]) > 20
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_all_of_it_works_with_the_keyboard_alone(page, cumulus):
    tab_to(page, lambda element: element.get_attribute("id") == "files")
    tab_to(page, lambda element: element.get_attribute("id") == "live-start")
    page.choose(cumulus)
    page.wait_for_cards(1)
    tab_to(page, lambda element: "why" in element.get_attribute("class"))
    press(page, " ")
    assert page.one(".overlay").is_displayed()
    tab_to(page, lambda element: element.text == "Compare the ten genera")
    press(page, "Enter")
    assert "#genus-Cumulus" in page.driver.current_url


def test_the_table_names_all_ten_genera(page):
    assert page.run("return [...document.querySelectorAll('tbody tr')].map((e) => e.id)") == [
        f"genus-{genus.name}" for genus in GENERA
    ]
