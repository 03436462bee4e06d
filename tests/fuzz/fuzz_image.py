"""Any bytes are a photo or an ImageError; HEIC, which is decoded in processes of its own, is not tried here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from traceback import walk_tb

import atheris
import numpy as np
from harness import fuzz, one_line

with atheris.instrument_imports(include=["cloudedge", "PIL"]):
    from cloudedge.errors import ImageError
    from cloudedge.photo import read

    for kind in ("Bmp", "Gif", "Jpeg", "Mpo", "Png", "Tiff", "WebP"):
        import_module(f"PIL.{kind}ImagePlugin")  # which cloudedge loads when it needs it

from corpus import CONTENTS, FORMATS, encoded, photo

photo.__defaults__ = (12, 8)  # or most files of the corpus would be longer than what is tried
HOME = Path(read.__file__).parent
MAX_PIXELS = 1_000_000  # what is larger takes time and memory, as tests/hardening measures


def try_one(data: bytes) -> None:
    for size in (None, 8):
        try:
            found = read.read(data, size, MAX_PIXELS)
        except ImageError as error:
            one_line(str(error))
            of_decoder(error.__cause__)
        else:
            assert found.pixels.dtype == np.uint8
            assert found.pixels.ndim == 3
            assert found.pixels.shape[2] == 3
            assert found.pixels.size > 0
            assert min(found.size) > 0


def of_decoder(cause: BaseException | None) -> None:
    """Raise where a fault of cloudedge's own passes for the damage of a file."""
    files = [frame.f_code.co_filename for frame, _ in walk_tb(cause.__traceback__)] if cause else [""]
    assert Path(files[-1]).parent != HOME, repr(cause)


def seeds() -> Iterator[bytes]:
    for kind, options in FORMATS.values():
        yield encoded(kind, **options)
    for kind, contents in CONTENTS.items():
        if kind != "decompression bombs":
            yield from (data for _, data in contents())


if __name__ == "__main__":
    fuzz(try_one, seeds())
