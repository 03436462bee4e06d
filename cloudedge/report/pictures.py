"""Small pictures of the photos that still exist."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Protocol

from cloudedge.errors import ImageError

SMALL, LARGE = (192, 144), (640, 480)


class Picture(Protocol):
    """Shows photos."""

    def __call__(self, path: str, size: tuple[int, int] = SMALL) -> str | None:
        """Return the attribute of the element that shows a photo, or None if the photo is gone."""


def thumbnail(path: str, size: tuple[int, int]) -> bytes:
    """Return a JPEG of a photo that fits into a size; raise ImageError if the photo is gone or cannot be read."""
    from PIL import Image

    from cloudedge.photo.read import read

    picture = Image.fromarray(read(path, max(size) // 2).pixels)
    picture.thumbnail(size)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=70)
    return data.getvalue()


class Embedded:
    """Pictures that are part of the page itself; the paths of photos that cannot be read go to `on_gone`."""

    def __init__(self, on_gone: Callable[[str], object] = lambda path: None) -> None:
        self._on_gone = on_gone
        self._gone: set[str] = set()

    def __call__(self, path: str, size: tuple[int, int] = SMALL) -> str | None:
        """Return the photo as an address that holds it all."""
        if path in self._gone:
            return None
        try:
            data = thumbnail(path, size)
        except ImageError:
            self._gone.add(path)
            self._on_gone(path)
            return None
        return f'src="data:image/jpeg;base64,{base64.b64encode(data).decode("ascii")}"'
