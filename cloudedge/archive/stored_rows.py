"""The rows of a database, read: all, columns of all, those after another, or some again."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from cloudedge.archive.sqlite_table import check, columns_in, connected_to_read, errors_of
from cloudedge.row import Table, unflatten

_BATCH = 200  # rows; more at a time take longer


class StoredRows:
    """The rows of a database, in the order in which they came, while others may write.

    To read them raises JournalError for a file that does not hold rows, BusyError for one that is locked, OSError for
    one that cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rowids = array("q")  # of the rows in the tables

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield all rows: whole, or flat with these columns alone."""
        with _opened(self._path) as (connection, present):
            query = f"SELECT {_selected(columns or present, present)} FROM rows ORDER BY rowid"
            for values in connection.execute(query) if present else ():
                yield _row(values, columns) if columns else _whole(_row(values, present))

    def tables(self, columns: Sequence[str], together: Sequence[str]) -> Iterator[Table]:
        """Yield columns of all rows, many rows at a time; the last column holds those `together`, as a JSON array.

        SQLite makes that array in less time than Python takes over the values one by one.
        """
        self._rowids = array("q")
        with _opened(self._path) as (connection, present):
            selected = f"rowid, {_selected(columns, present)}, json_array({_selected(together, present)})"
            query = f"SELECT {selected} FROM rows ORDER BY rowid"
            found = connection.execute(query) if present else None
            while found and (batch := found.fetchmany(_BATCH)):
                rowids, *table = zip(*batch, strict=True)
                self._rowids.extend(rowids)
                yield [column if _is_text(column) else [*map(_restored, column)] for column in table]

    def again(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield some of the rows that are in the tables, flat, by their numbers; those that are gone are left out."""
        return read_at(self._path, [self._rowids[number] for number in numbers])


def read_at(path: str, rowids: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a database at some rowids, flat; raise what `StoredRows` raises."""
    with _opened(path) as (connection, present):
        connection.execute("BEGIN")  # one transaction for all, because each takes a lock
        query = f"SELECT {_selected(present, present)} FROM rows WHERE rowid = ?"
        for rowid in rowids if present else ():
            for values in connection.execute(query, (rowid,)):
                yield _row(values, present)


def read_after(path: str, rowid: int) -> Generator[tuple[int, dict[str, Any]], None, None]:
    """Yield the rows of a database after a rowid, each with its rowid, flat; raise what `StoredRows` raises."""
    with _opened(path) as (connection, present):
        query = f"SELECT rowid, {_selected(present, present)} FROM rows WHERE rowid > ? ORDER BY rowid"
        for number, *values in connection.execute(query, (rowid,)) if present else ():
            yield number, _row(values, present)


def count_up_to(path: str, rowid: int) -> int:
    """Return how many rows of a database have at most this rowid; raise what `StoredRows` raises."""
    with _opened(path) as (connection, present):
        if not present:
            return 0
        # Every row is counted in an index, which is smaller than the table; those with a higher rowid are few.
        query = "SELECT (SELECT count(*) FROM rows) - (SELECT count(*) FROM rows WHERE rowid > ?)"
        ((number,),) = connection.execute(query, (rowid,))
    return int(number)


@contextmanager
def _opened(path: str) -> Iterator[tuple[sqlite3.Connection, list[str]]]:
    """Open a database, and yield the columns that it has, too."""
    with errors_of(path), closing(connected_to_read(path)) as connection:
        check(connection, path)
        yield connection, columns_in(connection)


def _selected(columns: Sequence[str], present: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' if name in present else "NULL" for name in columns)


def _row(values: Sequence[Any], columns: Sequence[str]) -> dict[str, Any]:
    row = dict(zip(columns, values))  # noqa: B905
    if bytes in map(type, values):
        row = {name: _restored(value) for name, value in row.items()}
    if row.get("certain") is not None:
        row["certain"] = bool(row["certain"])
    return row


def _whole(flat: dict[str, Any]) -> dict[str, Any]:
    row = unflatten(flat)
    if row["key"] is None:
        del row["key"]
    return row


def _is_text(column: Sequence[Any]) -> bool:
    try:
        "".join(column)  # looks at the types in a fraction of the time of `isinstance`
    except TypeError:
        return False
    return True


def _restored(value: Any) -> Any:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
