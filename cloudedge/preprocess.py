"""A photo to the model's input: the one definition, for inference, validation and calibration alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge.model_spec import ModelSpec

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def prepare(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """Turn a photo uint8 (H, W, 3) RGB into the model's input float32 (3, S, S), contiguous."""
    return normalise(resize(pixels, spec), spec)


def resize(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.uint8]:
    """Squash a photo uint8 (H, W, 3) to `spec.resize.size`, antialiased, and cut out the centre: uint8 (S, S, 3)."""
    side, crop = spec.resize.size, spec.input_size
    image = Image.fromarray(pixels).resize((side, side), _FILTERS[spec.resize.interpolation])
    start = round((side - crop) / 2)  # rounds halves to even, as torchvision's CenterCrop does
    return np.asarray(image)[start : start + crop, start : start + crop]


def normalise(pixels: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """Bring pixels uint8 (S, S, 3) to 0..1, subtract the mean, divide by the deviation: float32 (3, S, S)."""
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
