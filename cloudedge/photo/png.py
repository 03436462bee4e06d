"""PNG: without a canvas for an animation, and not with the black that Pillow leaves where data are missing."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL.PngImagePlugin import PngImageFile

from cloudedge.photo.bounded_file import BoundedFile
from cloudedge.photo.missing import check_missing

_PIECE = 1 << 16  # bytes read or inflated at a time
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the colour type
_WHOLE = ((0, 0, 1, 1),)
# The passes of an interlaced PNG (Adam7): first column, first row, step to the right, step down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class Png(PngImageFile):
    """A PNG whose loading raises ImageError if too much of it is missing."""

    def __init__(self, file: BoundedFile) -> None:
        self._file = file
        super().__init__(file)  # type: ignore[arg-type]  # as much of a file as Pillow needs

    def _seek(self, frame: int, rewind: bool = False) -> None:
        """Before version 13, Pillow fills a whole canvas, of any size, for the first picture of an animation."""
        self.info.pop("disposal", None)  # nothing lies under the first picture
        super()._seek(frame, rewind)  # type: ignore[no-untyped-call,unused-ignore]

    def load_end(self) -> None:
        """Check the pixels; of a usual photo, this only looks at one of each of the last two rows."""
        super().load_end()
        corners = (self.getpixel((0, row)) for row in range(max(self.height - 2, 0), self.height))
        if not all(map(np.any, corners)):  # of two rows, because an interlaced PNG fills one of them first
            check_missing(_missing(self._file))


def open_png(stream: BinaryIO) -> Png:
    """Return a PNG of which only the header has been read."""
    return Png(BoundedFile(stream))


def _missing(file: BoundedFile) -> float:
    """Return which share of the picture's data is missing."""
    file.seek(16)
    width, height, depth, colour, _, _, is_interlaced = struct.unpack(">IIBBBBB", file.read(13))
    whole = 0
    for left, top, across, down in _ADAM7 if is_interlaced else _WHOLE:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 < rows:
            whole += rows * (1 + (columns * depth * _SAMPLES[colour] + 7) // 8)
    return 1 - _inflated(file, whole) / whole


def _inflated(file: BoundedFile, most: int) -> int:
    """Return how many bytes the data of the picture inflate to; it does not matter how many more than `most`."""
    inflate, found = zlib.decompressobj(), 0
    try:
        for data in _image_data(file):
            while data and found < most:
                found += len(inflate.decompress(data, _PIECE))
                data = inflate.unconsumed_tail
        return min(found, most)
    except zlib.error:  # a wrong checksum at the end, which does not matter, or Pillow would have said so
        return min(found, most)


def _image_data(file: BoundedFile) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        end = file.tell() + size + 4  # with the checksum
        while kind == b"IDAT" and (left := end - 4 - file.tell()) > 0 and (data := file.read(min(left, _PIECE))):
            yield data
        file.seek(end)
