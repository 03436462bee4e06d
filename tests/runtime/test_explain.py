"""`cloudedge explain`: what is drawn, where, in which colours, and what is never overwritten."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cloudedge import CloudClassifier, preprocess
from cloudedge.evidence import EvidenceMaps
from cloudedge.explain import FULL, LONG_SIDE, colours, explain, overlay, strength

ROOT = Path(__file__).parents[2]


def program(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudedge", "explain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False, **options)


@pytest.fixture
def explaining(make_model, metadata):
    return make_model(metadata, "outputs")


@pytest.fixture
def photo(tmp_path, draw_sky, encode):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(draw_sky(640, 480), "JPEG"))
    return path


@pytest.fixture
def result(explaining, draw_sky):
    """A result whose evidence for Cumulus lies in the lower left, and that has none for Cirrus."""
    found = CloudClassifier(explaining, threads=1, top_k=10).classify(draw_sky(640, 480))
    values = np.zeros((10, 4, 4), np.float32)
    classes = found.maps.classes
    values[classes.index("Cumulus"), 3, 0] = 2.5
    values[classes.index("Cirrus")] = -1.0
    best = replace(found.top[0], genus="Cumulus")
    cumulus = replace(found, genus="Cumulus", top=(best, *found.top[1:]))
    return cumulus.with_maps(EvidenceMaps(classes, values, (640, 480), (0.0, 0.0, 1.0, 1.0)))


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB colours 0..255."""
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16


def test_the_colours_grow_lighter_in_even_steps():
    steps = np.diff(lightness(colours(np.linspace(0, 1, 33, dtype=np.float32))))
    assert steps.min() > 0
    assert steps.max() < 1.35 * steps.mean()
    assert steps.min() > 0.65 * steps.mean()


def test_the_colours_are_told_apart_without_red_and_green():
    """For the commonest colour blindness (deuteranopia, as simulated by Vienot et al. 1999) no two stops look alike."""
    simulation = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    seen = colours(np.linspace(0, 1, 9, dtype=np.float32)) @ simulation.T
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(9, 1)]
    assert distances.min() > 15


def test_the_colour_lies_where_the_evidence_is(result, draw_sky):
    picture = np.asarray(explain(result, draw_sky(640, 480)), np.int16)[:480]
    colourful = picture.max(axis=2) - picture.min(axis=2)
    assert colourful[400:, :100].mean() > 60
    assert colourful[:200, 300:].mean() < 20


def cone(peak: float) -> np.ndarray:
    """Evidence that falls from `peak` in the middle to 0, float32 (120, 120)."""
    y, x = np.mgrid[-1:1:120j, -1:1:120j]
    return (peak * np.clip(1 - np.hypot(x, y), 0, 1)).astype(np.float32)


def test_the_contour_is_closed_around_what_adds_more_than_two_to_the_logit():
    y, x = np.mgrid[-1:1:120j, -1:1:120j]
    light = overlay(np.zeros((120, 120, 3), np.uint8), strength(cone(4.0))).min(axis=2) > 200
    radius = np.hypot(x, y)[light]
    assert light.any()
    assert radius.min() > 0.44
    assert radius.max() < 0.56
    angles = np.floor(np.arctan2(y, x)[light] / np.pi * 18).astype(int)
    assert len(set(angles)) == 36  # in every direction


def test_a_weak_peak_does_not_glow_like_a_strong_one():
    """The scale is fixed, so that the same colour means the same evidence in every picture."""
    grey = np.full((120, 120, 3), 128, np.uint8)
    weak, strong = (overlay(grey, strength(cone(peak))).astype(int) for peak in (0.4, 5.5))
    glow = [np.ptp(picture[50:70, 50:70], axis=2).mean() for picture in (weak, strong)]
    assert glow[1] > 6 * glow[0]
    assert lightness(strong[60, 60]) > lightness(weak[60, 60]) + 20
    assert not (weak.min(axis=2) > 200).any()  # no line: nowhere is it as strong as that
    alike = np.isclose(cone(5.5), 0.2, atol=0.03)
    colour = strong[alike].mean(axis=0)
    assert np.abs(colour - weak[np.isclose(cone(0.4), 0.2, atol=0.03)].mean(axis=0)).max() < 3


def test_the_legend_ends_where_the_scale_does():
    assert strength(np.array([-1.0, 0.0, FULL / 2, FULL, 2 * FULL], np.float32)).tolist() == [0, 0, 0.5, 1, 1]


def test_a_photo_without_a_cloud_to_name_is_explained_by_its_best_guess(make_model, metadata, photo, tmp_path):
    model = make_model({**metadata, "thresholds": {"low_confidence": 0.0, "dark": 256}}, "outputs")
    done = program(photo, "-o", tmp_path / "why.png", "--model", model)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{photo}: Too dark: too little light to tell (best guess ")


def test_where_nothing_speaks_for_a_genus_nothing_is_coloured(result, draw_sky):
    picture = np.asarray(explain(result, draw_sky(640, 480), "Cirrus"), np.int16)[:480]
    assert (picture.max(axis=2) - picture.min(axis=2)).max() < 20


@pytest.mark.parametrize("size", [(4000, 3000), (30, 40), (3000, 200), (3000, 1), (20, 900)])
@pytest.mark.slow
def test_the_picture_is_neither_huge_nor_too_small_to_read(result, size):
    width, height = size
    pixels = np.full((height, width, 3), 128, np.uint8)
    picture = explain(result.with_maps(replace(result.maps, size=size)), pixels)
    assert 480 <= picture.width <= LONG_SIDE
    assert picture.height <= 5 * LONG_SIDE


def test_the_words_name_the_genus_and_its_probability(result, draw_sky):
    """Other words make another picture below the photo, and only there."""
    pixels = draw_sky(640, 480)
    top = tuple(replace(entry, probability=0.123) for entry in result.top)
    one, other = explain(result, pixels), explain(replace(result, top=top).with_maps(result.maps), pixels)
    difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(axis=(1, 2))
    assert not difference[:480].any()
    assert difference[480:].any()


@pytest.mark.parametrize("name", ["why.jpg", "why.png", "why.webp", "WHY.JPEG"])
@pytest.mark.slow
def test_explain_writes_a_picture_and_prints_the_row(explaining, photo, tmp_path, name):
    done = program(photo, "-o", tmp_path / name, "--model", explaining)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{photo}: ")
    with Image.open(tmp_path / name) as picture:
        picture.load()
        assert picture.width == 640
        assert picture.height > 480
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "outputs.onnx", "photo.jpg"])


def test_another_genus_gives_another_picture(explaining, photo, tmp_path):
    for name in ("Cirrus", "stratus"):
        done = program(photo, "-o", tmp_path / f"{name}.png", "--model", explaining, "--genus", name)
        assert done.returncode == 0
    assert (tmp_path / "Cirrus.png").read_bytes() != (tmp_path / "stratus.png").read_bytes()


def test_a_genus_may_be_abbreviated(explaining, photo, tmp_path):
    for name in ("Cirrostratus", "cs"):
        done = program(photo, "-o", tmp_path / f"{name}.png", "--model", explaining, "--genus", name)
        assert done.returncode == 0
    assert (tmp_path / "Cirrostratus.png").read_bytes() == (tmp_path / "cs.png").read_bytes()


def test_an_earlier_picture_is_replaced_and_any_other_file_is_not(explaining, photo, tmp_path):
    target = tmp_path / "why.jpg"
    for genus in ("Cirrus", "Stratus"):
        assert program(photo, "-o", target, "--model", explaining, "--genus", genus).returncode == 0
    before = photo.read_bytes()
    done = program(target, "-o", photo, "--model", explaining)  # the names in the wrong order
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert photo.read_bytes() == before


@pytest.mark.slow
def test_a_photo_may_come_on_standard_input(explaining, photo, tmp_path):
    of_file, of_input = tmp_path / "file.png", tmp_path / "input.png"
    assert program(photo, "-o", of_file, "--model", explaining).returncode == 0
    with photo.open("rb") as stdin:
        done = program("-", "-o", of_input, "--model", explaining, stdin=stdin)
    assert (done.returncode, done.stdout[:3]) == (0, "-: ")
    assert of_input.read_bytes() == of_file.read_bytes()


@pytest.mark.slow
def test_what_goes_wrong_is_said_in_one_line(explaining, tiny, photo, tmp_path):
    target = tmp_path / "why.jpg"
    cases = {
        (1, "the file does not exist; check the path"): [tmp_path / "missing.jpg", "-o", target, "--model", explaining],
        (2, "ends in .jpg, .png or .webp"): [photo, "-o", tmp_path / "why.txt", "--model", explaining],
        (2, "'--genus'"): [photo, "-o", target, "--genus", "Contrail", "--model", explaining],
        (3, "gives no evidence"): [photo, "-o", target, "--model", tiny],
        (2, "cannot be written"): [photo, "-o", tmp_path / "no" / "why.jpg", "--model", explaining],
    }
    for (code, words), arguments in cases.items():
        done = program(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert not target.exists()


def test_explain_loads_no_server(explaining, photo, tmp_path):
    code = (
        "import sys; from cloudedge.cli.main import cli\n"
        f"cli.main(['explain', {str(photo)!r}, '-o', {str(tmp_path / 'a.png')!r}, '--model', {str(explaining)!r}],"
        " standalone_mode=False)\n"
        "print({'starlette', 'uvicorn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert Path(tmp_path / "a.png").is_file()


@pytest.fixture(scope="module", params=["resnet34", "lite0"])
def packaged(request):
    return CloudClassifier(request.param)


def test_the_evidence_adds_up_to_the_logits(packaged, draw_sky):
    """Its mean and a bias that is the same for every photo are the logits, also where the layers below are int8."""
    spec, runs = packaged.model.spec, []
    for seed in range(8):
        runs.append(packaged.model.run(preprocess.prepare(draw_sky(seed=seed), spec)[np.newaxis]))
    biases = [outputs.logits - outputs.evidence.mean(axis=(2, 3)) for outputs in runs]
    assert np.ptp(biases, axis=0).max() < 1e-3


@pytest.fixture(scope="module")
def corners():
    """Skies with one cloud in a corner: the picture, and where its middle is as fractions of width and height."""
    draw = runpy.run_path(str(ROOT / "examples" / "draw_cumulus.py"))["draw"]
    places = [(seed, x, y) for seed in (1, 2, 3) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    # Centre, base and width of a cloud are in units of the picture's height.
    return [(draw(seed, [(x * 4 / 3, y + 0.12, 0.5)]), x, y) for seed, x, y in places]


@pytest.mark.slow
def test_a_cloud_in_a_corner_is_seen_in_that_corner(packaged, corners):
    """The centre of mass of what speaks for the genus lies in the quarter in which the cloud is drawn."""
    hits = 0
    for picture, x, y in corners:
        weight = np.clip(packaged.classify(picture).evidence(), 0, None)
        down, across = (
            np.average(np.arange(n) / n, weights=weight.sum(axis=1 - i)) for i, n in enumerate(weight.shape)
        )
        hits += (across < 0.5) == (x < 0.5) and (down < 0.5) == (y < 0.5)
    assert hits >= 11  # of 12
