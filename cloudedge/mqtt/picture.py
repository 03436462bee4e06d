"""The photo as a small JPEG."""

from __future__ import annotations

import io

from PIL import Image

from cloudedge.errors import ImageError
from cloudedge.photo.read import Source, read

LONGEST = 640  # pixels; many brokers drop a client that sends more than 2 MB


def small_jpeg(source: Source | None) -> bytes | None:
    """Return a photo as a JPEG of at most `LONGEST` pixels, without its EXIF data; None if it cannot be read (now)."""
    if source is None:
        return None
    try:
        picture = Image.fromarray(read(source, LONGEST).pixels)
    except ImageError:  # a capture may be gone again
        return None
    picture.thumbnail((LONGEST, LONGEST))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
