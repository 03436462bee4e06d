from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from cloudedge.model_spec import ModelSpec, Resize
from cloudedge.preprocess import input_shape, luminance, normalise, prepare, resize

SPEC = ModelSpec(
    name="test",
    version="1",
    classes=("Cumulus", "Cirrus"),
    input_size=24,
    resize=Resize("squash", 29, "bilinear"),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    temperature=1.0,
    thresholds={"low_confidence": 0.5},
    recipe={},
    data={},
    metrics={},
    licence="MIT",
)
photos = arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3)))


def test_golden(fixtures, metadata):
    golden = np.load(fixtures / "golden.npz")
    spec = ModelSpec.from_json(json.dumps(metadata))
    resized = resize(golden["photo"], spec)
    assert np.abs(resized.astype(int) - golden["resized"]).max() <= 1  # rounding differs between Pillow's builds
    np.testing.assert_allclose(normalise(golden["resized"], spec), golden["prepared"], atol=2e-6)
    np.testing.assert_allclose(prepare(golden["photo"], spec), golden["prepared"], atol=1.01 / 255 / 0.224)


@given(photos, st.sampled_from(["bilinear", "bicubic"]), st.integers(24, 40))
@settings(max_examples=60)
def test_any_photo_becomes_a_contiguous_input_within_the_range_of_the_formula(pixels, interpolation, side):
    before = pixels.copy()
    result = prepare(pixels, replace(SPEC, resize=Resize("squash", side, interpolation)))
    assert result.shape == (3, 24, 24)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert np.array_equal(pixels, before)
    mean, std = np.array(SPEC.mean), np.array(SPEC.std)
    assert (result.min(axis=(1, 2)) >= (0 - mean) / std - 1e-5).all()
    assert (result.max(axis=(1, 2)) <= (1 - mean) / std + 1e-5).all()


@given(photos)
@settings(max_examples=30)
def test_the_memory_layout_of_the_photo_does_not_matter(pixels):
    assert np.array_equal(prepare(np.asfortranarray(pixels), SPEC), prepare(pixels, SPEC))
    assert np.array_equal(prepare(pixels[::-1].copy(), SPEC), prepare(pixels[::-1], SPEC))


@given(st.tuples(*[st.integers(0, 255)] * 3), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=40)
def test_a_photo_of_one_colour_stays_one_colour(colour, width, height):
    result = prepare(np.full((height, width, 3), colour, np.uint8), SPEC)
    expected = (np.array(colour) / 255 - SPEC.mean) / SPEC.std
    np.testing.assert_allclose(result, np.broadcast_to(expected[:, None, None], result.shape), atol=2e-6)


@given(photos)
@settings(max_examples=30)
def test_luminance_lies_within_the_photo(pixels):
    assert pixels.min() - 1e-6 <= luminance(pixels) <= pixels.max() + 1e-6


def test_luminance_weighs_the_colours_as_rec_601_does():
    colours = np.eye(3, dtype=np.uint8)[None] * 255
    weights = [luminance(colours[:, i : i + 1]) / 255 for i in range(3)]
    assert weights == pytest.approx([0.299, 0.587, 0.114])


def test_shrinking_is_antialiased():
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, SPEC).astype(int) - 127).max() <= 3


@pytest.mark.parametrize(("side", "start"), [(24, 0), (26, 1), (25, 0), (27, 2), (29, 2), (31, 4)])
def test_the_centre_is_cut_out_as_torchvision_does(side, start):
    ramp = np.repeat(np.arange(side, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(side, axis=1)
    cut = resize(ramp, replace(SPEC, resize=Resize("squash", side, "bilinear")))
    assert cut[:, 0, 0].tolist() == list(range(start, start + 24))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_interpolation_is_the_one_of_the_model(interpolation, draw_sky):
    sky = draw_sky(20, 20)
    resized = resize(sky, replace(SPEC, resize=Resize("squash", 29, interpolation)))
    whole = np.asarray(Image.fromarray(sky).resize((29, 29), Image.Resampling[interpolation.upper()]))
    assert np.array_equal(resized, whole[2:26, 2:26])


def test_the_whole_photo_is_squashed_whatever_its_shape():
    wide = np.zeros((10, 400, 3), np.uint8)
    wide[:, 200:] = 255
    row = resize(wide, SPEC)[12, :, 0]
    assert row[:10].max() == 0
    assert row[-10:].min() == 255


KEPT = replace(SPEC, input_size=64, resize=Resize("proportions", 64, "bicubic", multiple=32, max_ratio=2.0))


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((64, 64), (64, 64)),
        ((4000, 3000), (64, 96)),  # 85.3 pixels: 96 is nearer than 64
        ((3000, 4000), (96, 64)),
        ((1920, 1080), (64, 128)),
        ((1080, 1920), (128, 64)),
        ((8000, 1000), (64, 128)),  # a panorama is squashed to 2:1
        ((1, 1), (64, 64)),
        ((5000, 1), (64, 128)),
    ],
)
def test_the_input_keeps_the_proportions_of_the_photo(size, shape):
    assert input_shape(size[1], size[0], KEPT) == shape
    assert input_shape(size[1], size[0], SPEC) == (24, 24)


def test_with_the_proportions_kept_the_whole_photo_reaches_the_model():
    wide = np.zeros((90, 160, 3), np.uint8)
    wide[:, 80:] = 255
    array = prepare(wide, KEPT)
    assert array.shape == (3, 64, 128)
    assert np.array_equal(array[0, 0] > 0, np.arange(128) >= 64)
    whole = np.asarray(Image.fromarray(wide).resize((128, 64), Image.Resampling.BICUBIC))
    assert np.array_equal(resize(wide, KEPT), whole)
