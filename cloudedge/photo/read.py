"""Any input (path, bytes, file object, PIL image, array) to an upright RGB array.

Colour profiles are left alone: the models are trained on the pixel values as they stand in the file, and converting
them here would show a model other colours than it has learned.
"""

from __future__ import annotations

import errno
import io
import math
import os
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from cloudedge.errors import ImageError, ImageTooLargeError
from cloudedge.photo.bounded_file import open_file
from cloudedge.photo.capture_time import exif_tags, exif_time
from cloudedge.photo.formats import MAX_JPEG_PIXELS, open_image
from cloudedge.photo.pixels import to_rgb

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | npt.NDArray[np.uint8]

# How much larger than the size asked for a photo is at least decoded. Against a photo decoded whole, the input of a
# model differs by 0.3 grey levels on average (0.15 at twice the size, but that takes half as long again for 1080p), and
# by up to 12 at single pixels; one of 300 photos changes its first choice, no probability by more than 0.03.
OVERSAMPLING = 1.5

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


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo as it is meant to be seen: `pixels` uint8 (H, W, 3) RGB, `captured_at` ISO 8601 from EXIF or None.

    `size` is the width and height of the whole upright photo, of which `pixels` may be a reduction.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    captured_at: str | None = None


def read(source: Source, size: int | None = None, max_pixels: int = MAX_JPEG_PIXELS) -> Photo:
    """Read a photo from a path, bytes, a binary file object, a PIL image or an array.

    An array is uint8 and RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W), and is taken as the PIL image of it would be.
    `size` is the side in pixels that the caller will resize to: a JPEG is then decoded at a fraction of its size, and
    any other file averaged down by a whole number, to no less than `OVERSAMPLING` times `size`. None leaves it whole. A
    file that declares more than `max_pixels` is not decoded. File objects are read from where they stand and stay open,
    PIL images stay as they are.

    Raises ImageError for anything that is not a readable photo.
    """
    try:
        return _read(source, size, max_pixels)
    except MemoryError as error:
        raise out_of_memory(error, path_of(source)) from error


def out_of_memory(error: MemoryError, path: str | None) -> ImageTooLargeError:
    """Return the error to raise instead, and release what has filled the memory: the tracebacks hold it."""
    found: BaseException | None = error
    while found is not None:
        found.__traceback__, found = None, found.__context__
    return ImageTooLargeError("does not fit into memory; scale it down", path)


def _read(source: Source, size: int | None, max_pixels: int) -> Photo:
    path = path_of(source)
    try:
        if isinstance(source, np.ndarray):
            array = _checked(source)
            height, width = array.shape[:2]
            is_rgb = array.ndim == 3 and array.shape[2] == 3
            return Photo(array if is_rgb else np.asarray(to_rgb(Image.fromarray(array))), (width, height))
        if isinstance(source, Image.Image):
            if 0 in source.size:
                raise ImageError("the image has no pixels; use one that has")
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
    """Return the path as given; None for a source that is not a path."""
    return os.fsdecode(source) if isinstance(source, str | os.PathLike) else None


def _checked(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not is_picture or array.size == 0:
        kinds = "(height, width, 3) RGB, (height, width, 4) RGBA or (height, width) grey"
        raise ImageError(f"the array is {array.dtype} {array.shape}; give uint8 {kinds}")
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
        raise ImageError(f"{kind} is not a photo; give a path, bytes, a binary file object, a PIL image or an array")
    data: object = file.read()
    if not isinstance(data, bytes):
        raise ImageError("the file object does not return bytes; open it in mode 'rb'")
    return data


def _photo(image: Image.Image, whole: tuple[int, int] | None = None, size: int | None = None) -> Photo:
    """`whole` is the size that the photo has in its file, where it is decoded at a fraction of that."""
    image.load()  # first: some formats keep their EXIF data behind the pixels, and TIFF is turned upright by it
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation)
        captured_at = exif_time(exif_tags(exif))
    except Exception:  # broken EXIF data do not make a photo unreadable
        orientation = captured_at = None
    image = to_rgb(image)
    if whole is None:
        whole = image.size
        if size and (factor := int(min(whole) / (OVERSAMPLING * size))) > 1:
            image = image.reduce(factor)
    if orientation in _TRANSPOSITIONS:
        image = image.transpose(_TRANSPOSITIONS[orientation])
        whole = whole[::-1] if orientation in _ON_THEIR_SIDE else whole
    return Photo(np.asarray(image), whole, captured_at)
