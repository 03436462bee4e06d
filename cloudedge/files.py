"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

# The names of the files that cloudedge itself leaves in a folder while it writes begin with this.
TEMPORARY_PREFIX = ".cloudedge-"


def is_address(path: str) -> bool:
    """Return whether a path is the address of a camera, not of a file."""
    return path.lower().startswith(("http://", "https://"))


def full_path(path: str) -> str:
    """Return a path from the root on, without `.` and `..`; links are not resolved, and an address stays as it is."""
    if is_address(path):
        return path
    try:
        return os.path.abspath(path)
    except OSError:  # the current folder is gone
        return os.path.normpath(path)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a file that takes the place of `path` only when the block has ended without an exception.

    Until then it is a hidden file beside `path`, and after an exception it is gone. Raises OSError where it cannot be
    made or moved.
    """
    target = os.path.realpath(path)  # a link stays a link
    temporary = Path(os.path.dirname(target), f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}.tmp")
    try:
        temporary.touch(exist_ok=False)
        if os.path.exists(target):
            import shutil  # takes a while to load

            shutil.copymode(target, temporary)
        yield temporary
        with open(temporary, "rb+") as file:  # or a power cut soon after could leave the new name on an empty file
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_text(path: str) -> Iterator[TextIO]:
    """Open a text file (UTF-8) that takes the place of `path` as by `replacing`.

    What cannot be replaced, such as a device or a named pipe, is written directly.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # not its real path: /dev/fd/63 leads to none
        with open(path, "w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as stream:
        yield stream
