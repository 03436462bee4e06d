"""Go on with a journal, as `classify --resume` does where no photo has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudedge.archive.journal import Journal


def resume(path: Path, format_: Any, rows: list[dict[str, Any]]) -> bytes:
    """Write rows of one genus each to a journal and settle it; return what the file then holds."""
    with Journal(str(path), format_, 1, "settings") as journal:
        for row in rows:
            journal.write(row, journal.key(row["path"], (1, 1)))
        journal.put_in_order()
    return path.read_bytes()
