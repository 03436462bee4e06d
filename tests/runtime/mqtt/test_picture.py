"""The photo that a broker gets."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from cloudedge.mqtt.picture import small_jpeg


@pytest.fixture
def photo(encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "a camera"
    return encode(draw_sky(900, 600), "JPEG", exif=exif)


@pytest.mark.parametrize("kind", ["path", "bytes", "image"])
def test_it_is_small_upright_and_says_nothing_of_the_camera(tmp_path: Path, photo: bytes, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo)
    data = small_jpeg({"path": str(path), "bytes": photo, "image": Image.open(path)}[kind])
    assert data is not None
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size, dict(picture.getexif())) == ("JPEG", (427, 640), {})
    assert len(data) < 200_000


def test_a_small_photo_stays_small(encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]) -> None:
    data = small_jpeg(encode(draw_sky(96, 64), "PNG"))
    assert data is not None
    assert Image.open(io.BytesIO(data)).size == (96, 64)


def test_there_is_none_of_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    assert small_jpeg(None) is None
    assert small_jpeg(b"no photo") is None
    assert small_jpeg(str(tmp_path / "gone.jpg")) is None
