"""Remember which captures have been answered, in the output itself.

Each row in a journal ends with a `key`, which says what its answer was made of; see `row_key`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Literal

from cloudedge.archive.ledger import Ledger
from cloudedge.errors import BusyError, CloudEdgeError
from cloudedge.files import replacing_text
from cloudedge.row import SUN_COLUMNS, Row, flat_columns, flatten
from cloudedge.row_formats import csv_header, csv_line, json_line, parse, printable
from cloudedge.row_key import EARLIER_KEY, KEY, content_of, identity

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_KEYLESS = "has rows without a key, written without --resume; choose another file"
_KEY = re.compile(rf'"key": "({KEY.pattern}|{EARLIER_KEY.pattern})"}}\s*$'.encode())
_LONGEST = 1 << 20  # bytes of a last line


class JournalError(CloudEdgeError):
    """A file cannot serve as the journal."""


class Journal(Ledger):
    """A file of rows, JSON Lines or CSV, that is appended to, row by row.

    It is locked while it is open. A last line that was cut short (by a kill, a power cut or a full disk) is removed. A
    photo that failed is not done; its row stays as long as trying again gives the same one. Raises BusyError for a file
    that another cloudedge is writing, JournalError for one that is something else, OSError for one that cannot be
    written.
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
        self._last: dict[str, int] = {}  # photo that has ever failed -> hash of what its last row says
        self._superseded = False  # whether a failure is followed by another row of its photo
        self._renewed: dict[tuple[str, str], str] = {}  # photo and its bytes -> key with its new state
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

    def write(self, row: Row, key: str) -> bool:
        """Append a row, unless its photo is done, or its last row is the same failure; return whether it is new."""
        if self.holds(row["path"], key):
            return False
        row = {**row, "path": printable(row["path"]) if self._columns else row["path"], "key": key}
        is_news = self._last.get(identity(row["path"])) != _gist(row)
        if is_news:
            self._append(self._line(row).encode())
            self._count(row)
        super().write(row, key)  # failures too: this run has answered them
        return is_news

    def renew(self, path: str, key: str) -> None:
        """Take note that a photo that is done has another state now, with the same bytes."""
        content = content_of(key)
        if content is not None and not self._done.issuperset(self._entries(path, key)):
            self._renewed[identity(path), content] = key
            self._done.update(self._entries(path, key))

    def put_in_order(self) -> None:
        """Drop each failure that is not the last row of its photo, and write down the new states of photos."""
        if not (self._superseded or self._renewed):
            return
        last: dict[str, int] = {}
        for end, _, row in self._lines():
            if row and (photo := identity(row["path"])) in self._last:
                last[photo] = end
        with replacing_text(self.path) as stream:
            for end, line, row in self._lines():
                if row is None or row["status"] == "ok" or last[identity(row["path"])] == end:
                    stream.write((line if row is None else self._with_new_state(line, row)).decode())
            if fcntl is None:  # Windows cannot replace an open file
                self._stream.close()

    def _with_new_state(self, line: bytes, row: Row) -> bytes:
        key: str = row["key"]
        renewed: str = self._renewed.get((identity(row["path"]), content_of(key) or ""), key)
        if row["status"] != "ok" or renewed.partition("-")[0] != key.partition("-")[0]:  # of other settings
            return line
        before, _, after = line.rpartition(key.encode())
        return before + renewed.encode() + after

    def _load(self, replay: Callable[[dict[str, Any]], object]) -> None:
        end = number = 0
        for number, (end, _, row) in enumerate(self._lines(), start=1):  # noqa: B007
            if row is not None:
                self._count(row)
                replay(row)
        start = b"path,status," if self._columns else b'{"path": "'
        with open(self.path, "rb") as stream:
            if end == 0 and not start.startswith(stream.read(len(start))):
                raise JournalError("holds something other than rows; choose another file", self.path)
            stream.seek(end)
            row = self._whole(stream.read(_LONGEST), number + 1)
        if row is None:
            self._stream.truncate(end)
        else:
            self._append(b"\n")
            self._count(row)
            replay(row)
        if self._columns and end == 0:
            self._append(csv_line(self._columns).encode())

    def _whole(self, line: bytes, number: int) -> dict[str, Any] | None:
        """Return the row of a last line that lacks nothing but its end, or None."""
        try:
            return self._row(line, number) if line and not (self._columns and number == 1) else None
        except JournalError:
            if self._columns:  # its key is cut short
                return None
            raise
        except CloudEdgeError:
            return None

    def _lines(self) -> Iterator[tuple[int, bytes, dict[str, Any] | None]]:
        """Yield for each complete line where it ends, its bytes, and its row (None for the header of a CSV)."""
        end = 0
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                is_header = self._columns is not None and csv_header(line) == self._columns
                yield end, line, None if is_header else self._row(line, number)

    def _row(self, line: bytes, number: int) -> dict[str, Any]:
        if self._columns and number == 1:
            if csv_header(line) == self._columns[:-1]:
                raise JournalError(_KEYLESS, self.path)
            raise JournalError("has other columns (--top-k?) or is not a CSV file; choose another file", self.path)
        row = parse(line, self._columns, self.path, number)
        key = row.get("key")
        if not (isinstance(key, str) and (KEY.fullmatch(key) or EARLIER_KEY.fullmatch(key))):
            raise JournalError(_KEYLESS, self.path)
        return row

    def _line(self, row: Row) -> str:
        if self._columns is None:
            return json_line(row)
        return csv_line(flatten(row, self._columns))

    def _count(self, row: Row) -> None:
        self.models[row["model"]] = self.models.get(row["model"], 0) + 1
        is_ok, photo = row["status"] == "ok", identity(row["path"])
        has_failed = photo in self._last
        self._superseded |= has_failed
        if is_ok and EARLIER_KEY.fullmatch(row["key"]):
            self._done_earlier.add(int(row["key"], 16))
        elif is_ok:
            self._done.update(self._entries(row["path"], row["key"]))
        if has_failed or not is_ok:
            self._last[photo] = _gist(row)

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
    """Return the columns of a journal as CSV; one that was begun without some of today's keeps its own.

    There was no sun at first, and in version 1 no `time_source`.
    """
    columns = [*flat_columns(top_k), "key"]
    without_sun = [name for name in columns if name not in SUN_COLUMNS]
    of_version_1 = [name for name in without_sun if name != "time_source"]
    with open(path, "rb") as stream:
        header = csv_header(stream.readline(1 << 20))
    return header if header in (without_sun, of_version_1) else columns


def refuse_to_replace(path: str) -> None:
    """Raise JournalError where a journal would be lost if another file took its place, BusyError where it is in use."""
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


def _gist(row: Row) -> int:
    return hash((printable(row["error"] or ""), row["model"], row["key"]))  # as a CSV is read back


def _lock(stream: BinaryIO, path: str) -> None:
    """Lock a file while it is open; some network shares have no locks."""
    with suppress(OSError):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            problem = f"is being written by another cloudedge{_holder(stream)}; wait until that ends"
            raise BusyError(problem, path) from error


def _holder(stream: BinaryIO) -> str:
    """Return which process holds the lock of a file, where Linux tells; see proc_locks(5)."""
    with suppress(OSError, ValueError, IndexError), open("/proc/locks", encoding="ascii") as locks:
        inode = os.fstat(stream.fileno()).st_ino
        for words in map(str.split, locks):
            if words[1] == "FLOCK" and int(words[5].rpartition(":")[2]) == inode and int(words[4]) > 0:
                return f" (process {words[4]})"
    return ""


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
