"""The formats of photos: which decoder a file needs, by its first bytes, and what to protect that decoder from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from cloudedge.errors import ImageError, UnknownFormatError, check_size
from cloudedge.photo import other_files
from cloudedge.photo.bounded_file import MAX_GIF_HEADER, BoundedFile

# Limits by the size that a file's header declares, checked before a pixel is decoded. JPEG may be larger because it is
# decoded at a fraction of its size. The other limit is the one at which Pillow begins to warn, so Pillow never does.
MAX_JPEG_PIXELS = 200_000_000
MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3

_HEAD = 512  # bytes that identify a format, or say what else a file is
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}


def read_exif(stream: BinaryIO) -> Image.Exif:
    """Return the EXIF data of a photo, also of HEIC, without decoding it. Raises what `open_image` does."""
    if not _is_heif(_head(stream)):
        return open_image(stream).getexif()
    from cloudedge.photo import heif  # which most programs never need

    exif = Image.Exif()
    exif.load(heif.exif(stream.read()))
    return exif


def open_image(stream: BinaryIO, max_pixels: int = MAX_JPEG_PIXELS) -> Image.Image:
    """Return a photo of which only the header has been read (HEIC is read whole).

    Raises ImageError if it is not a photo or larger than `max_pixels`; any exception if it is damaged.
    """
    head = _head(stream)
    if not head:
        raise ImageError("is empty; copy or download it again")
    if _is_heif(head):
        from cloudedge.photo import heif

        return heif.decode(BoundedFile(stream).read(), min(max_pixels, MAX_PIXELS))
    image = _opener(head)(stream)
    check_size(*image.size, max_pixels if image.format == "JPEG" else min(max_pixels, MAX_PIXELS))
    return image


def _head(stream: BinaryIO) -> bytes:
    """Return the bytes that identify the format, and go back to the start."""
    head = stream.read(_HEAD)
    stream.seek(0)
    return head


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and not _is_avif(head)


def _is_avif(head: bytes) -> bool:
    """Return whether one of the brands, the first or a compatible one, is AVIF's."""
    size = min(int.from_bytes(head[:4]), len(head))
    return head[4:8] == b"ftyp" and any(head[at : at + 4] in _AVIF_BRANDS for at in range(8, size, 4))


def _opener(head: bytes) -> Callable[[BinaryIO], Image.Image]:
    """Choose the decoder by a file's first bytes.

    Only that one is loaded: to load all of them takes as long as to read a small photo. Pillow's own classes are
    called, and not `Image.open`: it would try every format that it or the host program knows, and it warns of large
    images through `warnings`, whose filters cannot be set for one call or one thread alone.
    """
    if head.startswith(b"\xff\xd8\xff"):
        from cloudedge.photo.jpeg import open_jpeg

        return open_jpeg
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        from cloudedge.photo.png import open_png

        return open_png
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return partial(_opened, _plugin("WebP"))
    if (
        head.startswith((b"II*\0", b"MM\0*", b"II+\0")) and head[8:10] != b"CR"
    ):  # Canon's raw; Pillow does not read a big-endian BigTIFF, "MM\0+"
        from cloudedge.photo.tiff import open_tiff

        return partial(open_tiff, max_pixels=MAX_PIXELS)
    if head.startswith(b"BM"):
        return partial(_opened, _plugin("Bmp"))
    if head.startswith((b"GIF87a", b"GIF89a")):
        return partial(_opened, _plugin("Gif"), header_left=MAX_GIF_HEADER)
    if _is_avif(head):
        return _avif
    raise UnknownFormatError(other_files.problem(head))


def _plugin(kind: str) -> Any:
    return getattr(import_module(f"PIL.{kind}ImagePlugin"), f"{kind}ImageFile")


def _opened(plugin: Any, stream: BinaryIO, header_left: int | None = None) -> ImageFile.ImageFile:
    reader = BoundedFile(stream, header_left)
    image: ImageFile.ImageFile = plugin(reader)
    reader.header_left = None
    return image


def _avif(stream: BinaryIO) -> Image.Image:
    if not other_files.can_read_avif():
        raise UnknownFormatError("is an AVIF photo; to read those, run: pip install 'pillow>=11.3'")
    return _opened(_plugin("Avif"), stream)
