"""Any name, and any time in EXIF data, is a time that can be read and sorted by, or none."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import datetime

import atheris
from harness import fuzz

with atheris.instrument_imports(include=["cloudedge", "_strptime"]):
    from PIL import ExifTags

    from cloudedge.photo.capture_time import captured_at_from_name, exif_time, instant, is_before

NOON = datetime.fromisoformat("2024-06-01T12:00:00+02:00")
EXIF = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal)
# What the coverage of a regular expression does not tell a fuzzer: the parts of a time. Each byte of an input below 32
# stands for one, every other for itself.
PARTS = (
    "2024", "1999", "06", "31", "12", "30", "45", "99", "00", "123", "\n", "-", "_", ":", ".", " ", "/", "T", " at ",
    "h", "m", "s", "Z", "+02:00", "-1130", "+", "20240601", "2024-06-01", "123045", "1717245045", "IMG_", ".jpg",
)  # fmt: skip


def try_one(data: bytes) -> None:
    """The lines of the input are a name, and the time and the offset of EXIF data."""
    parts = (PARTS[byte].encode() if byte < len(PARTS) else bytes([byte]) for byte in data)
    name, stamp, offset, *_ = [os.fsdecode(line) for line in b"".join(parts).split(b"\n")] + [""] * 3
    for time in (captured_at_from_name(name), exif_time(dict(zip(EXIF, (stamp, offset), strict=True)))):
        if time is not None:
            moment = datetime.fromisoformat(time)
            assert moment.isoformat() == time
            assert math.isfinite(instant(time))
            assert not (is_before(moment, NOON) and is_before(NOON, moment))


def seeds() -> Iterator[bytes]:
    for first in range(len(PARTS)):
        for second in range(len(PARTS)):
            yield bytes([first, second])
    for name in (
        "2024-06-01T12:30:45.123Z.jpg",
        "2024/06/01/12-30-45.jpg",
        "20240601123045678",
        "1717245045.5.jpg",
        "PXL_20240601_123045123.jpg",
        "a-1717245045.12-x.jpg",
        "image24-06-01_12-30-45-12.jpg",
        "2024-06-01/1230.jpg",
        "20240601T123045-0400.jpg",
        "2024-06-01 - 12.30.45_UTC.jpg",
    ):
        yield name.encode()
    for stamp in ("2024:06:01 12:30:45\n+02:00", "0001:01:01 00:00:00\n-23:59", "9999:12:31 23:59:59\nZ"):
        yield b"\n" + stamp.encode()


if __name__ == "__main__":
    fuzz(try_one, seeds(), max_bytes=40)
