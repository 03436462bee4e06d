"""Where in a photo the model sees what: its class activation maps, laid back onto the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge.model_spec import ModelSpec
from cloudedge.photo.crop import Box


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceMaps:
    """The maps of one photo: `values` float32 (classes, h, w), and what they cover.

    `size` is the width and height of the upright photo in pixels, `box` the part of it that the model saw. The mean of
    a class's values and the class's bias add up to its logit (class activation maps, Zhou et al., arXiv:1512.04150).
    """

    classes: tuple[str, ...]
    values: npt.NDArray[np.float32]
    size: tuple[int, int]
    box: Box

    def on_photo(self, genus: str) -> npt.NDArray[np.float32]:
        """Return the evidence for a genus at each pixel of the photo, float32 (H, W); 0 where the model did not look.

        Raises ValueError for a genus that the model does not know.
        """
        if genus not in self.classes:
            raise ValueError(f"{genus!r} is not one of the model's genera: {', '.join(self.classes)}")
        width, height = self.size
        left, right = (min(round(edge * width), width) for edge in (self.box[0], self.box[2]))
        top, bottom = (min(round(edge * height), height) for edge in (self.box[1], self.box[3]))
        values = Image.fromarray(self.values[self.classes.index(genus)])
        whole = np.zeros((height, width), np.float32)
        if left < right and top < bottom:
            part = values.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
            whole[top:bottom, left:right] = np.asarray(part)
        return whole


def seen(box: Box, spec: ModelSpec) -> Box:
    """Return the part of a photo that reaches the model when `box` is cut out: without the centre crop's margin."""
    left, top, right, bottom = box
    margin = (1 - spec.input_size / spec.resize.size) / 2
    across, down = margin * (right - left), margin * (bottom - top)
    return left + across, top + down, right - across, bottom - down
