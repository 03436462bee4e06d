"""Write rows (`Classification.to_dict()`) as text, JSON, JSON Lines or CSV.

Each format is a generator: rows go in, pieces of text come out, a row's piece as soon as there is the row.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

from cloudedge.folder import TEMPORARY_PREFIX

if TYPE_CHECKING:  # it loads numpy
    from cloudedge.classifier import Classification

Row = Mapping[str, Any]

REASONS = {
    "low_confidence": "no genus stands out",
    "unfamiliar": "the photo is unlike the skies that the model knows",
    "dark": "the photo is too dark",
    "clear": "the sky looks clear",
}
NAMELESS = ("unfamiliar", "dark", "clear")  # the reasons for which a photo shows nothing that has a cloud's name

_BAR_WIDTH = 24
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Escape line ends, other control characters and undecodable bytes, so that a file's name stays on its line."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def row_of(result: Classification) -> dict[str, Any]:
    """Turn a result into a row; the path of a photo without one is -, as for standard input."""
    row = result.to_dict()
    return row if row["path"] is not None else {**row, "path": "-"}


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
    columns = csv_columns(top_k)
    yield csv_line(columns)
    for row in rows:
        yield csv_line(csv_cells(row, columns))


def csv_cells(row: Row, columns: Iterable[str]) -> Iterator[str]:
    """Flatten a row into the cells of its line."""
    level = row["level"] or {}
    cells = {**row, "level_name": level.get("name"), "level_probability": level.get("probability")}
    for rank, entry in enumerate(row["top"], start=1):
        cells[f"top{rank}_genus"], cells[f"top{rank}_probability"] = entry["genus"], entry["probability"]
    return (_csv_cell(cells.get(column)) for column in columns)


def csv_line(cells: Iterable[str]) -> str:
    """Write the cells of one line, and end it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def csv_columns(top_k: int) -> list[str]:
    """Return the names of the CSV columns: the keys of a row in their order, `level` and `top` flattened."""
    columns = ["path", "status", "error", "genus", "abbreviation", "probability", "certain", "reason"]
    columns += ["level_name", "level_probability", "base", "rain"]
    for rank in range(1, top_k + 1):
        columns += [f"top{rank}_genus", f"top{rank}_probability"]
    return [*columns, "captured_at", "model"]


def to_text(rows: Iterable[Row]) -> Iterator[str]:
    """Write one plain line per row, for pipes and logs."""
    for row in rows:
        yield f"{printable(row['path'])}: {_summary(row)}\n"


def to_terminal(rows: Iterable[Row]) -> Iterator[str]:
    """Write a short paragraph per row with colours and a bar, for people."""
    for row in rows:
        lines = [click.style(printable(row["path"]), bold=True)]
        if row["status"] == "error":
            lines.append(click.style(_summary(row), fg="red"))
        else:
            lines += _paragraph(row)
        yield "\n  ".join(lines) + "\n"


def percent(probability: float) -> str:
    """Write a probability for people to read: what a photo shows is never 0 or 100 % sure."""
    if probability < 0.005:
        return "<1%"
    return ">99%" if probability >= 0.995 else f"{probability:.0%}"


@contextmanager
def replacing(path: str) -> Iterator[TextIO]:
    """Open a text file (UTF-8) that takes the place of `path` only when the block has ended without an exception.

    Until then it is a hidden file beside `path`, and after an exception it is gone. What cannot be replaced, such as a
    device or a named pipe, is written directly. Raises OSError where the file cannot be made.
    """
    target = os.path.realpath(path)  # a link stays a link
    if os.path.exists(path) and not os.path.isfile(path):  # not `target`: /dev/fd/63 leads to no path
        with open(path, "w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    temporary = os.path.join(os.path.dirname(target), f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="") as stream:
            if os.path.exists(target):
                import shutil  # takes a while to load

                shutil.copymode(target, temporary)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut soon after could leave the new name on an empty file
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _json(row: Row) -> str:
    return json.dumps(row, allow_nan=False)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool) else printable(str(value))


def _summary(row: Row) -> str:
    if row["status"] == "error":
        return f"error: {printable(row['error'])}"
    guess = f"{row['genus']} {percent(row['probability'])}"
    if row["reason"] in NAMELESS:  # neither base nor rain of a cloud that is hardly there
        return f"{_doubt(row)}; best guess {guess}"
    text = f"{guess}, {', '.join(_setting(row))}"
    return text if row["certain"] else f"{text}; {_doubt(row)}"


def _paragraph(row: Row) -> Iterator[str]:
    filled = round(row["probability"] * _BAR_WIDTH)
    bar = click.style("█" * filled, fg="cyan") + click.style("░" * (_BAR_WIDTH - filled), dim=True)
    genus = click.style(f"{row['genus']} ({row['abbreviation']})", fg="cyan", bold=True)
    is_nameless = row["reason"] in NAMELESS
    if is_nameless:
        yield click.style(f"{_doubt(row)}; the best guess:", fg="yellow")
    yield f"{genus}  {bar}  {percent(row['probability'])}"
    if not is_nameless:
        yield " · ".join(_setting(row))
    if others := row["top"][1:]:
        yield "or " + ", ".join(f"{entry['genus']} {percent(entry['probability'])}" for entry in others)
    if row["captured_at"]:
        yield f"taken {row['captured_at'].replace('T', ' ')}"
    if not row["certain"] and not is_nameless:
        yield click.style(_doubt(row), fg="yellow")


def _setting(row: Row) -> list[str]:
    level, rain = row["level"], row["rain"]
    return [
        f"{level['name']} level {percent(level['probability'])}",
        f"base {row['base']}",
        rain[:1].lower() + rain[1:],
    ]


def _doubt(row: Row) -> str:
    return f"not certain: {REASONS.get(row['reason'], row['reason'])}"
