"""What the section `archive` runs in a process of its own: `archive_script.py TASK FILE`."""

from __future__ import annotations

import json
import sys


def parse(path: str) -> None:
    """Read the lines with `json.loads` alone, as any program that reads them must."""
    with open(path, "rb") as stream:
        for line in stream:
            json.loads(line)


def keys(path: str) -> set[tuple[str, str]]:
    """Read which photos are done with the plainest loop."""
    with open(path, "rb") as stream:
        rows = map(json.loads, stream)
        return {(row["path"], row["key"]) for row in rows if row["status"] == "ok"}


def resume(path: str) -> None:
    """Open a file as --resume does, without a model."""
    from benchmarks.rows import SETTINGS, TOP_K

    if path.endswith(".db"):
        from cloudedge.archive.database import Database

        Database(path, TOP_K, SETTINGS)
    else:
        from cloudedge.archive.journal import Journal

        Journal(path, "jsonl", TOP_K, SETTINGS)


if __name__ == "__main__":
    {"parse": parse, "keys": keys, "resume": resume}[sys.argv[1]](sys.argv[2])
