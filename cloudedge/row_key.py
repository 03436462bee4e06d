"""The key at the end of each row of a journal: what its answer was made of.

A key has three digests: of the settings that decide an answer (the model's file and the options that change an answer),
of the photo's state (size and modification time), and of its bytes. The path is in the row already.
"""

from __future__ import annotations

import re

from cloudedge.errors import printable
from cloudedge.files import full_path
from cloudedge.row import Row

KEY = re.compile("[0-9a-f]{12}-[0-9a-f]{16}-[0-9a-f]{16}")
EARLIER_KEY = re.compile("[0-9a-f]{16}")  # of earlier versions: a digest of path as typed, state and settings
_OTHER_CLOCKS = ("file", "fetched")  # the sources of times that are not the photo's own
NO_BYTES = "0" * 16  # in place of a digest: there is no file, or it is too large for that


def content_of(key: str) -> str | None:
    """Return the digest of a photo's bytes that its key holds, or None if it has none."""
    content = key.rpartition("-")[2] if KEY.fullmatch(key) else NO_BYTES
    return content if content != NO_BYTES else None


def identity(path: str) -> str:
    """Return the one name of a photo, however its path is spelt, in a file of rows too; links are not resolved."""
    return full_path(printable(path))


def mark_of(captured_at: str | None, time_source: str | None, key: str | None) -> str | None:
    """Return what tells the captures of one photo apart: its own time, else its bytes, else another time or the key."""
    if captured_at and time_source not in _OTHER_CLOCKS:
        return captured_at
    content = content_of(key) if isinstance(key, str) else None  # any tool can write a row
    return content or captured_at or key


def capture_id(row: Row) -> int | None:
    """Return a number that two rows share if they are of one capture, however its path is spelt; None if unknown.

    A capture is its path and its time; without a time of its own, its path and the bytes or the key in a journal.
    """
    mark = mark_of(row["captured_at"], row.get("time_source"), row.get("key"))
    return hash((identity(row["path"]), mark)) if mark else None
