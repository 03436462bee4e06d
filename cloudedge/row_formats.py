"""Rows as JSON, JSON Lines and CSV, written and read back.

Each writer is a generator: rows go in, pieces of text come out, a row's piece as soon as the row is there.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, TypeVar

from cloudedge.errors import CloudEdgeError, printable
from cloudedge.genera import BASES, GENERA
from cloudedge.row import NAMELESS, SUN_COLUMNS, Row, flat_columns, flatten, guesses_of, is_number

T = TypeVar("T")
_GENERA = {genus.name for genus in GENERA}
LONGEST = 1 << 20  # bytes of a line; a device may never end one
_OF_NO_ROW = (b"", b"[", b"]", b"[]")
_TEXT_OR_NULL = {str, type(None)}
_JSON = json.JSONDecoder()  # `json.loads` asks first what it was given
_OF_A_GENUS = ("genus", "abbreviation", "probability", "level", "level_name", "level_probability", "base", "rain")


def to_json(rows: Iterable[Row]) -> Iterator[str]:
    """Write one JSON array, a row on each line; ASCII, so that file names of any bytes survive."""
    before = "[\n"
    for row in rows:
        yield before + _json(row)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def to_jsonl(rows: Iterable[Row]) -> Iterator[str]:
    """Write each row as a JSON object on a line of its own."""
    for row in rows:
        yield json_line(row)


def json_line(row: Row) -> str:
    """Write a row as a JSON object, ASCII alone, and end the line."""
    return _json(row) + "\n"


def to_csv(rows: Iterable[Row], top_k: int) -> Iterator[str]:
    """Write a header and a line per row; `level` and the `top_k` best genera are flattened into columns."""
    columns = flat_columns(top_k)
    yield csv_line(columns)
    for row in rows:
        yield csv_line(flatten(row, columns))


def csv_line(cells: Iterable[Any]) -> str:
    """Write the cells of one line, and end it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(_csv_cell, cells))
    return line.getvalue()


def read_rows(path: str, on_cut: Callable[[int], object] = lambda number: None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as `rows_in` does; raise OSError for a file that cannot be read."""
    with open(path, "rb") as stream:
        yield from rows_in(stream, path, on_cut)


def rows_in(stream: BinaryIO, path: str, on_cut: Callable[[int], object]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an open file, whose format is detected, as rows of version 2; a row of CSV stays flat.

    JSON may be Lines, or the array that `classify` writes, a row on each line. A last line that is cut short, or is
    still being written, is left out, and its number goes to `on_cut`. Empty lines are left out. Outputs of CSV may
    have been joined, each with its header. Raises CloudEdgeError for a line that is not a row; `path` names the file in
    it.
    """
    return (row for row, _, _ in placed_rows(stream, path, on_cut, parse))


def placed_rows(
    stream: BinaryIO,
    path: str,
    on_cut: Callable[[int], object],
    parse: Callable[[bytes, Sequence[str] | None, str, int], T],
) -> Iterator[tuple[T, int, Sequence[str] | None]]:
    """Yield the rows as `rows_in` does, each with where its line begins, and the columns that a CSV has there.

    Another function may take the place of `parse`.
    """
    columns: list[str] | None = None
    end = 0
    for number, line in enumerate(iter(partial(stream.readline, LONGEST), b""), start=1):
        start, end = end, end + len(line)
        is_object = line.startswith(b"{")
        header = None if is_object else csv_header(line)
        if header and (columns or number == 1):
            columns = header
        elif is_object or line.strip() not in _OF_NO_ROW:
            try:
                row = parse(line if columns else line.rstrip(b",\r\n"), columns, path, number)
            except CloudEdgeError:
                if line.endswith(b"\n") or len(line) >= LONGEST:
                    raise
                on_cut(number)
            else:
                yield row, start, columns


def csv_header(line: bytes) -> list[str] | None:
    """Return the columns that a line names if it is the header of a CSV of rows."""
    if not line.removeprefix(b"\xef\xbb\xbf").startswith(b"path,status,"):
        return None
    return line.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")


def parse(line: bytes, columns: Sequence[str] | None, path: str, number: int) -> dict[str, Any]:
    """Return the row on a line, JSON or CSV with these columns; raise CloudEdgeError if it is not a row.

    A row of version 1 becomes one of version 2.
    """
    try:
        row = _from_json(line.decode()) if columns is None else _from_csv(line.decode(), columns)
        if _is_row(row):
            return _upgraded(row)
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError):
        pass
    raise CloudEdgeError(f"line {number} is not a cloudedge row; use a file that `classify` or `watch` wrote", path)


def _json(row: Row) -> str:
    return json.dumps(row, allow_nan=False)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool) else printable(str(value))


def _is_row(row: dict[str, Any]) -> bool:
    texts = row["error"], row["reason"], row["captured_at"], row.get("genus"), row.get("time_source")
    if not _TEXT_OR_NULL.issuperset(map(type, texts)):
        return False
    if not (isinstance(row["path"], str) and isinstance(row["model"], str)):
        return False
    for genus, probability in guesses_of(row):
        if not (genus in _GENERA and 0 <= probability <= 1):
            return False
    if (sun := row.get("sun")) is not None and not (-90 <= sun["elevation"] <= 90 and isinstance(sun["phase"], str)):
        return False
    if row["status"] == "error":
        return row.get("probability") is None
    is_named = row["genus"] in _GENERA and 0 <= row["probability"] <= 1
    is_nameless = row["genus"] is row["probability"] is None and row["reason"] in NAMELESS
    return row["status"] == "ok" and "certain" in row and (is_named or is_nameless)


def _upgraded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of version 1, flat or not, as one of version 2, and one of version 2 as it is.

    Version 1 had no `time_source`. It named a genus, and what follows from it, where none can be named; and its `base`
    was that of the genus, which may be of another level than the row. The first rows of version 2 had no `sun`.
    """
    if "sun" not in row and "sun_phase" not in row:
        row = {**row, "sun": None}
    if "time_source" in row:
        return row
    row = {"time_source": None, **row}
    if row["status"] == "ok" and row["reason"] in NAMELESS:
        return {**row, **{name: None for name in _OF_A_GENUS if name in row}}
    level = row.get("level_name") or (row.get("level") or {}).get("name")
    return {**row, "base": BASES[level]} if level else row


def _from_json(line: str) -> Any:
    text = line.strip("\ufeff \t\r\n")
    row, end = _JSON.raw_decode(text)
    if end != len(text):
        raise ValueError("more text follows on the line")
    return row


def _from_csv(line: str, columns: Sequence[str]) -> dict[str, Any]:
    cells = next(csv.reader([line], strict=True))
    row: dict[str, Any] = {name: cell or None for name, cell in zip(columns, cells, strict=True)}
    row["path"] = row["path"] or ""  # no file has it, but it was asked for
    for name in filter(is_number, columns):
        row[name] = float(row[name]) if row[name] else None
    for name in SUN_COLUMNS:
        row.setdefault(name, None)
    row["certain"] = json.loads(row["certain"].lower()) if row.get("certain") else None  # spreadsheets write TRUE
    return row
