"""Find the photos in files and folders, and tell from a file's name when its photo was taken."""

from __future__ import annotations

import os
import re
from datetime import datetime

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
