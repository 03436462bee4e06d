"""Print the rows of a made-up day of a webcam, for trying out what reads rows: python examples/day.py > day.jsonl"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from cloudedge.genera import BASES, GENERA, by_name
from cloudedge.row import NAMELESS, Classification, GenusProbability, LevelProbability, Reason
from cloudedge.row_formats import json_line

DAY = datetime.fromisoformat("2024-06-01T00:00:00+02:00")
SKIES = {  # from this hour on
    0: "dark",
    4.5: "Stratus",
    8: "Stratocumulus",
    10.2: "Cumulus",
    14.5: "Cumulonimbus",
    16: "Altocumulus",
    18.4: "clear",
    21.75: "dark",
}


def row(time: datetime, sky: str, rng: random.Random) -> Classification:
    """Return a row such as the model makes them: one in four names another genus than the sky's."""
    others = [genus.name for genus in GENERA if genus.name != sky]
    wrong = sky != "dark" and rng.random() < 0.25
    names: dict[str, Reason] = {"clear": "clear", "dark": "dark"}
    nameless = None if wrong else names.get(sky)
    genus = by_name(rng.choice(others) if wrong or nameless else sky)
    probability = rng.uniform(0.3, 0.6) if wrong or nameless else rng.uniform(0.4, 0.95)
    second = next(name for name in others if name != genus.name) if sky in NAMELESS or not wrong else sky
    certain = nameless is None and probability >= 0.55
    return Classification(
        path=f"webcam/{time:%Y%m%d_%H%M%S}.jpg",
        status="ok",
        error=None,
        genus=None if nameless else genus.name,
        abbreviation=None if nameless else genus.abbreviation,
        probability=None if nameless else round(probability, 3),
        certain=certain,
        reason=nameless or (None if certain else "low_confidence"),
        level=None if nameless else LevelProbability(genus.level, round(probability, 3)),
        base=None if nameless else BASES[genus.level],
        rain=None if nameless else genus.rain,
        top=(
            GenusProbability(genus.name, round(probability, 3)),
            GenusProbability(second, round((1 - probability) / 2, 3)),
        ),
        captured_at=time.isoformat(),
        time_source="name",
        sun=None,
        model="made up",
    )


def main() -> None:
    rng = random.Random(1)
    for number in range(24 * 12):
        hour = number / 12
        sky = SKIES[max(start for start in SKIES if start <= hour)]
        print(json_line(row(DAY + timedelta(hours=hour), sky, rng).to_dict()), end="")


if __name__ == "__main__":
    main()
