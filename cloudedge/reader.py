"""A photo's file as decoders get it."""

from __future__ import annotations

import os
from typing import BinaryIO

from cloudedge.errors import ImageError, ImageTooLargeError

MAX_BYTES = 1 << 29  # as many as the largest photo has in 16 bits of red, green and blue
MAX_HEADER_BYTES = 1 << 21  # of a GIF, which has palettes there, and comments


class Reader:
    """A file without its descriptor, of which no more than `MAX_BYTES` are read into memory at once.

    With a descriptor libtiff would map the file, and who reads a mapped file is killed where its disk fails, and where
    it is cut short meanwhile.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; ImageTooLargeError where the rest of it is asked for and is too much."""
        if size < 0:
            here = self.tell()
            rest = self.seek(0, os.SEEK_END) - here
            self.seek(here)
            if rest > MAX_BYTES:
                raise ImageTooLargeError(f"is larger than {MAX_BYTES >> 20} MB; scale it down")
        return self._read(size)


class HeaderReader(Reader):
    """A file of which no more than `MAX_HEADER_BYTES` are read until `is_open` is set.

    Before version 13, Pillow takes in the comment of a GIF in a time that grows with the square of its length: ten
    megabytes cost ten seconds.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.is_open = False
        self._taken = 0

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; ImageError where the header does not end."""
        data = super().read(size)
        self._taken += len(data)
        if self._taken > MAX_HEADER_BYTES and not self.is_open:
            raise ImageError(f"has more than {MAX_HEADER_BYTES >> 20} MB before its first picture; save it anew")
        return data
