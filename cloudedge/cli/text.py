"""Rows as text: a plain line for pipes and logs, a paragraph with colours for people.

The colours are those that can be read on a white background as well as on a black one: red and magenta.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator

import click

from cloudedge.row import NAMELESS, Row, doubt, guesses, percent, setting, summary
from cloudedge.row_formats import printable

_BAR_WIDTH = 24


def to_text(rows: Iterable[Row]) -> Iterator[str]:
    """Write one plain line per row, for pipes and logs."""
    for row in rows:
        yield f"{printable(row['path'])}: {summary(row)}\n"


def to_terminal(rows: Iterable[Row]) -> Iterator[str]:
    """Write a short paragraph per row with colours and a bar, for people: the sky, then the doubt, then the rest."""
    for row in rows:
        yield "\n".join([click.style(printable(row["path"]), bold=True), *_paragraph(row)]) + "\n"


def wrapped(text: str, indent: str = "") -> list[str]:
    """Break a text into lines that fit the terminal, between words only."""
    width = shutil.get_terminal_size().columns
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _paragraph(row: Row) -> Iterator[str]:
    if row["status"] == "error":
        yield from _coloured(summary(row), "red")
        return
    yield f"  {_headline(row)}"
    if not row["certain"]:
        yield from _coloured(doubt(row), "magenta")
    if row["genus"]:
        yield from wrapped(" · ".join(setting(row)), "  ")
    if others := row["top"][1:] if row["genus"] else row["top"]:
        yield from wrapped(f"{'or' if row['genus'] else 'best guess'} {guesses(others)}", "  ")
    if row["captured_at"]:
        yield f"  taken {row['captured_at'].replace('T', ' ')}{_time_source(row)}"


def _headline(row: Row) -> str:
    if row["genus"] is None:
        return click.style(NAMELESS[row["reason"]], bold=True)
    filled = round(row["probability"] * _BAR_WIDTH)
    bar = "█" * filled + click.style("░" * (_BAR_WIDTH - filled), dim=True)
    genus = click.style(f"{row['genus']} ({row['abbreviation']})", bold=True)
    return f"{genus}  {bar}  {percent(row['probability'])}"


def _time_source(row: Row) -> str:
    return " (the file's time of change)" if row["time_source"] == "file" else ""


def _coloured(text: str, colour: str) -> list[str]:
    return [click.style(line, fg=colour) for line in wrapped(text, "  ")]
