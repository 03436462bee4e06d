"""A photo's file as the decoders get it, with limits on size and time."""

from __future__ import annotations

import os
import stat
import time
from typing import BinaryIO

from cloudedge.errors import ImageError, ImageTooLargeError

MAX_BYTES = 1 << 29  # as many as the largest photo has in 16 bits of red, green and blue
MAX_GIF_HEADER = 1 << 18  # bytes of palettes and comments

# CPU seconds, so that no file (of a million empty scans or blocks) holds up a run or a server for hours. The largest
# sound photos take seconds on a laptop, and ten times as long on a slow Raspberry Pi.
MAX_SECONDS = 60.0


class BoundedFile:
    """A file that hides its descriptor, and reads at most `MAX_BYTES` into memory at once.

    With a descriptor libtiff would map the file, and reading a mapped file kills the process if the disk fails or the
    file is cut short meanwhile. Decoding may take `MAX_SECONDS`. `header_left` is how many bytes may still
    be read, None for any number: before Pillow 13 the header of a GIF takes a time by the square of its length.
    """

    def __init__(self, stream: BinaryIO, header_left: int | None = None) -> None:
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read
        self.header_left = header_left
        self._end = time.thread_time() + MAX_SECONDS

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; raise ImageError after too long a time, ImageTooLargeError for too much data."""
        if time.thread_time() > self._end:
            raise ImageError(f"takes more than {MAX_SECONDS:.0f} seconds to decode; save it again")
        if size < 0:
            here = self.tell()
            rest = self.seek(0, os.SEEK_END) - here
            self.seek(here)
            if rest > MAX_BYTES:
                raise ImageTooLargeError(f"is larger than {MAX_BYTES >> 20} MB; scale it down")
        data = self._read(size)
        if self.header_left is not None:
            self.header_left -= len(data)
            if self.header_left < 0:
                raise ImageError(f"has more than {MAX_GIF_HEADER >> 10} KB before its first picture; save it again")
        return data


def open_file(path: str) -> BinaryIO:
    """Open a file for reading; raise ImageError if it is not a readable file."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError("is a folder; give the path of a photo")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer, a device may never end
            raise ImageError("is a pipe or a device, not a file; save the photo to a file first")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise ImageError("the file does not exist; check the path") from error
    except PermissionError as error:
        raise ImageError("may not be read; check the permissions of the file and its folder") from error
    except (OSError, ValueError) as error:
        detail = (error.strerror if isinstance(error, OSError) else None) or error
        raise ImageError(f"cannot be opened ({detail}); check the path") from error
