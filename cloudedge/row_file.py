"""The rows of a text file as a table, and some of them again, whole, from where they lie."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO

from cloudedge.errors import CloudEdgeError
from cloudedge.row import Table, cells_of, joined
from cloudedge.row_formats import LONGEST, parse, placed_rows, rows_in
from cloudedge.row_line import LineReader

_BATCH = 200  # rows; more at a time take longer
_MANY = 50  # if so many lines in a row are not written as `json_line` does, the rest are read as JSON at once


class RowPlaces:
    """Where rows lie in a file, 8 bytes for each: numbered from 0 on in the order in which they are added."""

    def __init__(self) -> None:
        self._starts = array("Q")
        self._headers: list[tuple[int, Sequence[str] | None]] = []  # number of the first row, columns

    def extend(self, starts: Iterable[int], headers: Iterable[Sequence[str] | None]) -> None:
        """Add rows: the positions at which their lines begin, and their columns if they are of a CSV."""
        for number, header in enumerate(headers, len(self._starts)):
            if not self._headers or self._headers[-1][1] is not header:
                self._headers.append((number, header))
        self._starts.extend(starts)

    def rows(self, stream: BinaryIO, path: str, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield rows again, by their numbers; what is no longer a row, because the file was rewritten, is left out."""
        for number in numbers:
            stream.seek(self._starts[number])
            line = stream.readline(LONGEST)
            _, columns = self._headers[bisect_right(self._headers, number, key=lambda header: header[0]) - 1]
            with suppress(CloudEdgeError):
                yield parse(line if columns else line.strip(b",[] \t\r\n"), columns, path, number)


class RowFile:
    """The rows of an open file, JSON or CSV, as `rows_in` reads them; each call begins at its start."""

    def __init__(self, stream: BinaryIO, path: str, on_cut: Callable[[int], object]) -> None:
        self._stream, self._path, self._on_cut = stream, path, on_cut
        self._places = RowPlaces()

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield all rows, which have all their columns."""
        self._stream.seek(0)
        return rows_in(self._stream, self._path, self._on_cut)

    def tables(self, columns: Sequence[str], together: Sequence[str]) -> Iterator[Table]:
        """Yield columns of all rows, many rows at a time; the last column holds those `together`, as a tuple.

        Columns are fields that are not objects, and `sun_phase`.
        """
        self._stream.seek(0)
        self._places = RowPlaces()
        placed = placed_rows(self._stream, self._path, self._on_cut, _Cells([*columns, *together]))
        while batch := [*islice(placed, _BATCH)]:
            cells, starts, headers = zip(*batch, strict=True)
            self._places.extend(starts, headers)
            yield joined([*zip(*cells, strict=True)], len(columns))

    def again(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield some of the rows that are in the tables, by their numbers; those that are gone are left out."""
        return self._places.rows(self._stream, self._path, numbers)


class _Cells:
    """Reads columns of the row on a line: by a `LineReader`, unless lines are written in another way."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._lines = names, LineReader(names)
        self._others = 0  # lines in a row that are

    def __call__(self, line: bytes, header: Sequence[str] | None, path: str, number: int) -> Sequence[Any]:
        """Return the columns; raise CloudEdgeError as `parse` does if the line is not a row."""
        if self._others < _MANY:
            if found := self._lines.cells(line):
                self._others = 0
                return found
            self._others += 1
        return cells_of(parse(line, header, path, number), self._names)
