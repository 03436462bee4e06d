"""Rows as text: a plain line for pipes and logs, a paragraph with colours for people.

The colours are those that can be read on a white background as well as on a black one: red and magenta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

import click

from cloudedge.errors import printable
from cloudedge.row import NAMELESS, Row, doubt, guesses, percent, setting, summary

_BAR_WIDTH = 24
_NO_BREAK = "\u00a0"


def to_text(rows: Iterable[Row]) -> Iterator[str]:
    """Write one plain line per row, for pipes and logs."""
    for row in rows:
        yield f"{printable(row['path'])}: {summary(row)}\n"


def to_terminal(rows: Iterable[Row]) -> Iterator[str]:
    """Write a short paragraph per row with colours and a bar, for people: the sky, then the doubt, then the rest."""
    for row in rows:
        yield "\n".join([click.style(printable(row["path"]), bold=True), *_paragraph(row)]) + "\n"


def wrapped(text: str, indent: str = "") -> list[str]:
    """Break a text into lines that fit the terminal, between words only; a no-break space becomes a space."""
    import shutil  # both take a while to load
    import textwrap

    width = shutil.get_terminal_size().columns
    lines = textwrap.wrap(text, width - len(indent), break_long_words=False, break_on_hyphens=False)
    return [indent + line.replace(_NO_BREAK, " ") for line in lines]


def fit(text: str, stream: TextIO) -> str:
    """Break a message where the stream is a terminal; in a log it stays on its line."""
    return "\n".join(wrapped(text)) if stream.isatty() else text


def _paragraph(row: Row) -> Iterator[str]:
    if row["status"] == "error":
        yield from _coloured(summary(row), "red")
        return
    yield f"  {_headline(row)}"
    if not row["certain"]:
        yield from _coloured(doubt(row), "magenta")
    if row["genus"]:
        yield from wrapped(" · ".join(map(_unbroken, setting(row))), "  ")
    if others := row["top"][1:] if row["genus"] else row["top"]:
        entries = ", ".join(_unbroken(guesses([entry])) for entry in others)
        yield from wrapped(f"{'or' if row['genus'] else 'best guess'} {entries}", "  ")
    if row["captured_at"] and row["time_source"] != "file":  # a copied photo has the time of the copy
        yield f"  taken {row['captured_at'].replace('T', ' ')}"


def _headline(row: Row) -> str:
    if row["genus"] is None:
        return click.style(NAMELESS[row["reason"]], bold=True)
    filled = round(row["probability"] * _BAR_WIDTH)
    bar = "█" * filled + click.style("░" * (_BAR_WIDTH - filled), dim=True)
    genus = click.style(f"{row['genus']} ({row['abbreviation']})", bold=True)
    return f"{genus}  {bar}  {percent(row['probability'])}"


def _unbroken(text: str) -> str:
    return text.replace(" ", _NO_BREAK)


def _coloured(text: str, colour: str) -> list[str]:
    return [click.style(line, fg=colour) for line in wrapped(text, "  ")]
