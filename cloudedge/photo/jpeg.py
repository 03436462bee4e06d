"""JPEG: read without the mark at its end, but not with the grey that libjpeg puts where data are missing."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL.JpegImagePlugin import JpegImageFile

from cloudedge.photo.bounded_file import BoundedFile
from cloudedge.photo.missing import check_missing

_END, _SCAN = b"\xff\xd9", b"\xff\xda"  # the marker at the end, and the one before the data of each scan

_COEFFICIENTS = set(range(64))

# What continues a scan: data for its present interval, and for the next one, whichever restart marker that needs.
_MORE = bytes(range(255)) + b"".join(bytes([0xFF, 0xD0 + number, *range(255)]) for number in range(8))


class Jpeg(JpegImageFile):
    """A JPEG whose loading raises ImageError if too much of it is missing."""

    def __init__(self, file: BoundedFile) -> None:
        super().__init__(file)  # type: ignore[arg-type]  # as much of a file as Pillow needs
        self.decodermaxblock = 1 << 14  # bytes read at a time, so that empty scans take seconds at most
        self._file = file
        self._start = file.tell()  # of the data of the first scan
        self._wanted: tuple[str | None, tuple[int, int] | None] = None, None
        self._has_end = True

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Decode at a fraction of the size."""
        self._wanted = mode, size
        return super().draft(mode, size)

    def load_read(self, read_bytes: int) -> bytes:
        """Return the next bytes of the file; at its end, the marker that should be there."""
        data = super().load_read(read_bytes)
        if not data and self._has_end:
            self._has_end = False
            return _END
        return data

    def load_end(self) -> None:
        """Check the pixels; of a usual photo, this only looks at one of the last row, which costs nothing."""
        super().load_end()
        if "progressive" in self.info and not self._has_all_scans(self._until_end()):
            check_missing(1.0)  # or less, spread over the whole photo
        corner = np.array(self.getpixel((0, self.height - 1)), np.uint8, ndmin=2)
        if not self._has_end or _is_filled_in(corner)[0]:
            check_missing(self._missing())

    def _missing(self) -> float:
        """Return which share of the photo is missing: its last scan has ended early if more data change the pixels."""
        data = self._until_end()
        if self._continued(data) == self.tobytes():
            return 0.0
        if "progressive" in self.info or _SCAN in data[self._start :]:
            return 1.0  # or less, spread over the whole photo
        is_missing = _is_filled_in(np.asarray(self))
        return 1.0 if is_missing.all() else float(is_missing[::-1].argmin()) / len(is_missing)

    def _until_end(self) -> bytes:
        """Return the file up to the mark at its end, or all of it."""
        self._file.seek(0)
        data = self._file.read()
        end = data.find(_END, self._start)
        return data if end < 0 else data[:end]

    def _has_all_scans(self, data: bytes) -> bool:
        """Return whether the scans of a progressive JPEG bring every coefficient at its full precision.

        Each brings some coefficients, from the `first` to the `last` of 64, of some components, and leaves out some of
        their lowest bits, as its header says (ITU-T T.81, B.2.3).
        """
        found: dict[int, set[int]] = {component[0]: set() for component in self.layer}
        at = data.rfind(_SCAN, 0, self._start)
        while at >= 0:
            header = data[at + 4 : at + 16].ljust(12, b"\0")  # the longest has four components
            count = min(header[0], 4)
            first, last, bits = header[1 + 2 * count : 4 + 2 * count]
            for component in header[1 : 1 + 2 * count : 2]:
                if bits & 15 == 0 and component in found:
                    found[component].update(range(first, last + 1))
            at = data.find(_SCAN, at + 2)
        return all(coefficients >= _COEFFICIENTS for coefficients in found.values())

    def _continued(self, data: bytes) -> bytes:
        """Return the pixels that `data` give when their last scan continues."""
        longer = JpegImageFile(io.BytesIO(data + _MORE + _END))
        longer.draft(*self._wanted)
        return longer.tobytes()


def open_jpeg(stream: BinaryIO) -> Jpeg:
    """Return a JPEG of which only the header has been read; of several pictures (MPO) the first."""
    return Jpeg(BoundedFile(stream))


def _is_filled_in(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return for each row whether it is all middle grey: 128, or 127 where inks are inverted."""
    rows = pixels.reshape(len(pixels), -1)
    filled: npt.NDArray[np.bool_] = ((rows == 127) | (rows == 128)).all(axis=1)
    return filled
