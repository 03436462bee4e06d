"""Results as files, each written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing

FILE_NAME = re.compile(r"\w[\w .-]*")
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


def check_file_name(name: str) -> None:
    """Raise ValueError for a name that could not be a file's anywhere, or would lie in another folder."""
    if not FILE_NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} is used as a file name; use letters, digits, - and .")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, line ends as they are."""
    with replacing(path) as partial:
        partial.write_bytes(text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write what `plain` makes of the content, indented."""
    write_text(path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(content: Any) -> Any:
    """Turn dataclasses, dicts and lists into plain JSON types; NaN, as of a share of no photo, is None."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a header."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file whose header has at least the `needed` columns; raises CloudEdgeError for any other file."""
    return [row for _, row in numbered_rows(path, needed)]


def numbered_rows(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read as `read_csv` does, each row with the number of the line on which it ends."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            _check_header(reader.fieldnames or (), needed, path)
            # The line_num of the DictReader itself leaves out the blank lines just before a row.
            return [(reader.reader.line_num, row) for row in reader]
    except UnicodeDecodeError as error:
        raise CloudEdgeError("is not UTF-8 text; save it as UTF-8", str(path)) from error
    except (OSError, csv.Error) as error:
        raise CloudEdgeError(f"cannot be read as a CSV file ({error})", str(path)) from error


def _check_header(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    missing = [name for name in needed if name not in header]
    if not missing:
        return
    for mark, name in OTHER_SEPARATORS.items():
        if any(mark in column for column in header):
            raise CloudEdgeError(f"has {name} between its columns; save it with commas", str(path))
    raise CloudEdgeError(f"has no column {missing[0]!r}; it needs {', '.join(needed)}", str(path))
