"""The rows of a file as it grows: each is read once, for as long as the file is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from cloudedge.errors import CloudEdgeError
from cloudedge.row_file import RowPlaces
from cloudedge.row_formats import LONGEST, csv_header, parse

_MARK = 4096  # bytes of the last line that was read; others in its place mean that the file was rewritten


class RowTail:
    """Follows a file of rows, JSON Lines or CSV, that is appended to, replaced, truncated or not there yet.

    A line that is not a row is left out, and goes to `on_bad`.
    """

    def __init__(self, path: str, on_bad: Callable[[CloudEdgeError], object]) -> None:
        self._path, self._on_bad = path, on_bad
        self._state: tuple[int, ...] | None = None
        self._forget()

    def news(self) -> tuple[bool, Iterator[dict[str, Any]]] | None:
        """Return whether the rows start over, and the rows since the last call; None where nothing has changed.

        A line that is not complete yet is left for later. Raises OSError for a file that cannot be read.
        """
        try:
            found = os.stat(self._path)
            state = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
            if state == self._state:
                return None
            stream = open(self._path, "rb")  # noqa: SIM115 it is closed when the rows are read
        except FileNotFoundError:
            is_lost, self._state = self._state is not None, None
            self._forget()
            return (True, iter(())) if is_lost else None
        is_new = self._state is None or state[:2] != self._state[:2] or not self._continues(stream)
        self._state = state
        if is_new:
            self._forget()
        return is_new, self._rows(stream)

    def again(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield rows again, by their numbers since the file was begun; those that are gone are left out."""
        try:
            stream = open(self._path, "rb")  # noqa: SIM115 it is closed when the rows are read
        except OSError:
            return
        with stream:
            yield from self._places.rows(stream, self._path, numbers)

    def _forget(self) -> None:
        self._end, self._number, self._mark = 0, 0, b""
        self._places = RowPlaces()
        self._columns: list[str] | None = None

    def _continues(self, stream: BinaryIO) -> bool:
        stream.seek(self._end - len(self._mark))
        return stream.read(len(self._mark)) == self._mark

    def _rows(self, stream: BinaryIO) -> Iterator[dict[str, Any]]:
        with stream:
            stream.seek(self._end)
            while (line := stream.readline(LONGEST)).endswith(b"\n") or len(line) == LONGEST:
                start, self._end = self._end, self._end + len(line)
                self._number += 1
                self._mark = line[-_MARK:]
                header = csv_header(line)
                if header and (self._columns or self._number == 1):
                    self._columns = header
                elif text := line.strip(b",[] \t\r\n"):
                    try:
                        row = parse(line if self._columns else text, self._columns, self._path, self._number)
                    except CloudEdgeError as error:
                        self._on_bad(error)
                    else:
                        self._places.extend([start], [self._columns])
                        yield row
