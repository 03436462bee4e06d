"""The rows of a database as it grows: `row_tail` for SQLite."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from typing import Any

from cloudedge.archive.stored_rows import count_up_to, read_after, read_at
from cloudedge.errors import CloudEdgeError


class DatabaseTail:
    """Follows a database of rows that is written, replaced, deleted or not there yet.

    It keeps no connection open between two calls: with one, the `-wal` file would outlive the program that writes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._state: tuple[int, ...] | None = None  # None without a file; () where reading has failed
        self._forget()

    def news(self) -> tuple[bool, Iterator[dict[str, Any]]] | None:
        """Return whether the rows start over, and the rows since the last call, flat; None where nothing has changed.

        They start over where a row that was read before has been deleted or replaced, as a failure is by the next row
        of its photo. This raises what `StoredRows` raises, and so does the iterator.
        """
        try:
            state = _state(self._path)
        except FileNotFoundError:
            is_lost, self._state = self._state is not None, None
            self._forget()
            return (True, iter(())) if is_lost else None
        if state == self._state:
            return None
        is_new = self._state is None or state[:2] != self._state[:2] or not self._continues()
        if is_new:
            self._forget()
        rows = self._rows()
        first = next(rows, None)
        self._state = state
        if first is None:
            return (True, rows) if is_new else None
        return is_new, chain([first], rows)

    def again(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield rows again, flat, by their numbers since the rows started over; those that are gone are left out."""
        with suppress(OSError, CloudEdgeError):
            known = len(self._rowids)  # fewer where reading them again has failed
            yield from read_at(self._path, [self._rowids[number] for number in numbers if number < known])

    def _forget(self) -> None:
        self._rowids = array("q")
        self._last: tuple[int, dict[str, Any]] = 0, {}  # the rowid and the row that were read last

    def _continues(self) -> bool:
        """Return whether the rows that were read are still there; a row may have got the rowid of a deleted one."""
        rowid, _ = self._last
        with closing(read_after(self._path, rowid - 1)) as rows:
            return next(rows, None) == self._last and count_up_to(self._path, rowid) == len(self._rowids)

    def _rows(self) -> Iterator[dict[str, Any]]:
        is_complete = False
        try:
            for found in read_after(self._path, self._last[0]):
                self._last = found
                self._rowids.append(found[0])
                yield found[1]
            is_complete = True
        finally:
            if not is_complete:  # the caller may have used only some of the rows
                self._state = ()


def _state(path: str) -> tuple[int, ...]:
    """Return what changes with each transaction, which changes the file or the log beside it."""
    found = os.stat(path)
    state = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    try:
        log = os.stat(f"{path}-wal")
    except FileNotFoundError:
        return state
    return *state, log.st_ino, log.st_size, log.st_mtime_ns
