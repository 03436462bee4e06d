"""Results as files, each written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cloudedge.errors import CloudEdgeError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, line ends as they are."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(text.encode("utf-8"))
    partial.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write plain JSON types, indented."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a header."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file whose header has at least the `needed` columns; raises CloudEdgeError for any other."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise CloudEdgeError(f"has no column {missing[0]!r}; it needs {', '.join(needed)}", str(path))
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CloudEdgeError(f"cannot be read as a CSV file ({error})", str(path)) from error
