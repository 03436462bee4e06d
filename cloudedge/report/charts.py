"""The charts of a report, as SVG without a script: shares as stacked bars, a month as days by hours, a strip of phases.

They are stretched to the width there is (`preserveAspectRatio="none"`), so they hold no text; labels stand beside them
and keep their size on a phone.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np

from cloudedge.phases import GAP_HOURS, Phase
from cloudedge.report.summary import DARK, Counts, Summary
from cloudedge.report.words import GENUS_COUNT, LEVELS, STYLES, TITLES, style_of_phase

_DETAILS_UP_TO_DAYS = 1100  # beyond, the words on each cell of the calendar would make the page too large
_GAP = timedelta(hours=GAP_HOURS)
_SHORTEST = timedelta(minutes=15)  # that can be seen

BY_GENUS = {style: [index] for index, style in enumerate(STYLES) if index != DARK}
BY_LEVEL = {
    **{f"level-{level}": skies for level, skies in LEVELS.items()},
    **{style: skies for style, skies in BY_GENUS.items() if skies[0] >= GENUS_COUNT},
}


def stacked(columns: Counts, groups: Mapping[str, Sequence[int]], label: str) -> str:
    """Draw a bar of shares per column, (N, 13, 2), from the top down: of each group the certain part, then the faded.

    `groups` are classes with the indices of their skies.
    """
    parts = [
        (f"{name}{faded}", columns[:, skies, kind].sum(axis=1))
        for name, skies in groups.items()
        for kind, faded in enumerate(("", " doubt"))
    ]
    total = np.maximum(1, sum(part for _, part in parts))
    paths, top = [], np.zeros(len(columns), np.int64)
    for name, part in parts:
        bottom = top + part
        edges = zip(np.rint(1000 * top / total).astype(int), np.rint(1000 * bottom / total).astype(int), strict=True)
        path = "".join(f"M{x} {y}h1V{end}h-1z" for x, (y, end) in enumerate(edges) if end > y)
        paths.append(f'<path class="{name}" d="{path}"/>' if path else "")
        top = bottom
    return _svg(len(columns), 1000, "".join(paths), label)


Span: TypeAlias = tuple[datetime, datetime, Phase]  # when a phase begins and ends by the clock that is shown


class Run(NamedTuple):
    """Hours of a day that look alike: the most frequent sky, and whether it is mostly uncertain."""

    day: date
    hour: int
    hours: int
    style: str
    words: str


class Month(NamedTuple):
    """A month of the calendar: its name, its number of days, its picture, and each day in words."""

    name: str
    days: int
    svg: str
    words: list[tuple[date, list[str]]]


def months(summary: Summary) -> Iterator[Month]:
    """Yield each month that has a capture, its days from left to right, its hours downwards."""
    has_words = len(summary.days) <= _DETAILS_UP_TO_DAYS
    runs = list(_runs(summary))
    nights = summary.hours[summary.nights]
    for (year, month), group in groupby(runs, key=lambda run: (run.day.year, run.day.month)):
        own = list(group)
        start, size = date(year, month, 1), monthrange(year, month)[1]
        shapes = "".join(map(_with_title, own)) if has_words else _without_titles(own)
        dark = nights[(nights // 24 >= start.toordinal()) & (nights // 24 < start.toordinal() + size)]
        shapes += _shade("".join(f"M{n // 24 - start.toordinal()} {n % 24}h1v1h-1z" for n in dark.tolist()))
        days = groupby(own, key=lambda run: run.day) if has_words else ()
        name = f"{start:%B} {year}"
        label = f"Most frequent sky of each hour in {name}"
        yield Month(name, size, _svg(size, 24, shapes, label), [(day, [run.words for run in of]) for day, of in days])


def _runs(summary: Summary) -> Iterator[Run]:
    """Yield the hours with captures, with neighbours of a day that look alike merged."""
    sums = summary.of_hour.sum(axis=2)
    best = sums.argmax(axis=1)
    at = np.arange(len(best))
    faded = (best < GENUS_COUNT) & (2 * summary.of_hour[at, best, 1] > sums[at, best])
    cells = zip(summary.hours.tolist(), best.tolist(), faded.tolist(), sums.sum(axis=1).tolist(), strict=True)
    for _, group in groupby(enumerate(cells), key=lambda cell: (cell[1][0] - cell[0], cell[1][0] // 24, *cell[1][1:3])):
        own = [cell for _, cell in group]
        hour, sky, is_faded, _ = own[0]
        style = f"{STYLES[sky]} doubt" if is_faded else STYLES[sky]
        kind = f"{TITLES[sky]}{', mostly uncertain' if is_faded else ''} ({sum(cell[3] for cell in own):,})"
        start = hour % 24
        words = f"{start}-{start + len(own)} h: {kind}"
        yield Run(date.fromordinal(hour // 24), start, len(own), style, words)


def _path(run: Run) -> str:
    return f"M{run.day.day - 1} {run.hour}h1v{run.hours}h-1z"


def _with_title(run: Run) -> str:
    words = f"{run.day.day} {run.day:%B}, {run.words}"
    return f'<path class="{run.style}" d="{_path(run)}"><title>{escape(words)}</title></path>'


def _without_titles(runs: Iterable[Run]) -> str:
    paths: dict[str, str] = {}
    for run in runs:
        paths[run.style] = paths.get(run.style, "") + _path(run)
    return "".join(f'<path class="{style}" d="{path}"/>' for style, path in paths.items())


def strip(phases: Iterable[Span], start: datetime, hours: int, nights: Iterable[datetime], label: str) -> str:
    """Draw phases from left to right, cut to `hours` from `start`; `nights` are hours to shade."""

    def x(moment: datetime) -> int:
        return max(0, min(60 * hours, round((moment - start).total_seconds() / 60)))

    shapes = "".join(
        f'<path class="{style_of_phase(phase)}" d="M{x(a)} 0H{x(b)}V1H{x(a)}z"/>'
        for a, b, phase in phases
        if x(b) > x(a)
    )
    shade = "".join(f"M{x(hour)} 0H{x(hour + timedelta(hours=1))}V1H{x(hour)}z" for hour in nights)
    return _svg(60 * hours, 1, shapes + _shade(shade), label)


def extended(phases: Sequence[Span]) -> Iterator[Span]:
    """Yield each phase up to the beginning of the next one, unless nothing is known of the time between."""
    for (start, end, phase), following in zip(phases, [*phases[1:], None], strict=False):
        step = (end - start) / max(1, phase.captures - 1)
        if following and following[0] - end <= _GAP:
            yield start, following[0], phase
        else:
            yield start, max(end + step, start + _SHORTEST), phase


def axis(labels: Iterable[tuple[str, float]]) -> str:
    """Return labels at places from 0 to 1 of the width."""
    found = list(labels)
    anchors = {0.0: "start", 1.0: "end"}
    words = "".join(
        f'<text x="{100 * place:.2f}%" y="1em" text-anchor="{anchors.get(place, "middle")}">{escape(label)}</text>'
        for label, place in found
    )
    return f'<svg class="axis" aria-hidden="true">{words}</svg>'


def _shade(path: str) -> str:
    return f'<path class="night" d="{path}"/>' if path else ""


def _svg(width: int, height: int, shapes: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{shapes}</svg>"
    )
