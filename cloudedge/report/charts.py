"""The charts of a report, as SVG without a script: shares as stacked bars, a month as a strip of days by hours.

They are stretched to the width there is (`preserveAspectRatio="none"`), so they hold no text; labels are HTML beside
them, which keeps its size on a phone.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from itertools import groupby

from cloudedge.report.summary import LEVELS, SKIES, Summary
from cloudedge.row import NAMELESS

_TITLES_UP_TO_DAYS = 1100  # beyond, the words on each cell of the calendar would make the page too large


def stacked(columns: Sequence[Mapping[str, int]], groups: Mapping[str, Sequence[str]], label: str) -> str:
    """Draw a bar of shares per column, its parts in the order of `groups` (CSS class -> skies) from the top down."""
    paths = dict.fromkeys(groups, "")
    for x, counts in enumerate(columns):
        total, y = sum(counts.get(sky, 0) for skies in groups.values() for sky in skies), 0
        for name, skies in groups.items():
            if part := sum(counts.get(sky, 0) for sky in skies):
                top, bottom = round(1000 * y / total), round(1000 * (y + part) / total)
                paths[name] += f"M{x} {top}h1V{bottom}h-1z"
                y += part
    shapes = "".join(f'<path class="{name}" d="{path}"/>' for name, path in paths.items() if path)
    return _svg(len(columns), 1000, shapes, label)


def by_genus() -> dict[str, list[str]]:
    """Return each sky as a group of its own, without dark."""
    return {sky: [sky] for sky in SKIES if sky != "dark"}


def by_level() -> dict[str, list[str]]:
    """Return the genera of each level as a group, and the other skies, without dark."""
    others = {sky: [sky] for sky in NAMELESS if sky != "dark"}
    return {**{f"level-{name}": skies for name, skies in LEVELS.items()}, **others}


def periods(by_day: Mapping[int, Counter[str]]) -> tuple[str, list[tuple[date, Counter[str]]]]:
    """Return "day", "week" or "month", whichever gives a readable number of bars, and the sums of all such periods."""
    first, last = date.fromordinal(min(by_day)), date.fromordinal(max(by_day))
    length = (last - first).days + 1
    name = "day" if length <= 400 else "week" if length <= 2800 else "month"
    sums: dict[date, Counter[str]] = {}
    for ordinal in range(first.toordinal(), last.toordinal() + 1) if length <= 100_000 else sorted(by_day):
        day = date.fromordinal(ordinal)
        start = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[name]
        sums.setdefault(start, Counter()).update(by_day.get(ordinal, {}))
    return name, list(sums.items())


def months(summary: Summary) -> Iterator[tuple[str, int, str]]:
    """Yield the name, the number of days and the strip of each month: days from left to right, hours downwards."""
    days = [date.fromordinal(day) for day in summary.days]
    with_titles = len(days) <= _TITLES_UP_TO_DAYS
    for (year, month), group in groupby(days, key=lambda day: (day.year, day.month)):
        runs = [run for day in group for run in _runs(summary, day)]
        name = f"{date(year, month, 1):%B} {year}"
        shapes = "".join(_with_title(run, name) for run in runs) if with_titles else _without_titles(runs)
        length = monthrange(year, month)[1]
        yield name, length, _svg(length, 24, shapes, f"Most frequent sky of each hour in {name}")


_Run = tuple[int, int, int, str, int]  # day of the month, first hour, hours, class, captures


def _runs(summary: Summary, day: date) -> Iterator[_Run]:
    """Yield the hours of a day, with neighbours that look alike merged."""
    cells = []
    for hour in range(24):
        if skies := summary.by_hour_of_day.get((day.toordinal(), hour)):
            number = sum(skies.values())
            sky = max(SKIES, key=lambda name: skies.get(name, 0))
            is_doubtful = sky not in NAMELESS and (2 * summary.uncertain_by_hour_of_day[day.toordinal(), hour] > number)
            cells.append((hour, f"{sky} doubt" if is_doubtful else sky, number))
        else:
            cells.append((hour, "", 0))
    for style, group in groupby(cells, key=lambda cell: cell[1]):
        run = list(group)
        if style:
            yield day.day, run[0][0], len(run), style, sum(number for _, _, number in run)


def _path(run: _Run) -> str:
    day, hour, hours, _, _ = run
    return f"M{day - 1} {hour}h1v{hours}h-1z"


def _with_title(run: _Run, month: str) -> str:
    day, hour, hours, style, number = run
    sky, _, doubt = style.partition(" ")
    words = f"{day} {month}, {hour}-{hour + hours} h: {SKIES[sky]}{', mostly uncertain' if doubt else ''} ({number})"
    return f'<path class="{style}" d="{_path(run)}"><title>{escape(words)}</title></path>'


def _without_titles(runs: Sequence[_Run]) -> str:
    paths: dict[str, str] = {}
    for run in runs:
        paths[run[3]] = paths.get(run[3], "") + _path(run)
    return "".join(f'<path class="{style}" d="{path}"/>' for style, path in paths.items())


def _svg(width: int, height: int, shapes: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{shapes}</svg>"
    )
