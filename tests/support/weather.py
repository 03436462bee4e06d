"""Make up the rows of a camera: weather that lasts, doubts, nights, and here and there a stray capture."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cloudedge.genera import by_name
from cloudedge.row import NAMELESS

_DAYS = {
    "fair": ["Cirrus", "Cirrus", "Cumulus", "Cumulus", "Cumulus", "Altocumulus"],
    "grey": ["Stratus", "Stratocumulus", "Stratocumulus", "Stratocumulus", "Stratus", "Stratus"],
    "front": ["Cirrostratus", "Altostratus", "Altostratus", "Nimbostratus", "Nimbostratus", "Nimbostratus"],
    "storm": ["Altocumulus", "Cumulus", "Cumulus", "Cumulonimbus", "Cumulonimbus", "Stratocumulus"],
    "veil": ["Cirrocumulus", "Cirrus", "Cirrostratus", "Altocumulus", "Altocumulus", "Cirrus"],
}


def weather(
    days: float,
    minutes: float,
    path: str = "webcam/{:%Y-%m-%d/%H%M%S}.jpg",
    seed: int = 6,
    start: datetime = datetime(2024, 6, 1),
) -> Iterator[dict[str, Any]]:
    """Yield a row each so many minutes; `path` is formatted with the time."""
    chance = random.Random(seed)
    until, kind, genus, mood = start, _DAYS["fair"], "Cirrus", "sure"
    for number in range(round(days * 1440 / minutes)):
        time = start + timedelta(minutes=number * minutes)
        hour = time.hour + time.minute / 60
        if time.hour == time.minute == 0:
            kind = _DAYS[chance.choices([*_DAYS], [5, 3, 2, 1.5, 2])[0]]
        if time >= until:
            genus = kind[max(0, min(5, int((hour - 5) / 16 * 6 + chance.uniform(-0.7, 0.7))))]
            mood = chance.choices(["sure", "unsure", "clear", "unfamiliar"], [7, 2, 0.4, 0.15])[0]
            until = time + timedelta(hours=chance.expovariate(0.6))
        probability = chance.betavariate(4, 4) if mood == "unsure" else chance.betavariate(6, 1.6)
        seen = genus if chance.random() > 0.03 else "Altostratus"
        elevation = _elevation(time)
        reason = "dark" if elevation < -4 else mood if mood in NAMELESS else None
        if reason is None and probability < 0.55:
            reason = "low_confidence"
        yield _row(path.format(time), time, seen, min(0.99, max(0.2, probability)), reason, elevation)


def _row(
    path: str, time: datetime, genus: str, probability: float, reason: str | None, elevation: float
) -> dict[str, Any]:
    found = by_name(genus)
    named = {"genus": genus, "abbreviation": found.abbreviation, "probability": probability}
    about = {"level": {"name": found.level, "probability": probability}, "base": found.base, "rain": found.rain}
    if reason in NAMELESS:
        named, about = dict.fromkeys(named), dict.fromkeys(about)
    phase = "day" if elevation > -0.8 else "civil" if elevation > -6 else "nautical" if elevation > -12 else "night"
    return {
        "path": path, "status": "ok", "error": None, **named, "certain": reason is None, "reason": reason, **about,
        "top": [{"genus": genus, "probability": probability}], "captured_at": time.isoformat(), "time_source": "name",
        "model": "made up", "sun": {"elevation": elevation, "azimuth": 0.0, "phase": phase},
    }  # fmt: skip


def _elevation(time: datetime) -> float:
    """Return about how high the sun stands at 48 degrees north, in degrees."""
    declination = math.radians(-23.4 * math.cos(2 * math.pi * (time.timetuple().tm_yday + 10) / 365))
    angle, latitude = math.radians(15 * (time.hour + time.minute / 60 - 12)), math.radians(48)
    height = math.sin(latitude) * math.sin(declination)
    return math.degrees(math.asin(height + math.cos(latitude) * math.cos(declination) * math.cos(angle)))
