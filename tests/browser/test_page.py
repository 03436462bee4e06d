"""The page in a real browser: what a person sees who drops a photo on it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cloudedge import CloudClassifier, explain
from cloudedge.genera import GENERA, by_name
from cloudedge.row import percent
from cloudedge.row_formats import to_csv

from .conftest import MODEL, Browser, server


@pytest.fixture(scope="module")
def three(tmp_path_factory, cumulus):
    """Three photos: a drawn sky, and two parts of it."""
    folder = tmp_path_factory.mktemp("three")
    paths = [folder / f"{name}.png" for name in ("whole", "left", "right")]
    with Image.open(cumulus) as sky:
        for path, box in zip(paths, [(0, 0, 1024, 768), (0, 0, 400, 300), (500, 200, 1000, 700)], strict=True):
            sky.crop(box).save(path)
    return paths


def shown(card) -> tuple[str, str]:
    heading = card.find_element("css selector", "h2").text.split()[0]
    return heading, card.find_element("css selector", ".probability").text


def pixels(browser, **options) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.screenshot(**options))).convert("RGB"), np.int16)


def test_a_photo_that_is_dropped_gets_the_row_of_the_command_line(browser, cumulus, rows):
    browser.open()
    browser.drop(cumulus)
    (card,) = browser.wait_for_cards(1)
    (row,) = rows(cumulus)
    assert shown(card) == (row["genus"], percent(row["probability"]))
    text = " ".join(card.text.split())
    for words in (row["base"], row["rain"], row["level"]["name"], by_name(row["genus"]).look, "cumulus.jpg"):
        assert words in text
    for entry in row["top"]:
        assert f"{entry['genus']} {percent(entry['probability'])}" in text
    assert ("Not sure" in text) == (not row["certain"])
    size = browser.run("return [arguments[0].width, arguments[0].height]", browser.one(".photo"))
    assert size == [960, 720]
    assert "looked at" in browser.text("#status") or row["genus"] in browser.text("#status")
    assert browser.complaints() == []


STEP = 30
ALPHAS = """
    const [{width, height}, step] = arguments;
    const data = arguments[0].getContext("2d").getImageData(0, 0, width, height).data;
    const along = (length) => Array.from({length: length / step}, (_, i) => i * step);
    return along(height).map((y) => along(width).map((x) => data[4 * (y * width + x) + 3]));
"""


def opacity(photo, genus) -> np.ndarray:
    """How opaque `cloudedge explain` makes each point of the photo, of those that are looked at, 0..255."""
    result = CloudClassifier(*MODEL[1:]).classify(photo)
    evidence = result.with_maps(replace(result.maps, size=(960, 720))).evidence(genus)
    weak, strong = explain._OPACITY
    return 255 * (weak + (strong - weak) * explain.strength(evidence))[::STEP, ::STEP]


def test_the_evidence_is_switched_on_and_off(browser, cumulus, rows):
    browser.open()
    browser.choose(cumulus)
    browser.wait_for_cards(1)
    (row,) = rows(cumulus)
    overlay, button = browser.one(".overlay"), browser.one(".why")
    assert not overlay.is_displayed()
    button.click()
    assert overlay.is_displayed()
    assert (button.text, button.get_attribute("aria-pressed")) == ("Where it is seen", "true")
    assert overlay.get_attribute("aria-label").startswith(f"What speaks for {row['genus']} lies mostly ")
    assert browser.text("#status") == overlay.get_attribute("aria-label")
    assert f"speaks for {row['genus']} (logit): at most " in browser.text(".legend")
    alphas = browser.run(ALPHAS, overlay, STEP)
    expected = opacity(cumulus, row["genus"])
    assert np.ptp(expected) > 100
    assert np.median(np.abs(np.array(alphas) - expected)) < 3
    second = browser.all(".bars button")[1]
    second.click()
    assert second.get_attribute("aria-pressed") == "true"
    assert row["top"][1]["genus"] in overlay.get_attribute("aria-label")
    button.click()
    assert not overlay.is_displayed()
    assert browser.complaints() == []


def test_a_photo_without_a_cloud_to_name_is_called_what_it_is(browser, tmp_path, rows):
    night = tmp_path / "night.png"
    Image.new("RGB", (640, 480), (4, 4, 6)).save(night)
    browser.open()
    browser.choose(night)
    (card,) = browser.wait_for_cards(1)
    (row,) = rows(night)
    assert (row["genus"], row["reason"]) == (None, "dark")
    assert card.find_element("css selector", "h2").text == "Too dark"
    text = " ".join(card.text.split())
    assert "Cloud base" not in text
    for entry in row["top"]:
        assert f"{entry['genus']} {percent(entry['probability'])}" in text
    assert browser.text("#status").startswith("night.png: Too dark; the best guess is ")
    assert browser.complaints() == []


def test_three_photos_get_three_cards_in_their_order(browser, three, rows):
    browser.open()
    browser.drop(*three)
    cards = browser.wait_for_cards(3)
    assert [shown(card) for card in cards] == [(row["genus"], percent(row["probability"])) for row in rows(*three)]
    assert browser.text("#status").startswith("All 3 photos looked at: ")
    browser.choose(three[1])  # later ones come first
    assert shown(browser.wait_for_cards(4)[0]) == shown(cards[1])
    assert browser.complaints() == []


def test_a_text_file_named_jpg_is_told_so_in_words(browser, tmp_path, cumulus):
    fake = tmp_path / "notes.jpg"
    fake.write_text("These are notes.")
    browser.open()
    browser.drop(fake, cumulus)
    bad, good = browser.wait_for_cards(2)
    assert "notes.jpg is not a photo in a known format" in " ".join(bad.text.split())
    assert not bad.find_elements("css selector", "h2")
    assert shown(good)[0] == "Cumulus"
    complaints = browser.complaints()  # Chromium itself notes each answer with an error's status
    assert len(complaints) == 1
    assert "415" in complaints[0]


def test_a_name_is_text_and_nothing_else(browser, tmp_path, cumulus):
    good, bad = (tmp_path / f"<img src={name} onerror=alert(1)>.jpg" for name in ("good", "bad"))
    good.write_bytes(cumulus.read_bytes())
    bad.write_text("no photo")
    browser.open()
    browser.drop(good, bad)
    for path, card in zip((good, bad), browser.wait_for_cards(2), strict=True):
        assert path.name in card.text
    assert not browser.all("article img")
    assert len(browser.complaints()) == 1  # of the status 415


def test_a_folder_is_told_so_in_words(browser, tmp_path):
    folder = tmp_path / "sky"
    folder.mkdir()
    browser.open()
    browser.drop(folder)
    (card,) = browser.wait_for_cards(1)
    assert "not folders" in card.text


def test_a_photo_of_40_megapixels(browser, tmp_path, cumulus, rows):
    large = tmp_path / "large.jpg"
    with Image.open(cumulus) as sky:
        sky.resize((7300, 5480)).save(large, quality=80)
    (row,) = rows(large)
    browser.open()
    browser.drop(large)
    (card,) = browser.wait_for_cards(1)
    assert shown(card) == (row["genus"], percent(row["probability"]))
    assert browser.complaints() == []


def test_a_photo_of_too_many_pixels_is_told_so(browser, tmp_path):
    huge = tmp_path / "huge.png"
    Image.new("L", (8000, 7000)).save(huge)
    browser.open()
    browser.drop(huge)
    (card,) = browser.wait_for_cards(1)
    assert "56 million pixels, more than 51 million" in card.text


def saved(browser) -> str:
    """Return the text that the page last let the browser save."""
    return str(browser.driver.execute_async_script("window.lastSaved.text().then(arguments[arguments.length - 1])"))


def test_twenty_five_photos_have_an_overview_can_be_removed_and_their_rows_kept(browser, cumulus, tmp_path, rows):
    with Image.open(cumulus) as sky:
        for number in range(24):
            sky.crop((20 * number, 10 * number, 20 * number + 400, 10 * number + 300)).save(
                tmp_path / f"{number:02}.jpg"
            )
    (tmp_path / 'a "b", c.jpg').write_bytes(b"text")
    photos = sorted(tmp_path.iterdir())
    expected = rows(*photos)
    for row, photo in zip(expected, photos, strict=True):
        row["path"] = photo.name
    browser.open()
    browser.run("const make = URL.createObjectURL; URL.createObjectURL = (b) => ((window.lastSaved = b), make(b))")
    assert not browser.one("#overview").is_displayed()
    browser.choose(*photos)
    browser.wait_for_cards(25)
    assert len(browser.all("#entries li")) == 25
    assert browser.text("#status").startswith("All 25 photos looked at: ")
    assert "1 Not read" in browser.text("#status")
    browser.one("#jsonl").click()
    kept = [json.loads(line) for line in saved(browser).splitlines()]
    assert [row["path"] for row in kept] == [photo.name for photo in photos]
    browser.one("#csv").click()
    plain = "".join(to_csv(kept, top_k=3))
    found, wanted = (list(csv.DictReader(io.StringIO(text))) for text in (saved(browser), plain))
    assert len(found) == 25
    for one, other in zip(found, wanted, strict=True):
        assert list(one) == list(other)
        assert {key: value for key, value in one.items() if "prob" not in key} == {
            key: value for key, value in other.items() if "prob" not in key
        }
        assert all(float(one[key] or 0) == float(other[key] or 0) for key in one if "prob" in key)
    name = browser.all("#entries a")[3].text
    browser.all("#entries button")[3].click()
    assert len(browser.all("article")) == len(browser.all("#entries li")) == 24
    assert name not in browser.text("#results")
    assert browser.text("#status") == f"{name} was removed."
    assert browser.run("return document.activeElement.closest('#entries') !== null")
    browser.all("#entries a")[-1].click()
    assert browser.run("return document.activeElement.matches('article:last-of-type')")
    browser.one("#remove-all").click()
    assert not browser.all("article")
    assert not browser.one("#overview").is_displayed()
    assert all("415" in complaint for complaint in browser.complaints())  # about the text


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_sticks_out(browser, three, width):
    browser.open(width=width, height=740)
    assert browser.one("label[for=camera]").is_displayed()
    assert browser.one("#camera").get_attribute("capture") == "environment"
    browser.choose(*three)
    browser.wait_for_cards(3)
    browser.run("arguments[0].scrollIntoView({block: 'center'})", browser.one(".why"))
    browser.one(".why").click()
    assert browser.run("return document.documentElement.scrollWidth") <= width
    for button in [*browser.all("button:not([hidden])"), *browser.all(".choice label")]:
        if button.is_displayed():
            assert button.rect["height"] >= 40
    wide = browser.run(
        "return [...document.querySelectorAll('main *')].filter((e) => e.scrollWidth > innerWidth).length"
    )
    assert wide == 0
    assert browser.complaints() == []


def test_the_camera_is_offered_only_where_there_may_be_one(browser):
    browser.open()
    assert not browser.one("label[for=camera]").is_displayed()


def active(browser):
    return browser.driver.switch_to.active_element


def press(browser, key: str) -> None:
    codes = {"Tab": 9, "Enter": 13, " ": 32}
    text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
    common = {"key": key, "windowsVirtualKeyCode": codes[key]}
    browser.command("Input.dispatchKeyEvent", type="keyDown", **common, **text)
    browser.command("Input.dispatchKeyEvent", type="keyUp", **common)


def tab_to(browser, wanted) -> None:
    for _ in range(40):
        press(browser, "Tab")
        if wanted(active(browser)):
            return
    raise AssertionError("the keyboard does not get there")


def test_all_of_it_works_with_the_keyboard_alone(browser, three):
    browser.open()
    tab_to(browser, lambda element: element.get_attribute("id") == "files")
    outline = browser.run("return getComputedStyle(document.querySelector('label[for=files]')).outlineStyle")
    assert outline == "solid"  # one sees where one is
    browser.command("Page.setInterceptFileChooserDialog", enabled=True)
    press(browser, "Enter")  # opens the browser's own dialog, which is not part of the page
    browser.choose(*three)
    browser.wait_for_cards(3)
    tab_to(browser, lambda element: "why" in element.get_attribute("class"))
    press(browser, " ")
    assert browser.one(".overlay").is_displayed()
    tab_to(browser, lambda element: element.get_attribute("data-genus"))
    tab_to(browser, lambda element: element.get_attribute("data-genus"))
    press(browser, "Enter")
    assert active(browser).get_attribute("aria-pressed") == "true"
    tab_to(browser, lambda element: element.text == "Compare the ten genera")
    press(browser, "Enter")
    assert "#genus-" in browser.driver.current_url
    browser.command("Page.setInterceptFileChooserDialog", enabled=False)
    assert browser.complaints() == []


def test_a_screen_reader_finds_names_for_everything(browser, three):
    browser.open()
    browser.choose(*three)
    browser.wait_for_cards(3)
    nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "link", "image", "region", "progressbar", "heading", "textbox"}
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node.get("role", {}).get("value") in wanted
    ]
    assert [role for role, name in found if not name.strip()] == []
    assert ("image", "Photo whole.png") in found
    assert ("region", "Photos to look at") in found
    assert browser.one("#status").get_attribute("role") == "status"
    assert browser.one("html").get_attribute("lang") == "en"


def luminance(colour: str) -> float:
    values = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_can_be_read(browser, three, tmp_path, dark):
    fake = tmp_path / "notes.jpg"
    fake.write_text("These are notes.")
    browser.open(dark=dark)
    browser.choose(*three, fake)
    browser.wait_for_cards(4)
    ground = np.median(pixels(browser)[-30:].reshape(-1, 3), axis=0).mean()
    assert (ground < 60) if dark else (ground > 200)
    contrasts = browser.run("""
        const solid = (e) => { for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor; if (!colour.endsWith(", 0)")) return colour; }
            return "rgb(255, 255, 255)"; };
        const texts = [...document.querySelectorAll("main *, footer *, header *")].filter((e) =>
            [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility());
        return texts.map((e) => [e.textContent.trim().slice(0, 30), getComputedStyle(e).color, solid(e)]);
    """)
    assert len(contrasts) > 60
    for words, colour, ground in contrasts:
        light, deep = sorted([luminance(colour), luminance(ground)], reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 4.5, (words, colour, ground)  # WCAG 2.2 AA


def test_a_server_with_a_token_asks_for_it(driver, cumulus, tmp_path):
    with server(tmp_path / "log", "--token", "sesame") as address:
        browser = Browser(driver, address)
        driver.get(address)
        asks, again = "This server needs a token:", "That is not the token"
        for token, words in (("wrong", asks), ("пароль", again), ("sesame", again)):
            browser.wait(lambda words=words: words in browser.text("#token"))
            assert browser.run("return document.activeElement.id") == "secret"
            browser.one("#secret").send_keys(token + "\n")
        browser.wait(lambda: "Model:" in browser.text("footer"))
        assert not browser.one("#token").is_displayed()
        assert browser.run("return document.activeElement.id") == "files"
        browser.choose(cumulus)
        assert shown(browser.wait_for_cards(1)[0])[0] == "Cumulus"
        driver.get("about:blank")


def test_the_table_names_all_ten_genera(browser):
    browser.open()
    assert browser.run("return [...document.querySelectorAll('tbody tr')].map((e) => e.id)") == [
        f"genus-{genus.name}" for genus in GENERA
    ]


def test_a_server_that_is_gone_is_told_of_and_may_be_tried_again(browser, cumulus):
    browser.open()
    browser.command("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.command("Network.emulateNetworkConditions", offline=True, **offline)
    browser.choose(cumulus)
    (card,) = browser.wait_for_cards(1)
    assert "the server cannot be reached" in card.text
    browser.command("Network.emulateNetworkConditions", offline=False, **offline)
    tab_to(browser, lambda element: "again" in element.get_attribute("class"))
    press(browser, "Enter")
    assert active(browser).tag_name == "article"  # the button is gone, but not the place in the page
    browser.wait(lambda: browser.all("article h2"))
    assert shown(card)[0] == "Cumulus"
