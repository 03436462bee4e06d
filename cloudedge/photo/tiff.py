"""TIFF: what libtiff must be protected from, and the camera raw files that are TIFF on the outside."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL.TiffImagePlugin import TiffImageFile

from cloudedge.errors import ImageError, UnknownFormatError, check_size
from cloudedge.photo.bounded_file import BoundedFile
from cloudedge.photo.other_files import CAMERA_RAW

# Tags of TIFF 6.0, TIFF/EP and DNG.
SUBFILE_TYPE, COMPRESSION, PHOTOMETRIC, STRIP_BYTES, TILE_WIDTH, TILE_LENGTH, TILE_BYTES = (
    254,
    259,
    262,
    279,
    322,
    323,
    325,
)
SUB_IFDS, DNG_VERSION = 330, 50706
_REDUCED = 1  # a bit of the subfile type: a smaller copy of another picture in the file
_SENSOR = {32803, 34892}  # photometric interpretations: a colour filter array, and its values made linear
_MAKERS = {32767, 34713, 65535}  # compressions of Sony, Nikon and Pentax


class Tiff(TiffImageFile):
    """A TIFF that is not camera raw."""

    def _setup(self) -> None:
        """Raise UnknownFormatError for camera raw, whose first picture is often a mere thumbnail."""
        tags = self.tag_v2
        is_thumbnail = SUB_IFDS in tags and int(tags.get(SUBFILE_TYPE, 0)) & _REDUCED
        is_of_sensor = tags.get(PHOTOMETRIC) in _SENSOR or tags.get(COMPRESSION) in _MAKERS
        if DNG_VERSION in tags or is_thumbnail or is_of_sensor:
            raise UnknownFormatError(CAMERA_RAW)
        super()._setup()  # type: ignore[no-untyped-call,unused-ignore]


def open_tiff(stream: BinaryIO, max_pixels: int) -> Tiff:
    """Return a TIFF of which only the header has been read.

    libtiff decodes tiles whole, however little of them is in the picture, and bytes as often as they are named.
    """
    image = Tiff(BoundedFile(stream))  # type: ignore[arg-type]  # as much of a file as Pillow needs
    (width, height), tags = image.size, image.tag_v2
    across, down = tags.get(TILE_WIDTH, 1), tags.get(TILE_LENGTH, 1)
    check_size(-(-width // across) * across, -(-height // down) * down, max_pixels)
    named = sum(tags.get(TILE_BYTES) or tags.get(STRIP_BYTES) or ())
    if image.info.get("compression") != "raw" and named > stream.seek(0, os.SEEK_END):
        raise ImageError("is damaged (it names more bytes than it has); copy or download it again")
    return image
