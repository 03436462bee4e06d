"""Copies are found whatever was done to them, and different skies are told apart."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from export.data.duplicates import Pair, find_duplicates, groups, thumbnail

from ..drawing import sky


def _compressed(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=40)
    return Image.open(stream)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda image: image,
    "compressed": _compressed,
    "rescaled": lambda image: image.resize((240, 200)),
    "squashed": lambda image: image.resize((70, 70)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found(name: str, mirrored: bool) -> None:
    copy = COPIES[name](sky(3))
    pictures = [sky(k) for k in range(8)] + [ImageOps.mirror(copy) if mirrored else copy]
    pairs = find_duplicates([thumbnail(np.asarray(picture)) for picture in pictures])
    assert [(pair.first, pair.second, pair.mirrored) for pair in pairs] == [(3, 8, mirrored)]
    assert 0.8 <= pairs[0].similarity <= 1.0001


def test_skies_with_the_same_gradient_and_horizon_are_not_copies() -> None:
    rng = np.random.default_rng(0)
    thumbs = []
    for _ in range(30):
        picture = np.linspace(200, 120, 64)[:, None] + rng.normal(0, 4, (64, 64))
        picture[56:] = 20
        thumbs.append(picture.astype(np.uint8))
    assert find_duplicates(thumbs) == []


def test_even_photos_are_like_no_other() -> None:
    assert find_duplicates([np.full((64, 64), shade, np.uint8) for shade in (0, 0, 255)]) == []
    assert find_duplicates([]) == []


def test_every_block_is_compared_with_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.data.duplicates.BLOCK", 2)
    pictures = [sky(1), sky(2), sky(3), sky(4), sky(1), sky(4)]
    pairs = find_duplicates([thumbnail(np.asarray(picture)) for picture in pictures])
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 4), (3, 5)]


def test_linked_photos_are_one_group() -> None:
    pairs = [Pair(4, 5, 1.0, False), Pair(1, 5, 1.0, True), Pair(2, 3, 1.0, False)]
    found = groups(7, pairs)
    assert found.tolist() == [0, 1, 2, 2, 1, 1, 3]
