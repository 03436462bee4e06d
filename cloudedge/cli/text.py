"""Rows as text: a plain line for pipes and logs, a paragraph with colours for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from cloudedge.row import NAMELESS, REASONS, Row
from cloudedge.row_formats import percent, printable

_BAR_WIDTH = 24


def to_text(rows: Iterable[Row]) -> Iterator[str]:
    """Write one plain line per row, for pipes and logs."""
    for row in rows:
        yield f"{printable(row['path'])}: {_summary(row)}\n"


def to_terminal(rows: Iterable[Row]) -> Iterator[str]:
    """Write a short paragraph per row with colours and a bar, for people."""
    for row in rows:
        lines = [click.style(printable(row["path"]), bold=True)]
        if row["status"] == "error":
            lines.append(click.style(_summary(row), fg="red"))
        else:
            lines += _paragraph(row)
        yield "\n  ".join(lines) + "\n"


def _summary(row: Row) -> str:
    if row["status"] == "error":
        return f"error: {printable(row['error'])}"
    guess = f"{row['genus']} {percent(row['probability'])}"
    if row["reason"] in NAMELESS:  # no base or rain for a cloud that is hardly there
        return f"{_doubt(row)}; best guess {guess}"
    text = f"{guess}, {', '.join(_setting(row))}"
    return text if row["certain"] else f"{text}; {_doubt(row)}"


def _paragraph(row: Row) -> Iterator[str]:
    filled = round(row["probability"] * _BAR_WIDTH)
    bar = click.style("█" * filled, fg="cyan") + click.style("░" * (_BAR_WIDTH - filled), dim=True)
    genus = click.style(f"{row['genus']} ({row['abbreviation']})", fg="cyan", bold=True)
    is_nameless = row["reason"] in NAMELESS
    if is_nameless:
        yield click.style(f"{_doubt(row)}; the best guess:", fg="yellow")
    yield f"{genus}  {bar}  {percent(row['probability'])}"
    if not is_nameless:
        yield " · ".join(_setting(row))
    if others := row["top"][1:]:
        yield "or " + ", ".join(f"{entry['genus']} {percent(entry['probability'])}" for entry in others)
    if row["captured_at"]:
        yield f"taken {row['captured_at'].replace('T', ' ')}"
    if not row["certain"] and not is_nameless:
        yield click.style(_doubt(row), fg="yellow")


def _setting(row: Row) -> list[str]:
    level, rain = row["level"], row["rain"]
    return [
        f"{level['name']} level {percent(level['probability'])}",
        f"base {row['base']}",
        rain[:1].lower() + rain[1:],
    ]


def _doubt(row: Row) -> str:
    return f"not certain: {REASONS.get(row['reason'], row['reason'])}"
