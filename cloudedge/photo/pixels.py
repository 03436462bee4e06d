"""The pixels of any kind of image as 8-bit RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

# The largest value of 12, 14 and 16 bits: what cameras give. A whole picture below a sixteenth of 16 bits is far more
# often one of 12 bits than one of a night without a star, a lamp or a hot pixel.
_FULL_16 = (4095.0, 16383.0, 65535.0)
_FULL = {"I": (255.0, *_FULL_16), "F": (1.0, 255.0, *_FULL_16)}


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
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


def _grey(image: Image.Image) -> Image.Image:
    """Scale I;16, I and F to 8 bits by the range of their values; Pillow's own conversion clips them at 255."""
    values = np.asarray(image).astype(np.float32)
    values[~np.isfinite(values)] = 0
    peak = float(values.max())
    full = next((top for top in _FULL.get(image.mode, _FULL_16) if peak <= top), peak)
    return Image.fromarray(np.rint(values.clip(0) * (255 / full)).astype(np.uint8))
