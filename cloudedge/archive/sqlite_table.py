"""The table `rows` of a database in SQLite: how it is opened, checked, and what goes wrong with it.

The columns of the table are those of the flat row, and `key`. The order of rowid is the order in which the rows came.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudedge.archive.locked_file import JournalError
from cloudedge.errors import BusyError, brief, printable
from cloudedge.row import flat_columns

VERSION = 1  # of the table
_OURS = {"path", "status", "error", "genus", "reason", "captured_at", "model", "key"}
_PATIENCE = 10.0  # seconds to wait for another program that is writing


def connected(path: str) -> sqlite3.Connection:
    """Open a database to write it, or create it."""
    return sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)


def connected_to_read(path: str) -> sqlite3.Connection:
    """Open a database to read it, also from a folder that cannot be written."""
    address = Path(os.path.abspath(path)).as_uri()
    connection = sqlite3.connect(f"{address}?mode=rw", timeout=_PATIENCE, isolation_level=None, uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        log = f"{path}-wal"
        if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or _size(log):
            raise
        return sqlite3.connect(f"{address}?immutable=1", isolation_level=None, uri=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def check(connection: sqlite3.Connection, path: str) -> None:
    """Raise JournalError for a database that is not ours; nothing is changed."""
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    ((version,),) = connection.execute("PRAGMA user_version")
    if tables and not _OURS.issubset(columns_in(connection)):
        raise JournalError("is a database of another program; choose another file", path)
    if version > VERSION:
        raise JournalError("was written by a newer cloudedge; update cloudedge, or choose another file", path)


def columns_in(connection: sqlite3.Connection) -> list[str]:
    """Return the columns of the table that are ours, in the order of the row."""
    present = {name for _, name, *_ in connection.execute("PRAGMA table_info(rows)")}
    return [name for name in [*flat_columns(_width(present)), "key"] if name in present]


def _width(columns: Iterable[str]) -> int:
    return max([int(name[3:-6]) for name in columns if name.startswith("top") and name.endswith("_genus")], default=1)


@contextmanager
def errors_of(path: str) -> Iterator[None]:
    """Raise what goes wrong in the database as the other journals do."""
    try:
        yield
    except sqlite3.Error as error:
        raise error_of(error, path) from error


def _code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # without the details


def error_of(error: sqlite3.Error, path: str) -> Exception:
    """Return the error of the other journals for one of SQLite; see https://sqlite.org/rescode.html."""
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        case sqlite3.SQLITE_IOERR:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
            number = errno.ENOSPC if is_full else errno.EIO
            return OSError(number, os.strerror(number), path)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return OSError(errno.EACCES, "a database needs a folder that can be written, too", path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BusyError("is locked by another program; wait until that ends", path)
        case sqlite3.SQLITE_NOTADB:
            return JournalError("is not a database; choose another file", path)
        case sqlite3.SQLITE_CORRUPT:
            return JournalError("is damaged; save its rows with `sqlite3 FILE .recover`, or choose another file", path)
    return JournalError(f"cannot be used ({printable(brief(error))}); choose another file", path)
