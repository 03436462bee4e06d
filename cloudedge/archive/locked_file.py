"""A file that one program at a time may write to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO

from cloudedge.errors import BusyError, CloudEdgeError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CAN_LOCK = fcntl is not None


class JournalError(CloudEdgeError):
    """A file cannot serve as the journal."""


def open_locked(path: str) -> BinaryIO:
    """Open a file for appending, and lock it while it is open.

    Raises BusyError for a file that another cloudedge has locked, JournalError for one that is not an ordinary file,
    OSError for one that cannot be written.
    """
    while True:
        if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for its reader
            raise JournalError("is not an ordinary file; choose another", path)
        stream = open(path, "ab", buffering=0)  # noqa: SIM115
        try:
            if not CAN_LOCK:
                return stream
            lock(stream, path)
            if is_at(stream, path):  # and was not replaced just before
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()


def lock(stream: BinaryIO, path: str) -> None:
    """Lock a file while it is open; some network shares have no locks."""
    if not CAN_LOCK:
        return
    with suppress(OSError):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            problem = f"is being written by another cloudedge{_holder(stream)}; wait until that ends"
            raise BusyError(problem, path) from error


def is_at(stream: BinaryIO, path: str) -> bool:
    """Return whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(stream: BinaryIO) -> str:
    """Return which process holds the lock of a file, where Linux tells; see proc_locks(5)."""
    with suppress(OSError, ValueError, IndexError), open("/proc/locks", encoding="ascii") as locks:
        inode = os.fstat(stream.fileno()).st_ino
        for words in map(str.split, locks):
            if words[1] == "FLOCK" and int(words[5].rpartition(":")[2]) == inode and int(words[4]) > 0:
                return f" (process {words[4]})"
    return ""
