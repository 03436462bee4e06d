"""Made-up rows of a camera, one a minute, always the same: `python -m benchmarks.rows FILE COUNT`."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloudedge.archive.ledger import Ledger
from cloudedge.genera import BASES, GENERA
from cloudedge.row_formats import json_line

SETTINGS = "made up"  # in place of the model and the options, of which the keys say a digest
TOP_K = 3
_START = datetime(2025, 1, 1)
_FAILURES = 1000  # of so many photos one cannot be read


def write_rows(path: Path, count: int) -> None:
    """Write so many made-up rows as JSON Lines, with the keys of --resume."""
    with path.open("w", encoding="ascii") as stream:
        stream.writelines(map(json_line, made_up_rows(count)))


def made_up_rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield rows as `classify --resume` writes them: skies that last for hours, nights, doubts and a few failures."""
    chance, ledger = random.Random(0), Ledger(SETTINGS)
    drift = [0.0] * len(GENERA)
    for number in range(count):
        time = _START + timedelta(minutes=number)
        path = f"webcam/{time:%Y-%m-%d}/{time:%H%M%S}.jpg"
        drift = [0.995 * value + 0.3 * chance.gauss(0, 1) for value in drift]
        is_failure = chance.randrange(_FAILURES) == 0
        about = _failed() if is_failure else _seen(drift, is_dark=not 6 <= time.hour < 20)
        yield {
            "path": path,
            "status": "error" if is_failure else "ok",
            "error": "is empty; copy or download it again" if is_failure else None,
            **about,
            "captured_at": time.isoformat(),
            "time_source": "name",
            "sun": None,
            "model": "resnet34 1.0.1",
            "key": ledger.key_of_bytes(path.encode(), number),
        }


def _failed() -> dict[str, Any]:
    names = ("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain")
    return {**dict.fromkeys(names), "top": []}


def _seen(logits: list[float], is_dark: bool) -> dict[str, Any]:
    weights = [math.exp(value) for value in logits]
    ranked = sorted(zip((weight / sum(weights) for weight in weights), GENERA, strict=True), key=lambda pair: -pair[0])
    probability, genus = ranked[0]
    reason = "dark" if is_dark else "low_confidence" if probability < 0.5 else None
    level = sum(share for share, other in ranked if other.level == genus.level)
    named = {
        "genus": genus.name,
        "abbreviation": genus.abbreviation,
        "probability": probability,
        "certain": reason is None,
        "reason": reason,
        "level": {"name": genus.level, "probability": level},
        "base": BASES[genus.level],
        "rain": genus.rain,
    }
    if is_dark:
        named.update(dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain")))
    return {**named, "top": [{"genus": other.name, "probability": share} for share, other in ranked[:TOP_K]]}


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]), int(sys.argv[2]))
