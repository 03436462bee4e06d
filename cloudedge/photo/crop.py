"""A part of a photo: without the ground, the roof opposite or the webcam's caption."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom as fractions of the upright photo
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def check_box(box: Box) -> None:
    """Raise ValueError if `box` is not a part of a photo."""
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"0 <= left < right <= 1 and 0 <= top < bottom <= 1 is not so in {box}")


def side_to_decode(side: int, box: Box) -> int:
    """Return the side in pixels at which to decode a photo so that `box` is still `side` pixels wide and high."""
    left, top, right, bottom = box
    return math.ceil(side / min(right - left, bottom - top))


def crop_pixels(pixels: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8]:
    """Cut `box` out of pixels uint8 (H, W, 3): at least one pixel, however small the photo and the box."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    rows = slice(int(top * height), max(round(bottom * height), int(top * height) + 1))
    columns = slice(int(left * width), max(round(right * width), int(left * width) + 1))
    return pixels[rows, columns]
