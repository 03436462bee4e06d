"""The figures of a model as Markdown, for its card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from export.files import write_text

COLUMNS = ("guided", "sure", "agreed", "manifest", "elsewhere")
OUTCOMES = ("certain", "clear", "unfamiliar")
HEADINGS = {
    "top1": "top-1",
    "top3": "top-3",
    "level": "level",
    "balanced": "balanced",
    "ece": "ECE",
    "coverage": "certain",
    "precision": "right when certain",
}


def write_card(card: Path, subject: str, name: str, tables: str) -> None:
    """Put tables on a subject of a model into the card, between their two comments.

    The subject is `figures`, `genera` or `cross-validation`. A card without such a place stays as it is, as does a
    folder without a card.
    """
    if not card.exists():
        return
    text = card.read_text(encoding="utf-8")
    place = re.compile(f"(<!-- {subject} of {re.escape(name)} -->\n).*?(<!-- end of {subject} -->)", re.DOTALL)
    if place.search(text):
        write_text(card, place.sub(lambda found: f"{found[1]}{tables}\n{found[2]}", text, count=1))


def figures_table(figures: dict[str, Any]) -> str:
    """Return plain figures by column as a Markdown table."""
    lines = ["| labels | n | " + " | ".join(HEADINGS.values()) + " |", "| --- " * (len(HEADINGS) + 2) + "|"]
    for column in filter(figures.__contains__, COLUMNS):
        row = figures[column]
        cells = [_cell(row[name]) for name in HEADINGS]
        lines.append(f"| {column} | {row['top1']['n']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def card_table(metrics: dict[str, Any]) -> str:
    """Return the figures of a model's metadata as three Markdown tables."""
    lines = ["| noise | n | same first choice |", "| --- | --- | --- |"]
    lines += [f"| {name} | {figure['n']} | {_cell(figure)} |" for name, figure in metrics["steady"].items()]
    return "\n\n".join([figures_table(metrics["test"]), sights_table(metrics["sights"]), "\n".join(lines)])


def genera_table(rows: list[dict[str, Any]]) -> str:
    """Return recall and precision of each genus, from plain `GenusRow`s, as a Markdown table."""
    headings = ["genus", "n", "top-1", "certain", "unfamiliar", "named for certain", "rightly"]
    lines = ["| " + " | ".join(headings) + " |", "| --- " * len(headings) + "|"]
    for row in rows:
        shares = [_cell(row["recall"]), _cell(row["certain"]), _cell(row["doubted"]["unfamiliar"])]
        named = row["certain_precision"]
        cells = [row["genus"], str(row["recall"]["n"]), *shares, str(named["n"]), _cell(named)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def sights_table(sights: dict[str, Any]) -> str:
    """Return what comes out for each kind of sight, with clouds and without, as Markdown."""
    lines = ["| what it shows | n | " + " | ".join(OUTCOMES) + " |", "| --- " * (len(OUTCOMES) + 2) + "|"]
    for kind, outcomes in sorted(sights.items()):
        cells = [_cell(outcomes[name]) for name in OUTCOMES]
        lines.append(f"| {kind} | {outcomes['certain']['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any]) -> str:
    if figure["value"] is None:  # of no photo
        return "-"
    return f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"
