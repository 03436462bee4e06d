"""Remember which captures have been answered, in the output itself.

Each row in a journal ends with a `key`, which says what its answer was made of; see `row_key`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal

from cloudedge.archive.ledger import Ledger
from cloudedge.archive.locked_file import CAN_LOCK, JournalError, is_at, lock, open_locked
from cloudedge.errors import CloudEdgeError, printable
from cloudedge.files import replacing_text
from cloudedge.row import SUN_COLUMNS, Row, flat_columns, flatten
from cloudedge.row_formats import csv_header, csv_line, json_line, parse
from cloudedge.row_key import EARLIER_KEY, KEY, content_of, identity

SQLITE = b"SQLite format 3\0"  # how a database begins; see https://sqlite.org/fileformat.html
_KEYLESS = "has rows without a key, written without --resume; choose another file"
_KEY = re.compile(rf'"key": "({KEY.pattern}|{EARLIER_KEY.pattern})"}}\s*$'.encode())
_LONGEST = 1 << 20  # bytes of a last line
# What of a row it takes to resume. The pattern checks the whole line, in a third of the time that it takes to parse it;
# lines that it does not know are parsed.
_VALUE = r'(?:"[^"\\\x00-\x1f]*+"|null|true|false|-?[0-9][0-9.eE+-]*+)'
_OBJECT = rf'\{{"\w++": {_VALUE}(?:, "\w++": {_VALUE})*+\}}'
_GOOD_ROW = re.compile(
    r'\{"path": ("(?:[^"\\\x00-\x1f]++|\\.)*+"), "status": "ok", "error": null'
    rf'(?:, "(?!model"|path")\w++": (?:{_VALUE}|{_OBJECT}|\[{_OBJECT}(?:, {_OBJECT})*+\]))*+'
    rf', "model": "([^"\\\x00-\x1f]*+)", "key": "({KEY.pattern})"\}}\n'.encode()
)


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
        replay: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        """Open or create a file; each row that it already holds goes to `replay`."""
        super().__init__(settings)
        self.path = os.path.realpath(path)
        self._last: dict[str, int] = {}  # photo that has ever failed -> hash of what its last row says
        self._superseded = False  # whether a failure is followed by another row of its photo
        self._renewed: dict[tuple[str, str], str] = {}  # photo and its bytes -> key with its new state
        self._folder = "", os.sep  # the last one, and its name from the root on
        self._stream = open_locked(self.path)
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
        content, photo = content_of(key), identity(path)
        if content is not None and not self._done.issuperset(self._entries(photo, key)):
            self._renewed[photo, content] = key
            self._done.update(self._entries(photo, key))

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
            if not CAN_LOCK:  # Windows cannot replace an open file
                self._stream.close()

    def _with_new_state(self, line: bytes, row: Row) -> bytes:
        key: str = row["key"]
        renewed: str = self._renewed.get((identity(row["path"]), content_of(key) or ""), key)
        if row["status"] != "ok" or renewed.partition("-")[0] != key.partition("-")[0]:  # of other settings
            return line
        before, _, after = line.rpartition(key.encode())
        return before + renewed.encode() + after

    def _load(self, replay: Callable[[dict[str, Any]], object] | None = None) -> None:
        end = number = 0
        for number, (end, _, row) in enumerate(self._lines(whole_rows=replay is not None), start=1):  # noqa: B007
            if row is not None:
                self._count(row)
                if replay:
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
            if replay:
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

    def _lines(self, whole_rows: bool = False) -> Iterator[tuple[int, bytes, dict[str, Any] | None]]:
        """Yield for each complete line where it ends, its bytes, and its row (None for the header of a CSV).

        A row holds at least `path`, `status`, `error`, `model` and `key`.
        """
        end = 0
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                if self._columns and csv_header(line) == self._columns:
                    yield end, line, None
                else:
                    yield end, line, (None if whole_rows else _essence(line)) or self._row(line, number)

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
        is_ok, photo = row["status"] == "ok", self._identity(row["path"])
        has_failed = photo in self._last
        self._superseded |= has_failed
        if is_ok and "-" in row["key"]:
            self._done.update(self._entries(photo, row["key"]))
        elif is_ok:
            self._done_earlier.add(int(row["key"], 16))
        if has_failed or not is_ok:
            self._last[photo] = _gist(row)

    def _identity(self, path: str) -> str:
        """Return the `identity` of a path; that of its folder is kept, because the next one is likely to lie in it."""
        folder, separator, name = path.rpartition(os.sep)
        if not separator or name in ("", os.curdir, os.pardir):
            return identity(path)
        if folder != self._folder[0]:
            self._folder = folder, identity(f"{folder}{os.sep}-")[:-1]
        return self._folder[1] + printable(name)

    def _append(self, data: bytes) -> None:
        if not is_at(self._stream, self.path):  # it was moved away: start a new one
            self._stream.close()
            self._stream = open_locked(self.path)
            self._load()
        end = self._stream.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._stream.write(data) :]
        except OSError:
            with suppress(OSError):
                self._stream.truncate(end)
            raise


def _essence(line: bytes) -> dict[str, Any] | None:
    """Return what of a row it takes to resume, None for a line to be parsed."""
    match = _GOOD_ROW.fullmatch(line)
    if not match:
        return None
    quoted, model, key = (piece.decode() for piece in match.groups())
    path = json.loads(quoted) if "\\" in quoted else quoted[1:-1]
    return {"path": path, "status": "ok", "error": None, "model": model, "key": key}


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
        lock(stream, path)  # released at once
        line = stream.readline(1 << 20)
        if line.startswith(SQLITE):
            raise JournalError("is a database, whose rows would be lost; choose another file", path)
        columns = csv_header(line)
        if columns[-1:] == ["key"] if columns else _KEY.search(line):
            problem = "holds rows of --resume or watch, which would be lost; add --resume, or choose another file"
            raise JournalError(problem, path)


def _gist(row: Row) -> int:
    return hash((printable(row["error"] or ""), row["model"], row["key"]))  # as a CSV is read back
