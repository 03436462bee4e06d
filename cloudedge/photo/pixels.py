"""The pixels of any kind of image as 8-bit RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as RGB; what is transparent becomes white."""
    if image.mode == "F" or image.mode.startswith("I"):
        image = _grey(image)
    elif image.mode == "La":  # Pillow converts it to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA") if image.mode != "RGBA" else image  # a copy of a large one may not fit
        opaque = Image.new("RGB", image.size, "white")
        opaque.paste(image, mask=image)
        return opaque
    return image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """Scale I;16, I and F to 8 bits by the range of their values; Pillow's own conversion clips them at 255."""
    values = np.asarray(image).astype(np.float32)
    values[~np.isfinite(values)] = 0
    peak = float(values.max())
    if image.mode.startswith("I;16"):
        full = 65535.0
    else:
        ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        full = next((top for top in ranges if peak <= top), peak)
    return Image.fromarray(np.rint(values.clip(0) * (255 / full)).astype(np.uint8))
