"""Rows of made-up skies, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from cloudedge.genera import BASES, by_name
from cloudedge.row import NAMELESS


def rows_of(
    skies: Iterable[str],
    start: str = "2024-06-01T00:00:00+00:00",
    minutes: float = 60,
    folder: str = "",
    probability: float = 0.8,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each sky: a genus, clear, dark, unfamiliar, or error; all genera with one probability."""
    moment = datetime.fromisoformat(start)
    for number, sky in enumerate(skies):
        yield row(sky, moment + timedelta(minutes=minutes * number), f"{folder}{number}.jpg", probability)


def row(sky: str, moment: datetime | None, path: str = "a.jpg", probability: float = 0.8) -> dict[str, Any]:
    """Return the row of a capture; without a cloud's name its guess is Cumulus."""
    is_error, is_nameless = sky == "error", sky in NAMELESS
    genus = None if is_error or is_nameless else by_name(sky)
    guess = genus.name if genus else "Cumulus"
    certain = genus is not None and probability >= 0.5
    return {
        "path": path,
        "status": "error" if is_error else "ok",
        "error": "is empty" if is_error else None,
        "genus": genus and genus.name,
        "abbreviation": genus and genus.abbreviation,
        "probability": probability if genus else None,
        "certain": None if is_error else certain,
        "reason": None if is_error or certain else sky if is_nameless else "low_confidence",
        "level": {"name": genus.level, "probability": probability} if genus else None,
        "base": BASES[genus.level] if genus else None,
        "rain": genus and genus.rain,
        "top": [] if is_error else [{"genus": guess, "probability": probability}],
        "captured_at": moment and moment.isoformat(),
        "time_source": moment and "name",
        "sun": None,
        "model": "tiny 1.0.0",
    }
