"""Drawn skies, for measurements that need photos of a camera's size and have none."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

_ZENITH, _HORIZON, _CLOUD = np.array([[60, 110, 190], [150, 185, 225], [240, 241, 243]], np.float32)
_NOISE = 3.0  # grey levels, standard deviation
_TILE = 1024  # pixels after which a sensor's noise repeats


def draw_sky(width: int, height: int, seed: int = 0) -> Image.Image:
    """Draw clouds before a blue sky, the same for the same `seed`, with the noise of a sensor.

    Octaves of smoothed noise, the finest four pixels wide: as a JPEG of quality 90 a sky of 12 megapixels takes about
    two megabytes, as the photo of a phone does.
    """
    rng = np.random.default_rng(seed)
    small = (max(1, width // 4), max(1, height // 4))
    density = np.zeros(small[::-1], np.float32)
    for octave in range(7):
        cells = 4 << octave
        coarse = rng.normal(size=(max(2, cells * height // width), cells)).astype(np.float32)
        density += 0.55**octave * np.asarray(Image.fromarray(coarse).resize(small, Image.Resampling.BICUBIC))
    cover = np.clip(0.5 + 0.5 * density, 0, 1)[..., None]
    down = np.linspace(0, 1, small[1], dtype=np.float32)[:, None, None]
    sky = (_ZENITH * (1 - down) + _HORIZON * down) * (1 - cover) + _CLOUD * cover
    image = Image.fromarray(sky.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    grain = (128 + _NOISE * rng.normal(size=(_TILE, _TILE))).clip(0, 255).astype(np.uint8)
    repeats = (-(-height // _TILE), -(-width // _TILE))
    layer = Image.fromarray(np.tile(grain, repeats)[:height, :width])
    return ImageChops.add(image, Image.merge("RGB", (layer,) * 3), 1, -128)
