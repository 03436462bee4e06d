"""docs/archive.md shows what its queries give, for three days that are drawn here."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudedge.archive.database import create_database
from cloudedge.genera import by_name

PAGE = (Path(__file__).parents[3] / "docs" / "archive.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
NO_CLOUD = dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
DAYS = {
    1: [("clear", 0.0)] * 3 + [("Cumulus", 0.8)] * 6,
    2: [("Cirrus", 0.7)] * 5 + [("Altostratus", 0.3)] * 2,
    3: [("Nimbostratus", 0.9)] * 7,
}


def drawn() -> Iterator[dict[str, Any]]:
    for day, skies in DAYS.items():
        for number, (sky, probability) in enumerate(skies):
            row = {"path": f"{day}-{number}.jpg", "status": "ok", "error": None, "top": [], "model": "tiny 1.0.0"}
            row |= {"captured_at": f"2024-06-{day:02}T{8 + 2 * number:02}:00:00", "time_source": "name"}
            if sky == "clear":
                yield {**row, **NO_CLOUD, "certain": False, "reason": "clear"}
            else:
                genus, certain = by_name(sky), probability > 0.5
                level = {"name": genus.level, "probability": probability}
                row |= {"genus": sky, "abbreviation": genus.abbreviation, "probability": probability, "level": level}
                yield {**row, "certain": certain, "reason": None if certain else "low_confidence"}


def test_the_page_has_queries() -> None:
    assert len(QUERIES) >= 3


@pytest.mark.parametrize(("query", "output"), QUERIES)
def test_a_query_gives_what_the_page_says(tmp_path: Path, query: str, output: str) -> None:
    target = tmp_path / "sky.db"
    target.touch()
    create_database(str(target), drawn(), 1)
    with closing(sqlite3.connect(target)) as connection:
        found = connection.execute(query).fetchall()
    assert ["|".join(map(str, row)) for row in found] == output.splitlines()
