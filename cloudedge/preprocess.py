"""A photo to the model's input: the one definition, for inference, validation and calibration alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge.model_spec import ModelSpec

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def prepare(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """Turn a photo uint8 (H, W, 3) RGB into the model's input float32 (3, h, w) of `input_shape`, contiguous."""
    return normalise(resize(pixels, spec), spec)


def input_shape(height: int, width: int, spec: ModelSpec) -> tuple[int, int]:
    """Return the height and width in pixels of the model's input for a photo of this size."""
    rule = spec.resize
    if rule.rule == "squash":
        return spec.input_size, spec.input_size
    ratio = min(max(height, width) / min(height, width), rule.max_ratio)
    long = round(rule.size * ratio / rule.multiple) * rule.multiple
    return (long, rule.size) if height > width else (rule.size, long)


def resize(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.uint8]:
    """Resize a photo uint8 (H, W, 3), antialiased, to the model's input size: uint8 (h, w, 3) of `input_shape`.

    With the rule "squash" it is resized to `spec.resize.size`, and the centre is cut out.
    """
    height, width = input_shape(pixels.shape[0], pixels.shape[1], spec)
    margin = spec.resize.size - spec.input_size  # 0 unless the rule is "squash"
    size = (width + margin, height + margin)
    image = Image.fromarray(pixels).resize(size, _FILTERS[spec.resize.interpolation])
    start = round(margin / 2)  # rounds halves to even, as torchvision's CenterCrop does
    return np.asarray(image)[start : start + height, start : start + width]


def normalise(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """Bring pixels uint8 (h, w, 3) to 0..1, subtract the mean, divide by the deviation: float32 (3, h, w)."""
    mean, std = np.array([spec.mean, spec.std], np.float32)
    scale, shift = 1 / (255 * std), mean / std
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    np.multiply(planes, scale[:, None, None], out=planes)
    np.subtract(planes, shift[:, None, None], out=planes)
    return planes


def luminance(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean luma (Rec. 601) of pixels uint8 (H, W, 3) RGB, 0..255."""
    columns = pixels.sum(axis=0, dtype=np.uint32)  # whole numbers, and along the memory: much faster than a mean
    return float(columns.mean(axis=0) @ _LUMA / len(pixels))
