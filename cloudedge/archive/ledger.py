"""Know which captures have been answered, under whatever name and time of change they come again.

A photo is done if its path, made absolute, has an answer under the same settings with either the same state or the same
bytes; see `row_key`. The state costs no reading; the bytes are read only where the state is new, which is where they
are about to be read anyway.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TypeAlias

from cloudedge.errors import ImageError
from cloudedge.files import full_path
from cloudedge.photo.bounded_file import open_file
from cloudedge.row import Row
from cloudedge.row_key import NO_BYTES, identity

_LARGEST = 256 << 20  # bytes; larger files are known by their state alone
_PIECE = 1 << 20

Signature: TypeAlias = tuple[int, int] | None  # size in bytes and modification time in ns; None if there is no file


def signature(path: str) -> Signature:
    """Return what distinguishes one state of a file from another."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


class Ledger:
    """The captures that have been answered, in memory: two hashes of 8 bytes each.

    `settings` is any text that stands for the model and the options. The journals, which keep rows in a file, are
    ledgers too.
    """

    def __init__(self, settings: str) -> None:
        self.models: dict[str, int] = {}  # name -> number of rows in the file
        self._settings = settings
        self._mark = _digest(settings.encode())[:12]
        self._done: set[int] = set()
        self._done_earlier: set[int] = set()

    def key(self, path: str, state: Signature) -> str:
        """Return the key of a photo in this state; its bytes are read."""
        return f"{self._mark}-{state_digest(state)}-{_bytes_digest(path, state)}"

    def key_of_bytes(self, data: bytes, fetched_ns: int) -> str:
        """Return the key of a photo that came from an address at a time, in ns; without bytes, of the failure."""
        return f"{self._mark}-{state_digest((len(data), fetched_ns))}-{_digest(data) if data else NO_BYTES}"

    def has(self, path: str, state: Signature) -> bool:
        """Return whether a photo is done in this state; nothing is read."""
        if hash((identity(path), state_digest(state))) in self._done:
            return True
        return bool(self._done_earlier) and any(
            int(self._earlier_key(spelling, state), 16) in self._done_earlier for spelling in spellings(path)
        )

    def holds(self, path: str, key: str) -> bool:
        """Return whether the photo with this key is done, in this state or in another one with the same bytes."""
        return any(entry in self._done for entry in self._entries(identity(path), key))

    def mark(self, path: str, state: Signature) -> None:
        """Mark a photo as done in this state."""
        self._done.add(hash((identity(path), state_digest(state))))

    def write(self, row: Row, key: str) -> bool:
        """Mark the photo of a row as done; return whether that is news."""
        is_news = not self.holds(row["path"], key)
        self._done.update(self._entries(identity(row["path"]), key))
        return is_news

    def renew(self, path: str, key: str) -> None:
        """Take note that a photo that is done has another state now, with the same bytes."""
        self._done.update(self._entries(identity(path), key))

    def put_in_order(self) -> None:
        """Tidy up the file at the end of a run."""

    def _entries(self, photo: str, key: str) -> list[int]:
        settings, state, content = key.split("-")
        if settings != self._mark:
            return []
        return [hash((photo, digest)) for digest in (state, content) if digest != NO_BYTES]

    def _earlier_key(self, path: str, state: Signature) -> str:
        return _digest(b"\0".join((os.fsencode(path), repr(state).encode(), self._settings.encode())))


def spellings(path: str) -> set[str]:
    """Return the ways in which the same path may have been typed."""
    found = {path, os.path.normpath(path), full_path(path)}
    with suppress(OSError, ValueError):
        relative = os.path.relpath(path)
        found |= {relative, os.path.join(os.curdir, relative)}
    return found


def state_digest(state: Signature) -> str:
    return _digest(repr(state).encode())


def _bytes_digest(path: str, state: Signature) -> str:
    if state is None or state[0] > _LARGEST:
        return NO_BYTES
    import hashlib  # takes a while to load

    digest, left = hashlib.blake2b(digest_size=8), _LARGEST
    try:
        with open_file(path) as stream:
            while left > 0 and (piece := stream.read(min(_PIECE, left))):  # it may have grown since
                digest.update(piece)
                left -= len(piece)
    except (OSError, ImageError):  # its row will say so
        return NO_BYTES
    return digest.hexdigest()


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.blake2b(data, digest_size=8).hexdigest()
