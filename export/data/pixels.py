"""The pixels of the photos, all of one size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge.photo.read import read
from export.data.catalogue import Photo, check_checksum

PIXELS = 256  # the side of the photos that training crops from


def load_pixels(
    root: Path, photos: Sequence[Photo], size: int = PIXELS
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Decode every photo to one size, uint8 (N, size, size, 3); also return their proportions, float32 (N,).

    One size for all, before anything else: in this data set the resolution goes with the genus, and a network would
    learn it. Raises ImageError for what cannot be read, CloudEdgeError for a file that is not the manifest's.
    """
    pixels = np.empty((len(photos), size, size, 3), dtype=np.uint8)
    proportions = np.empty(len(photos), dtype=np.float32)
    for index, photo in enumerate(photos):
        path = root / photo.file
        decoded = read(path, size).pixels
        problem = "is not the file that manifest.csv lists; move manifest.csv away, and import the folder again"
        check_checksum(path, photo, problem)
        pixels[index], proportions[index] = square_pixels(decoded, size), proportions_of([decoded])[0]
    return pixels, proportions


def square_pixels(pixels: npt.NDArray[np.uint8], size: int = PIXELS) -> npt.NDArray[np.uint8]:
    """Squash pixels uint8 (H, W, 3) to (size, size, 3), antialiased."""
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))


def proportions_of(pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """Return width to height of pictures uint8 (H, W, 3), float32 (N,)."""
    return np.array([picture.shape[1] / picture.shape[0] for picture in pictures], dtype=np.float32)
