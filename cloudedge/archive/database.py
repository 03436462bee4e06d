"""The archive as a database: rows in SQLite, in one table that any tool for SQLite opens.

The table `rows` has the columns of the flat row, and `key`. The order of rowid is the order in which the rows came. A
photo and its key have one row; a failure gives way to the next row of its photo. It is in WAL mode, so that others can
read while rows are written, and each row is a transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any

from cloudedge.archive.ledger import Ledger, Signature, spellings, state_digest
from cloudedge.archive.locked_file import JournalError, is_at, open_locked
from cloudedge.archive.network import network_file_system
from cloudedge.archive.sqlite_table import VERSION, check, columns_in, connected, error_of, errors_of
from cloudedge.archive.stored_rows import StoredRows
from cloudedge.row import Row, flat_columns, flatten, is_number
from cloudedge.row_key import content_of

# `datetime` turns a time with an offset into UTC, and leaves one without as it is.
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS rows_by_time ON rows (datetime(captured_at))",
    "CREATE INDEX IF NOT EXISTS rows_failed ON rows (path) WHERE status = 'error'",
)
_BY_STATE = "SELECT 1 FROM rows WHERE path = ? AND key > ? AND key < ? AND status = 'ok'"
_BY_BYTES = "SELECT rowid FROM rows WHERE path = ? AND key > ? AND key < ? AND substr(key, 31) = ? AND status = 'ok'"
_BY_KEY = "SELECT 1 FROM rows WHERE path = ? AND key = ? AND status = 'ok'"
_MODELS = "SELECT model, count(*), count(key) FROM rows GROUP BY model"


class Database(Ledger):
    """A database of rows that grows row by row: a `Journal` that is asked, not read, for what is done.

    It is locked against other writers while it is open. Columns that it lacks are added. Raises BusyError for a file
    that another program is writing, JournalError for one that is something else or lies on a network share, OSError for
    one that cannot be written.
    """

    def __init__(
        self, path: str, top_k: int, settings: str, replay: Callable[[dict[str, Any]], object] | None = None
    ) -> None:
        """Open or create a file; each row that it already holds goes to `replay`."""
        super().__init__(settings)
        self.path = os.path.realpath(path)
        if share := network_file_system(self.path):
            problem = f"lies on a network share ({share}), where no database is safe; keep it on a disk of this machine"
            raise JournalError(f"{problem}, or choose a .jsonl or .csv file", self.path)
        self._stream = open_locked(self.path)
        try:
            with errors_of(self.path):
                self._connection = connected(self.path)
            try:
                with errors_of(self.path):
                    self._open(top_k)
                for row in StoredRows(self.path).rows() if replay else ():
                    replay(row)  # type: ignore[misc]
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._connection.close()
        self._stream.close()

    def has(self, path: str, state: Signature) -> bool:
        """Return whether a photo is done in this state; no photo is read."""
        start, end = _range(f"{self._mark}-{state_digest(state)}")
        if self._ask(_BY_STATE, _stored(path), start, end):  # as it is in nearly all cases
            return True
        others = [(_stored(spelling), self._earlier_key(spelling, state)) for spelling in spellings(path)]
        is_done = any(self._ask(_BY_STATE, name, start, end) or self._ask(_BY_KEY, name, key) for name, key in others)
        return is_done or (bool(self._done) and super().has(path, state))

    def holds(self, path: str, key: str) -> bool:
        """Return whether the photo with this key is done, in this state or in another one with the same bytes."""
        return (
            super().holds(path, key) or self._row_with_state(path, key) or self._row_with_bytes(path, key) is not None
        )

    def write(self, row: Row, key: str) -> bool:
        """Add a row, unless its photo is done, or its last row is the same failure; return whether it is new."""
        path: str = row["path"]
        if self.holds(path, key):
            return False
        self._require_place()
        row = {**row, "key": key}
        with self._transaction():
            names = [_stored(spelling) for spelling in spellings(path)]
            marks = ", ".join("?" * len(names))
            failed = f"status = 'error' AND path IN ({marks})"
            last = self._ask(f"SELECT error, model, key FROM rows WHERE {failed} ORDER BY rowid DESC", *names)
            is_news: bool = last != (row["error"], row["model"], key)
            if is_news:
                self._connection.execute(f"DELETE FROM rows WHERE {failed}", names)
                self._connection.execute(_insert(self._columns), _values(row, self._columns))
        if row["status"] == "error":  # this run has answered it
            super().write(row, key)
        return is_news

    def renew(self, path: str, key: str) -> None:
        """Write down that a photo that is done has another state now, with the same bytes."""
        found = None if self._row_with_state(path, key) else self._row_with_bytes(path, key)
        if found is not None:
            with self._transaction():
                self._connection.execute("UPDATE OR REPLACE rows SET key = ? WHERE rowid = ?", (key, found))

    def put_in_order(self) -> None:
        """Drop each failure that is not the last row of its photo: from files that were joined and converted."""
        later = "SELECT 1 FROM rows AS later WHERE later.path = rows.path AND later.rowid > rows.rowid"
        with self._transaction():
            self._connection.execute(f"DELETE FROM rows WHERE status = 'error' AND EXISTS ({later})")

    def _open(self, top_k: int) -> None:
        check(self._connection, self.path)
        ((mode,),) = self._connection.execute("PRAGMA journal_mode = WAL")
        if mode != "wal":
            raise JournalError("cannot be written row by row here; keep it on another disk", self.path)
        self._connection.execute("PRAGMA synchronous = NORMAL")  # a kill loses nothing, a power cut the last rows
        with self._transaction():
            _add_missing(self._connection, top_k)
            for index in _INDEXES:
                self._connection.execute(index)
        self._columns = columns_in(self._connection)
        for model, number, with_key in self._connection.execute(_MODELS):
            self.models[model] = number
            if with_key < number:
                raise JournalError("has rows without a key, which cannot be resumed; choose another file", self.path)

    def _row_with_state(self, path: str, key: str) -> bool:
        start, end = _range(key.rpartition("-")[0])
        return any(self._ask(_BY_STATE, _stored(spelling), start, end) for spelling in spellings(path))

    def _row_with_bytes(self, path: str, key: str) -> int | None:
        if (content := content_of(key)) is None:
            return None
        start, end = _range(key.partition("-")[0])
        found = (self._ask(_BY_BYTES, _stored(spelling), start, end, content) for spelling in spellings(path))
        return next((row[0] for row in found if row), None)

    def _ask(self, query: str, *values: object) -> Any:
        """Return the first row that a query finds, or None."""
        try:
            return self._connection.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise error_of(error, self.path) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_of(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield

    def _require_place(self) -> None:
        """Raise JournalError where the file was moved away: what is written now would go nowhere."""
        if not is_at(self._stream, self.path):
            with errors_of(self.path):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all its rows go with it
            raise JournalError("was moved or deleted while it was being written; run the command again", self.path)


def create_database(path: str, rows: Iterable[Row], top_k: int) -> int:
    """Fill an empty file with rows, and return how many it holds.

    Of two rows of the same photo and key it keeps the last. If it fails, the file is worth nothing.
    """
    with errors_of(path), closing(connected(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        _add_missing(connection, top_k)
        columns = columns_in(connection)
        connection.executemany(_insert(columns), (_values(row, columns) for row in rows))
        for index in _INDEXES:
            connection.execute(index)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
        ((number,),) = connection.execute("SELECT count(*) FROM rows")
    return int(number)


def _add_missing(connection: sqlite3.Connection, top_k: int) -> None:
    """Make the table, or add the columns that it lacks, of a newer version or of more genera."""
    present = columns_in(connection)
    declared = {name: f'"{name}" {_type(name)}' for name in [*flat_columns(top_k), "key"]}
    if not present:
        connection.execute(f"CREATE TABLE rows ({', '.join(declared.values())}, PRIMARY KEY (path, key))")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    for name in declared.keys() - set(present) if present else ():
        connection.execute(f"ALTER TABLE rows ADD COLUMN {declared[name]}")


def _type(column: str) -> str:
    if column == "certain":
        return "INTEGER"
    return "REAL" if is_number(column) else "TEXT"


def _insert(columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT OR REPLACE INTO rows ({names}) VALUES ({', '.join('?' * len(columns))})"


def _values(row: Row, columns: Sequence[str]) -> list[Any]:
    return [_stored(value) for value in flatten(row, columns)]


def _stored(value: Any) -> Any:
    """Return a value as the database takes it: text that is not Unicode, as of some paths, becomes bytes."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


def _range(prefix: str) -> tuple[str, str]:
    """Return what the keys that begin with these digests lie between."""
    return prefix + "-", prefix + "."  # the next character
