"""Find the photos in files and folders, and tell from a file's name when its photo was taken."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

# A file or folder whose name ends so claims to be a photo.
PHOTO_EXTENSIONS = (
    ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"
)  # fmt: skip

# A date and a time of day, down to the second: 20240601_123045, 20240601T123045, 20240601123045, 2024-06-01T12:30:45Z,
# 2024-06-01_12-30-45. A date alone, or a time that runs on into more digits, says too little to be trusted.
_TIME_IN_NAME = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})([-_.]?)([0-9]{2})\2([0-9]{2})"
    r"(?:[-_T. ]|(?<=[0-9]{8}))([0-9]{2})([-_.:]?)([0-9]{2})\6([0-9]{2})"
    r"(?![0-9])(Z(?![A-Za-z])|[+-][0-9]{2}:[0-9]{2}(?![0-9]))?"
)


def captured_at_from_name(path: str) -> str | None:
    """Return the time that the name of a file carries as ISO 8601 text, or None if it carries none.

    Only the last part of `path` is read, and nothing on the disk. The time is local to the camera unless the name
    gives an offset (`Z` or `+02:00`), which is kept.
    """
    for match in _TIME_IN_NAME.finditer(os.path.basename(path)):
        year, _, month, day, hour, _, minute, second, offset = match.groups(default="")
        stamp = f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset.replace('Z', '+00:00')}"
        try:
            return datetime.fromisoformat(stamp).isoformat()
        except ValueError:  # the digits have the shape of a time, but there is no such day or hour
            continue
    return None


def find_photos(
    paths: Iterable[str],
    passed_over: Callable[[str], object] = lambda path: None,
    onerror: Callable[[OSError], object] = lambda error: None,
) -> Iterator[str]:
    """Yield the path of each photo that `paths` name, lazily; a relative path stays relative.

    A file is yielded as it is given, whatever its name and whether it exists or not. A folder is read with all its
    sub-folders, sorted by name; in it every entry with a photo's extension is yielded, even if it turns out to be
    something else (a sub-folder named x.jpg), so that whoever reads it can say what is wrong with it. Hidden files and
    folders are passed over; so are other files and links to folders (which may run in circles), and these are handed
    to `passed_over`. A folder that cannot be read goes to `onerror`.
    """
    for path in paths:
        if os.path.isdir(path) and not _claims_to_be_photo(path):
            yield from _photos_below(path, passed_over, onerror)
        else:
            yield path


def _photos_below(
    folder: str, passed_over: Callable[[str], object], onerror: Callable[[OSError], object]
) -> Iterator[str]:
    pending = _last_first(folder, onerror)  # a stack, not recursion: folders may nest deeper than Python's calls
    while pending:
        entry = pending.pop()
        if entry.name.startswith("."):
            continue
        if _claims_to_be_photo(entry.name):
            yield entry.path
        elif entry.is_dir(follow_symlinks=False):
            pending += _last_first(entry.path, onerror)
        else:
            passed_over(entry.path)


def _last_first(folder: str, onerror: Callable[[OSError], object]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        onerror(error)
        return []


def _claims_to_be_photo(path: str) -> bool:
    return path.lower().endswith(PHOTO_EXTENSIONS)
