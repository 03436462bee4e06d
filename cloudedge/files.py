"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

# The names of the files that cloudedge itself leaves in a folder while it writes begin with this.
TEMPORARY_PREFIX = ".cloudedge-"


@contextmanager
def replacing(path: str) -> Iterator[TextIO]:
    """Open a text file (UTF-8) that takes the place of `path` only when the block has ended without an exception.

    Until then it is a hidden file beside `path`, and after an exception it is gone. What cannot be replaced, such as a
    device or a named pipe, is written directly. Raises OSError where the file cannot be made.
    """
    target = os.path.realpath(path)  # a link stays a link
    if os.path.exists(path) and not os.path.isfile(path):  # not `target`: /dev/fd/63 leads to no path
        with open(path, "w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    temporary = os.path.join(os.path.dirname(target), f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="") as stream:
            if os.path.exists(target):
                import shutil  # takes a while to load

                shutil.copymode(target, temporary)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut soon after could leave the new name on an empty file
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
