"""Many photos at once, in the order of their names or times, without the memory that a list would take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloudedge.errors import CloudEdgeError
from cloudedge.photo import capture_time
from cloudedge.photo.name_time import Neighbours

if TYPE_CHECKING:
    import sqlite3


class PhotoList:
    """The paths of many photos, kept on the disk; `len()` is their number."""

    def __init__(self, database: sqlite3.Connection, by_time: bool) -> None:
        self._database = database
        self._order = "time IS NULL, time, path" if by_time else "rowid"

    def __len__(self) -> int:
        (number,) = self._database.execute("SELECT count(*) FROM photos").fetchone()
        return int(number)

    def __iter__(self) -> Iterator[str]:
        for (path,) in self._database.execute(f"SELECT path FROM photos ORDER BY {self._order}"):
            yield os.fsdecode(path)


@contextmanager
def collected(photos: Iterable[str], by_time: bool = False) -> Iterator[PhotoList]:
    """Find all photos before the first one is used, to know their number or to sort them by time.

    Half a million paths do not fit well into the memory of a small device, so they go into a temporary SQLite file,
    which is gone at the end. By time, photos without a time come last. Raises CloudEdgeError where the file cannot be
    written.
    """
    import sqlite3

    neighbours = Neighbours()
    rows = ((os.fsencode(path), _instant(path, neighbours) if by_time else None) for path in photos)
    database = sqlite3.connect("")
    try:
        try:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("CREATE TABLE photos (path BLOB, time REAL)")
            database.executemany("INSERT INTO photos VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            problem = f"the list of photos does not fit on the disk for temporary files ({error})"
            raise CloudEdgeError(problem) from error
        yield PhotoList(database, by_time)
    finally:
        database.close()


def _instant(path: str, neighbours: Neighbours) -> float | None:
    time, _ = capture_time.place_in_time(path, neighbours)
    return capture_time.instant(time) if time else None
