"""Look at a part of each photo alone: without the ground, the roof opposite or the webcam's caption."""

from __future__ import annotations

import math
import os
from typing import TypeAlias

from cloudedge import image, preprocess
from cloudedge.classifier import CloudClassifier, _Prepared
from cloudedge.image import Source

Box: TypeAlias = tuple[float, float, float, float]


class CroppingClassifier(CloudClassifier):
    """A `CloudClassifier` that classifies the part of each photo inside a box.

    `box` is left, top, right, bottom as fractions (0..1) of the width and height of the upright photo.
    """

    def __init__(self, model: str | os.PathLike[str], threads: int | None, top_k: int, box: Box) -> None:
        left, top, right, bottom = box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"0 <= left < right <= 1 and 0 <= top < bottom <= 1 is not so in {box}")
        super().__init__(model, threads, top_k)
        self.box = box

    def _prepare(self, source: Source) -> _Prepared:
        spec = self.model.spec
        left, top, right, bottom = self.box
        photo = image.read(source, math.ceil(spec.resize.size / min(right - left, bottom - top)))
        height, width = photo.pixels.shape[:2]
        # At least one pixel stays, however small the photo and the box.
        rows = slice(int(top * height), max(round(bottom * height), int(top * height) + 1))
        columns = slice(int(left * width), max(round(right * width), int(left * width) + 1))
        pixels = preprocess.resize(photo.pixels[rows, columns], spec)
        return _Prepared(preprocess.normalise(pixels, spec), preprocess.luminance(pixels), photo.captured_at)
