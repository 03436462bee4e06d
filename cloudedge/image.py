"""Any input (path, bytes, file object, PIL image, array) to an upright RGB array.

Colour profiles are left alone: the models are trained on the pixel values as they stand in the file, and converting
them here would show a model other colours than it has learned.
"""

from __future__ import annotations

import errno
import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile

from cloudedge.errors import ImageError, ImageTooLargeError, UnknownFormatError, check_size
from cloudedge.reader import MAX_GIF_HEADER, Reader

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | npt.NDArray[np.uint8]

# Limits by the size that a file's header declares, checked before a pixel is decoded. JPEG may be larger because it is
# decoded at a fraction of its size. The other limit is the one at which Pillow begins to warn, so Pillow never does.
MAX_JPEG_PIXELS = 200_000_000
MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3

# How much larger than the size asked for a photo is at least decoded. Against a photo decoded whole, the input of a
# model differs by 0.3 grey levels on average (0.15 at twice the size, but that takes half as long again for 1080p), and
# by up to 12 at single pixels; one of 300 photos changes its first choice, no probability by more than 0.03.
OVERSAMPLING = 1.5

_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_TRANSPOSITIONS = {  # by the value of the EXIF tag Orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THEIR_SIDE = (5, 6, 7, 8)
TILE_WIDTH, TILE_LENGTH, TILE_BYTES, STRIP_BYTES = 322, 323, 325, 279  # tags of TIFF 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo as it is meant to be seen: `pixels` uint8 (H, W, 3) RGB, `captured_at` ISO 8601 from EXIF or None.

    `size` is the width and height of the whole upright photo, of which `pixels` may be a reduction.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    captured_at: str | None = None


def read(source: Source, size: int | None = None, max_pixels: int = MAX_JPEG_PIXELS) -> Photo:
    """Read a photo from a path, bytes, a binary file object, a PIL image or an array uint8 (H, W, 3).

    `size` is the side in pixels that the caller will resize to: a JPEG is then decoded at a fraction of its size, and
    any other file averaged down by a whole number, to no less than `OVERSAMPLING` times `size`. None leaves it whole. A
    file that declares more than `max_pixels` is not decoded. File objects are read from where they stand and stay open,
    PIL images stay as they are.

    Raises ImageError for whatever is not a readable photo.
    """
    try:
        return _read(source, size, max_pixels)
    except MemoryError as error:
        raise out_of_memory(error, path_of(source)) from error


def out_of_memory(error: MemoryError, path: str | None) -> ImageTooLargeError:
    """Give the error to raise instead, and let go of what has filled the memory: the tracebacks hold it."""
    let_go(error)
    return ImageTooLargeError("does not fit into memory; scale it down", path)


def let_go(error: BaseException | None) -> None:
    """Take the tracebacks from an error and those it came from."""
    while error is not None:
        error.__traceback__, error = None, error.__context__


def _read(source: Source, size: int | None, max_pixels: int) -> Photo:
    path = path_of(source)
    try:
        if isinstance(source, np.ndarray):
            height, width = _checked(source).shape[:2]
            return Photo(source, (width, height))
        if isinstance(source, Image.Image):
            if 0 in source.size:
                raise ImageError("the image has no pixels; give one that has some")
            return _photo(source)
        with _stream(source) as stream:
            image = open_image(stream, max_pixels)
            whole = image.size
            if size:
                least = math.ceil(OVERSAMPLING * size)
                image.draft(None, (least, least))  # does something for JPEG only; must come before load
            return _photo(image, whole if image.size != whole else None, size)
    except ImageError as error:
        raise type(error)(error.problem, path) from error.__cause__
    except MemoryError:
        raise
    except Exception as error:  # on a damaged file a decoder may raise nearly anything
        if isinstance(error, OSError) and error.errno == errno.EIO:
            raise ImageError(f"cannot be read ({error.strerror}); check the disk", path) from error
        detail = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"is damaged or cut short ({detail}); copy or download it again", path) from error


def path_of(source: Source) -> str | None:
    """Return the path as given; None for a source that is none."""
    return os.fsdecode(source) if isinstance(source, str | os.PathLike) else None


def _checked(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ImageError(f"the array is {array.dtype} {array.shape}; give uint8 (height, width, 3), RGB")
    return array


def _stream(source: str | os.PathLike[str] | bytes | BinaryIO) -> BinaryIO:
    if isinstance(source, str | os.PathLike):
        return open_file(os.fsdecode(source))
    data = source if isinstance(source, bytes | bytearray | memoryview) else _read_all(source)
    return io.BytesIO(data)


def _read_all(file: BinaryIO) -> bytes:
    """Read a file object that need not be seekable."""
    if not hasattr(file, "read"):
        kind = type(file).__name__
        raise ImageError(f"{kind} is no photo; give a path, bytes, a binary file object, a PIL image or an array")
    data: object = file.read()
    if not isinstance(data, bytes):
        raise ImageError("the file object does not give bytes; open it in mode 'rb'")
    return data


def open_file(path: str) -> BinaryIO:
    """Open a file for reading; ImageError where it is none."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError("is a folder; give the path of a photo")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer, a device may never end
            raise ImageError("is a pipe or a device, not a file; save the photo to a file first")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise ImageError("there is no such file; check the path") from error
    except PermissionError as error:
        raise ImageError("may not be read; check the permissions of the file and its folder") from error
    except (OSError, ValueError) as error:
        detail = (error.strerror if isinstance(error, OSError) else None) or error
        raise ImageError(f"cannot be opened ({detail}); check the path") from error


def read_exif(stream: BinaryIO) -> Image.Exif:
    """Return the EXIF data of a photo; of HEIC, too, without decoding it. Raises what `open_image` does."""
    if not _is_heif(_head(stream)):
        return open_image(stream).getexif()
    from cloudedge import heif  # which many a program never needs

    exif = Image.Exif()
    exif.load(heif.exif(stream.read()))
    return exif


def open_image(stream: BinaryIO, max_pixels: int = MAX_JPEG_PIXELS) -> Image.Image:
    """Return a photo of which only the header is read, but HEIC whole.

    Raises ImageError where it is none, or larger than `max_pixels`; any exception where it is damaged.
    """
    head = _head(stream)
    if not head:
        raise ImageError("is empty; copy or download it again")
    if _is_heif(head):
        from cloudedge import heif

        return heif.decode(Reader(stream).read(), min(max_pixels, MAX_PIXELS))
    image = _opener(head)(stream)
    check_size(*image.size, max_pixels if image.format == "JPEG" else min(max_pixels, MAX_PIXELS))
    return image


def _head(stream: BinaryIO) -> bytes:
    """Return the bytes by which formats are told, and go back to the start."""
    head = stream.read(16)
    stream.seek(0)
    return head


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _opener(head: bytes) -> Callable[[BinaryIO], Image.Image]:
    """Choose the decoder by a file's first bytes.

    Only that one is loaded: to load all of them takes as long as to read a small photo. Pillow's own classes are
    called, and not `Image.open`: it would try every format that it or the host program knows, and it warns of large
    images through `warnings`, whose filters cannot be set for one call or one thread alone.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg  # MPO too: its first picture
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return partial(_opened, _png())
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return partial(_opened, _plugin("WebP"))
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0")):  # Pillow does not read a big-endian BigTIFF, "MM\0+"
        return _tiff
    if head.startswith(b"BM"):
        return partial(_opened, _plugin("Bmp"))
    if head.startswith((b"GIF87a", b"GIF89a")):
        return partial(_opened, _plugin("Gif"), header_left=MAX_GIF_HEADER)
    raise UnknownFormatError("is not a photo in a known format; convert it to JPEG, PNG, WebP, TIFF, BMP, GIF or HEIC")


def _plugin(kind: str) -> Any:
    return getattr(import_module(f"PIL.{kind}ImagePlugin"), f"{kind}ImageFile")


def _opened(plugin: Any, stream: BinaryIO, header_left: int | None = None) -> ImageFile.ImageFile:
    reader = Reader(stream, header_left)
    image: ImageFile.ImageFile = plugin(reader)
    reader.header_left = None
    return image


def _jpeg(stream: BinaryIO) -> Image.Image:
    image = _opened(_plugin("Jpeg"), stream)
    image.decodermaxblock = 1 << 14  # read at a time: of empty scans no more than take seconds
    return image


@cache
def _png() -> Any:
    """Before version 13, Pillow fills a whole canvas, of any size, for the first picture of an animation."""

    class Png(_plugin("Png")):  # type: ignore[misc]
        def _seek(self, frame: int, rewind: bool = False) -> None:
            self.info.pop("disposal", None)  # nothing lies under the first picture
            super()._seek(frame, rewind)

    return Png


def _tiff(stream: BinaryIO) -> Image.Image:
    """libtiff decodes tiles whole, however little of them is in the picture, and bytes as often as they are named."""
    image = _opened(_plugin("Tiff"), stream)
    (width, height), tags = image.size, image.tag_v2  # type: ignore[attr-defined]
    across, down = tags.get(TILE_WIDTH, 1), tags.get(TILE_LENGTH, 1)
    check_size(-(-width // across) * across, -(-height // down) * down, MAX_PIXELS)
    named = sum(tags.get(TILE_BYTES) or tags.get(STRIP_BYTES) or ())
    if image.info.get("compression") != "raw" and named > stream.seek(0, os.SEEK_END):
        raise ImageError("is damaged (it names more bytes than it has); copy or download it again")
    return image


def _photo(image: Image.Image, whole: tuple[int, int] | None = None, size: int | None = None) -> Photo:
    """`whole` is the size that the photo has in its file, where it is decoded at a fraction of that."""
    image.load()  # first: some formats keep their EXIF data behind the pixels, and TIFF is turned upright by it
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation)
        captured_at = exif_time(exif.get_ifd(ExifTags.IFD.Exif))
    except Exception:  # broken EXIF data do not make a photo unreadable
        orientation = captured_at = None
    image = _rgb(image)
    if whole is None:
        whole = image.size
        if size and (factor := int(min(whole) / (OVERSAMPLING * size))) > 1:
            image = image.reduce(factor)
    if orientation in _TRANSPOSITIONS:
        image = image.transpose(_TRANSPOSITIONS[orientation])
        whole = whole[::-1] if orientation in _ON_THEIR_SIDE else whole
    return Photo(np.asarray(image), whole, captured_at)


def exif_time(tags: dict[int, Any]) -> str | None:
    """Return when EXIF says that a photo was taken, ISO 8601; None where it says no time."""
    if ExifTags.Base.DateTimeOriginal not in tags:
        return None
    stamp = str(tags[ExifTags.Base.DateTimeOriginal]).strip(" \0")
    offset = str(tags.get(ExifTags.Base.OffsetTimeOriginal, "")).strip(" \0")
    for text, form in ((stamp + offset, "%Y:%m:%d %H:%M:%S%z"), (stamp, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return None


def _rgb(image: Image.Image) -> Image.Image:
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
