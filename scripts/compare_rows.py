"""Compare two files of `cloudedge classify --format jsonl`: the same genera, probabilities within 0.02."""

from __future__ import annotations

import json
import sys
from pathlib import Path

TOLERANCE = 0.02


def main(here: str, there: str) -> None:
    """Print how far the rows are apart; exit with 1 where that is too far."""
    pairs = list(zip(*(map(json.loads, Path(path).read_text().splitlines()) for path in (here, there)), strict=True))
    widest = 0.0
    for one, other in pairs:
        if (one["path"], one["status"], one["genus"]) != (other["path"], other["status"], other["genus"]):
            sys.exit(f"{one['path']}: {one['genus']} here, {other['genus']} there")
        there_by_genus = {entry["genus"]: entry["probability"] for entry in other["top"]}
        apart = [abs(entry["probability"] - there_by_genus.get(entry["genus"], 2)) for entry in one["top"]]
        widest = max([widest, *apart])
    print(f"{len(pairs)} rows, the same genera, probabilities at most {widest:.4f} apart")
    if not pairs or widest > TOLERANCE:
        sys.exit(f"more than {TOLERANCE} apart")


if __name__ == "__main__":
    main(*sys.argv[1:])
