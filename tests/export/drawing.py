"""Small pictures for the tests of the stage: skies of soft blobs, each like no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def sky(seed: int, size: tuple[int, int] = (96, 80)) -> Image.Image:
    """Draw a sky of (width, height): a gradient with blobs that follow from the seed."""
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    gradient = np.linspace(0, 90, size[1])[:, None, None]
    return Image.fromarray((np.asarray(blobs) * 0.6 + gradient).clip(0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> Path:
    """Save a picture, in folders made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path
