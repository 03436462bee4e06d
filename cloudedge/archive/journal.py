"""Remember which captures have been answered, in the output itself.

Each row in a journal ends with a `key`, a digest of everything that decides its answer: the photo's path, size and
modification time, the model's file, and the options that change an answer. A photo whose key is in the journal is done.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Literal, TypeAlias

from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing_text
from cloudedge.row import Row, flat_columns, flatten
from cloudedge.row_formats import csv_header, csv_line, json_line, parse, printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_KEYLESS = "has rows without a key, written without --resume; choose another file"
_KEY = re.compile(rb'"key": "[0-9a-f]{16}"}\s*$')

Signature: TypeAlias = tuple[int, int] | None  # size in bytes and modification time in ns; None if there is no file


class JournalError(CloudEdgeError):
    """A file cannot serve as the journal."""


def signature(path: str) -> Signature:
    """Return what distinguishes one state of a file from another."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


class Ledger:
    """The captures that have been answered, in memory: 8 bytes of digest each.

    `settings` is any text that stands for the model and the options.
    """

    def __init__(self, settings: str) -> None:
        self._settings = settings
        self._done: set[int] = set()

    def key(self, path: str, state: Signature) -> str:
        """Return the key of a photo in this state."""
        parts = (os.fsencode(path), repr(state).encode(), self._settings.encode())
        import hashlib  # takes a while to load

        return hashlib.blake2b(b"\0".join(parts), digest_size=8).hexdigest()

    def holds(self, key: str) -> bool:
        """Return whether the photo with this key is done."""
        return int(key, 16) in self._done

    def write(self, row: Row, key: str) -> None:
        """Mark the photo of a row as done."""
        self._done.add(int(key, 16))


class Journal(Ledger):
    """A file of rows, JSON Lines or CSV, that is appended to, row by row.

    It is locked while it is open. A last line that was cut short (by a kill, a power cut or a full disk) is cut
    off. A photo that failed is not done; its row counts as long as trying again gives the same one. Raises
    JournalError for a file that is something else or is in use, OSError for one that cannot be written.
    """

    def __init__(
        self,
        path: str,
        format_: Literal["jsonl", "csv"],
        top_k: int,
        settings: str,
        replay: Callable[[dict[str, Any]], object] = lambda row: None,
    ) -> None:
        """Open or create a file; each row that it already holds goes to `replay`."""
        super().__init__(settings)
        self.path = os.path.realpath(path)
        self.models: dict[str, int] = {}  # name -> number of rows
        self._last: dict[str, int] = {}  # path of a photo that has ever failed -> hash of its last line
        self._superseded = False  # whether a failure is followed by another row of its path
        self._stream = _open_locked(self.path)
        try:
            self._columns = _columns_of(self.path, top_k) if format_ == "csv" else None
            self._load(replay)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._stream.close()

    def write(self, row: Row, key: str) -> None:
        """Append a row, unless its photo is done, or its path's last row is the same failure."""
        if self.holds(key):
            return
        path = printable(row["path"]) if self._columns else row["path"]  # as it will be read back
        row = {**row, "path": path, "key": key}
        line = self._line(row).encode()
        if self._last.get(path) != hash(line):
            self._append(line)
            self._count(row, line)
        super().write(row, key)  # failures too: this run has answered them

    def drop_superseded(self) -> None:
        """Drop the row of each failure that is not the last row of its path."""
        if not self._superseded:
            return
        last: dict[str, int] = {}
        for end, _, row in self._lines():
            if row and row["path"] in self._last:
                last[row["path"]] = end
        with replacing_text(self.path) as stream:
            for end, line, row in self._lines():
                if row is None or row["status"] == "ok" or last[row["path"]] == end:
                    stream.write(line.decode())
            if fcntl is None:  # Windows cannot replace an open file
                self._stream.close()

    def _load(self, replay: Callable[[dict[str, Any]], object]) -> None:
        end = 0
        for line_end, line, row in self._lines():
            end = line_end
            if row is not None:
                self._count(row, line)
                replay(row)
        start = b"path,status," if self._columns else b'{"path": "'
        with open(self.path, "rb") as stream:
            if end == 0 and not start.startswith(stream.read(len(start))):
                raise JournalError("holds something other than rows; choose another file", self.path)
        self._stream.truncate(end)
        if self._columns and end == 0:
            self._append(csv_line(self._columns).encode())

    def _lines(self) -> Iterator[tuple[int, bytes, dict[str, Any] | None]]:
        """Yield for each complete line where it ends, its bytes, and its row (None for the header of a CSV)."""
        end = 0
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                row = None
                if not self._columns or csv_header(line) != self._columns:
                    if self._columns and number == 1:
                        if csv_header(line) == self._columns[:-1]:
                            raise JournalError(_KEYLESS, self.path)
                        raise JournalError(
                            "has other columns (--top-k?) or is not a CSV file; choose another file", self.path
                        )
                    row = parse(line, self._columns, self.path, number)
                    key = row.get("key")
                    if not (isinstance(key, str) and re.fullmatch("[0-9a-f]{16}", key)):
                        raise JournalError(_KEYLESS, self.path)
                yield end, line, row

    def _line(self, row: Row) -> str:
        if self._columns is None:
            return json_line(row)
        return csv_line(flatten(row, self._columns))

    def _count(self, row: Row, line: bytes) -> None:
        self.models[row["model"]] = self.models.get(row["model"], 0) + 1
        is_ok, has_failed = row["status"] == "ok", row["path"] in self._last
        self._superseded |= has_failed
        if is_ok:
            self._done.add(int(row["key"], 16))
        if has_failed or not is_ok:
            self._last[row["path"]] = hash(line)

    def _append(self, data: bytes) -> None:
        if not _is_at(self._stream, self.path):  # it was moved away: start a new one
            self._stream.close()
            self._stream = _open_locked(self.path)
            self._load(lambda row: None)
        end = self._stream.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._stream.write(data) :]
        except OSError:
            with suppress(OSError):
                self._stream.truncate(end)
            raise


def _columns_of(path: str, top_k: int) -> list[str]:
    """Return the columns of a journal as CSV; one that version 1 began keeps its columns, without `time_source`."""
    columns = [*flat_columns(top_k), "key"]
    of_version_1 = [name for name in columns if name != "time_source"]
    with open(path, "rb") as stream:
        return of_version_1 if csv_header(stream.readline(1 << 20)) == of_version_1 else columns


def refuse_to_replace(path: str) -> None:
    """Raise JournalError where a journal would be lost if another file took its place."""
    if not os.path.isfile(path):
        return
    with suppress(OSError), open(path, "rb") as stream:
        if fcntl is not None:
            _lock(stream, path)  # released at once
        line = stream.readline(1 << 20)
        columns = csv_header(line)
        if columns[-1:] == ["key"] if columns else _KEY.search(line):
            problem = "holds rows of --resume or watch, which would be lost; add --resume, or choose another file"
            raise JournalError(problem, path)


def _lock(stream: BinaryIO, path: str) -> None:
    """Lock a file while it is open; some network shares have no locks."""
    with suppress(OSError):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError("is being written by another cloudedge; wait until that ends", path) from error


def _is_at(stream: BinaryIO, path: str) -> bool:
    """Return whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _open_locked(path: str) -> BinaryIO:
    while True:
        if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for its reader
            raise JournalError("is not an ordinary file; choose another", path)
        stream = open(path, "ab", buffering=0)  # noqa: SIM115
        try:
            if fcntl is None:
                return stream
            _lock(stream, path)
            if _is_at(stream, path):  # and was not replaced just before
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()
