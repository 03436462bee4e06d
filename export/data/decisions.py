"""What the label cleaning decided about single photos: one small CSV file, never the photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from cloudedge.errors import CloudEdgeError
from cloudedge.genera import GENERA
from export.files import numbered_rows, write_csv

PATH = Path(__file__).parents[1] / "corrections" / "decisions.csv"
HEADER = ("file", "sha256", "decision")
KEEP, DROP, UNDECIDED = "keep", "drop", ""
CHOICES = (KEEP, DROP, *(genus.name for genus in GENERA))

# By file name and checksum: the same name may be another photo in another data set.
Key: TypeAlias = tuple[str, str]


def read_decisions(path: Path) -> dict[Key, str]:
    """Read decisions: `keep`, `drop`, a genus, or "" for one that was taken back; {} if there is no file.

    Raises CloudEdgeError for any other file.
    """
    if not path.exists():
        return {}
    found: dict[Key, str] = {}
    for number, row in numbered_rows(path, HEADER):
        if row["decision"] not in (*CHOICES, UNDECIDED):
            problem = f"line {number}: {row['decision']!r} is not keep, drop or a genus"
            raise CloudEdgeError(problem, str(path))
        found[row["file"], row["sha256"]] = row["decision"]
    return found


def merge(news: Mapping[Key, str], path: Path) -> int:
    """Put new decisions into the file at `path`, each replacing the older one; return how many it then holds.

    A decision that was taken back leaves the file.
    """
    merged = {key: choice for key, choice in {**read_decisions(path), **news}.items() if choice != UNDECIDED}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(path, HEADER, [(*key, choice) for key, choice in sorted(merged.items())])
    return len(merged)
