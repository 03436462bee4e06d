"""What a model says beside the genera, from its features and from the colours of its input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.data import outliers
from export.release.sight_heads import COLOURS, PATCH, SightHeads, Sights, colours_of, embed, features_of
from export.training import augment
from export.training.network import build

DIMENSIONS = 128 + COLOURS


def features(mean: float, count: int, seed: int, axis: int = 0) -> np.ndarray:
    """Draw features around a mean along one axis; the axes differ much in how they spread."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0, np.geomspace(3, 0.03, DIMENSIONS), (count, DIMENSIONS))
    found[:, axis] += mean
    return found.astype(np.float32)


@pytest.fixture(scope="module")
def heads() -> SightHeads:
    clouds = np.concatenate([features(10.0 * k, 1000, k) for k in range(3)])
    layers = features(20.0, 300, 9)
    return SightHeads(Sights(clouds, layers, features(4.0, 500, 7, axis=40), features(4.0, 500, 8, axis=60)))


def run(heads: SightHeads, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    familiarity, clear = heads(torch.from_numpy(found))
    return familiarity.numpy(), clear.numpy()


@pytest.mark.parametrize("mean", [0.0, 10.0, 20.0])
def test_clouds_are_familiar_and_not_clear(heads: SightHeads, mean: float) -> None:
    familiarity, clear = run(heads, features(mean, 500, 20))
    assert (familiarity > 0).mean() > 0.95
    assert (clear < 0.5).mean() > 0.95


def test_a_clear_sky_is_familiar_and_clear(heads: SightHeads) -> None:
    familiarity, clear = run(heads, features(4.0, 500, 21, axis=40))
    assert (familiarity > 0).mean() > 0.95
    assert (clear > 0.5).mean() > 0.95


def test_a_strange_sight_is_unfamiliar_and_not_clear(heads: SightHeads) -> None:
    familiarity, clear = run(heads, features(4.0, 500, 22, axis=60))
    assert (familiarity < 0).mean() > 0.95
    assert (clear < 0.5).mean() > 0.95


def test_few_photos_leave_figures_that_a_model_file_can_tell() -> None:
    sights = Sights(features(10.0, 14, 30), features(10.0, 0, 0), features(4.0, 5, 31, 40), features(4.0, 5, 32, 60))
    familiarity, clear = run(SightHeads(sights), features(10.0, 100, 33))
    assert np.isfinite(familiarity).all()
    assert abs(familiarity).max() < 1e3
    assert ((clear >= 0) & (clear <= 1)).all()


def test_what_never_changes_in_the_photos_is_not_blown_up() -> None:
    sights = [features(mean, 50, seed) for mean, seed in ((10.0, 1), (10.0, 2), (0.0, 3), (-10.0, 4))]
    for found in sights:
        found[:, 77] = 0.25  # a dead channel
    other = features(10.0, 100, 5)
    other[:, 77] = 0.26
    familiarity, _ = run(SightHeads(Sights(*sights)), other)
    assert abs(familiarity).max() < 1e3


def numpy_colours(image: np.ndarray) -> list[float]:
    """Work out the colours of one picture, float (3, h, w) in shares of white."""
    luma = np.tensordot(np.array(augment.LUMA), image, axes=1)
    blueness = image[2] - image[0]
    rows, columns = (side // PATCH for side in luma.shape)

    def patches(plane: np.ndarray) -> np.ndarray:
        whole = plane[: rows * PATCH, : columns * PATCH]
        return whole.reshape(rows, PATCH, columns, PATCH).mean(axis=(1, 3))

    around = np.pad(luma, 1, constant_values=np.nan)
    height, width = luma.shape
    windows = [around[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return [
        *image.mean(axis=(1, 2)),
        *image.std(axis=(1, 2)),
        patches(luma).std(),
        patches(blueness).std(),
        np.abs(luma - np.nanmean(windows, axis=0)).mean(),
        blueness.mean(),
        patches(blueness).max(),
        patches(blueness).min(),
    ]


@pytest.mark.parametrize("shape", [(64, 64), (64, 96), (50, 71)])
def test_colours_are_what_numpy_finds_whatever_the_sides(shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).uniform(0, 1, (3, 3, *shape))
    images[1, 2] *= np.linspace(0, 1, shape[1])  # blue fades to the right
    images[2] = 0.4  # plain
    normalised = augment.normalise(torch.from_numpy(255 * images))
    expected = [numpy_colours(image) for image in images]
    assert len(expected[0]) == COLOURS
    np.testing.assert_allclose(colours_of(normalised).numpy(), expected, atol=1e-5)


def test_a_photo_has_the_same_colours_at_any_size() -> None:
    small, large = (
        torch.from_numpy(outliers.draw("clear sky", 4, seed=1)).permute(0, 3, 1, 2)[..., ::k, ::k] for k in (2, 1)
    )
    found = [colours_of(augment.normalise(images.float()))[:, [0, 1, 2, 9]] for images in (small, large)]
    torch.testing.assert_close(*found, atol=0.01, rtol=0)


def test_photos_of_any_proportions_are_embedded_with_their_colours() -> None:
    network = build("lite0", "none")
    inputs = [
        np.random.default_rng(k).normal(0, 1, (1, 3, *shape)).astype("f4")
        for k, shape in enumerate([(64, 96), (96, 64)])
    ]
    found = embed(network, inputs)
    assert found.shape == (2, network.channels[32] + COLOURS)
    image = torch.from_numpy(inputs[0])
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(found[:1]), features_of(network.maps(image)[32], image))


def test_without_a_photo_of_a_kind_there_are_no_features_of_it() -> None:
    network = build("lite0", "none")
    assert embed(network, []).shape == (0, network.channels[32] + COLOURS)
