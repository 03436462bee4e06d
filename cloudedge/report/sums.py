"""The sections of the page that show sums: by hour, by day, by genus, and what is uncertain or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice

import numpy as np

from cloudedge.report.charts import BY_GENUS, BY_LEVEL, axis, months, stacked
from cloudedge.report.pictures import Picture
from cloudedge.report.summary import DARK, Counts, Shown, Summary
from cloudedge.report.view import Camera, View
from cloudedge.report.words import (
    GENUS_COUNT,
    GROUPS,
    LEVELS,
    STYLES,
    TITLES,
    bullets,
    clock,
    day,
    details,
    legend,
    share,
    swatch,
    text,
)
from cloudedge.row import NAMELESS, REASONS, percent

_TYPICAL, _DOUBTFUL, _LISTED_DOUBTFUL = 3, 9, 24
_SHOWN_ERRORS = 12
_LEVEL_NAMES = {**{f"level-{level}": f"{level.capitalize()} clouds" for level in LEVELS}, **NAMELESS}


def figures(view: View) -> Iterator[str]:
    """Yield the numbers that count, where there is more than one capture."""
    if view.captures < 2:
        return
    tiles = [(f"{view.captures:,}", "captures")]
    if view.days:
        tiles.append((f"{len(view.days):,}", "day" if len(view.days) == 1 else "days"))
    genera = np.sum([camera.summary.totals[:GENUS_COUNT] for camera in view.cameras], axis=0)
    if genera.sum():
        tiles.append((share(int(genera[:, 0].sum()), int(genera.sum())), "of the clouds named with certainty"))
        if genera[:, 0].any():
            tiles.append((TITLES[int(genera[:, 0].argmax())], "named with certainty most often"))
    for number, words in (
        (view.failed, "could not be read"),
        (sum(camera.summary.undated for camera in view.cameras), "without a time, so only in the table"),
        (view.by_file_time, "placed by the file's time of change"),
    ):
        if number:
            tiles.append((f"{number:,}", words))
    found = "".join(f"<div><strong>{text(value)}</strong><span>{words}</span></div>" for value, words in tiles)
    yield f'<section class="tiles">{found}</section>\n'


def calendar(view: View, camera: Camera) -> Iterator[str]:
    """Yield the most frequent sky of each hour, month by month, where that is too long for strips."""
    if view.as_strips or not camera.summary.days:
        return
    yield f"<section><h2>Day by day, hour by hour{_of(camera)}</h2>\n"
    yield "<p>The most frequent sky of each hour: faded where most captures of it are uncertain.</p>\n"
    yield '<div class="months">\n'
    hours = "".join(f"<span>{hour}</span>" for hour in (0, 6, 12, 18, 24))
    for month in months(camera.summary):
        labels = axis((f"{day}", (day - 0.5) / month.days) for day in range(1, month.days + 1, 7))
        words = "".join(f"<li><b>{day.day}</b> {text('; '.join(runs))}</li>" for day, runs in month.words)
        name = f"month-{camera.name or ''}-{month.name}"
        opening = details(name, "In words", f"<ul>{words}</ul>") if words else ""
        yield (
            f'<figure><figcaption>{month.name}</figcaption><div class="month"><div class="hours">{hours}</div>'
            f"{month.svg}{labels}</div>{opening}</figure>\n"
        )
    yield "</div></section>\n"


def shares(camera: Camera) -> Iterator[str]:
    """Yield the shares of genera and levels by day and by hour, where there is more than one."""
    summary = camera.summary
    if len(summary.days) > 1:
        name, starts, columns = summary.by_period()
        yield from _shares(f"Shares by {name}{_of(camera)}", columns, _dates(starts))
    if len(summary.hours) > 2:
        labels = axis((f"{hour}", (hour + 0.5) / 24) for hour in range(0, 24, 3))
        yield from _shares(f"Shares by hour of the day{_of(camera)}", summary.by_hour(), labels, " by-hour")


def _shares(title: str, columns: Counts, labels: str, style: str = "") -> Iterator[str]:
    lit = columns.sum(axis=(1, 2)) > columns[:, DARK].sum(axis=1)
    if not lit.any():
        return
    yield f"<section><h2>{text(title)}</h2>\n<p>Dark captures are left out. Uncertain ones are faded.</p>\n"
    yield f"<h3>Genera</h3>\n{'' if style else legend()}"
    yield _chart(stacked(columns, BY_GENUS, f"{title}: genera"), labels, style)
    yield f"<h3>Levels</h3>\n{'' if style else _level_legend()}"
    yield f"{_chart(stacked(columns, BY_LEVEL, f'{title}: levels'), labels, f'{style} low-chart')}</section>\n"


def table(camera: Camera) -> Iterator[str]:
    """Yield a table of all skies, the certain captures apart from the uncertain."""
    summary = camera.summary
    if not summary.totals.any():
        return
    most = max(1, int(summary.totals[:GENUS_COUNT].sum(axis=1).max()))
    yield f"<section><h2>All captures{_of(camera)}</h2>\n<p>Shares are of the captures that are not too dark.</p>\n"
    yield '<table>\n<thead><tr><th scope="col">Sky</th><th scope="col">Captures</th>'
    yield '<th scope="col">Certain</th><th scope="col">Uncertain</th></tr></thead>\n'
    for name, group in GROUPS.items():
        skies = [sky for sky in group if summary.totals[sky].any()]
        if not skies:
            continue
        yield f'<tbody><tr class="level">{_cells(summary, name, skies)}</tr>\n'
        for sky in skies:
            title = f"{swatch(STYLES[sky])}{TITLES[sky]}{_bar(summary, sky, most) if sky < GENUS_COUNT else ''}"
            yield f"<tr>{_cells(summary, title, [sky])}</tr>\n"
        yield "</tbody>\n"
    yield "</table></section>\n"


def _cells(summary: Summary, title: str, skies: Sequence[int]) -> str:
    certain, uncertain = summary.totals[skies].sum(axis=0).tolist()
    if skies[0] >= GENUS_COUNT:  # a sky without a genus is neither certain nor uncertain
        words = share(certain, summary.lit) if skies[0] != DARK and len(skies) == 1 else ""
        return f'<th scope="row">{title}</th><td>{certain:,}</td><td colspan="2">{words}</td>'
    shares = f"<td>{share(certain, summary.lit)}</td><td>{share(uncertain, summary.lit)}</td>"
    return f'<th scope="row">{title}</th><td>{certain + uncertain:,}</td>{shares}'


def _bar(summary: Summary, sky: int, most: int) -> str:
    certain, every = int(summary.totals[sky, 0]), int(summary.totals[sky].sum())
    style = STYLES[sky]
    return (
        f'<svg class="bar" viewBox="0 0 {most} 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="{style}" d="M0 0h{certain}v1H0z"/>'
        f'<path class="{style} doubt" d="M{certain} 0H{every}v1H{certain}z"/>'
        "</svg>"
    )


def typical(view: View, picture: Picture) -> Iterator[str]:
    """Yield the captures where the model is surest, of each sky a few; there must be more than one day."""
    if len(view.days) < 2:
        return
    shown = []
    for sky in (sky for sky in range(len(TITLES)) if sky != DARK):
        of_cameras = [capture for camera in view.cameras for capture in camera.summary.typical[sky]]
        best = sorted(of_cameras, key=lambda capture: -(capture.probability or 0))
        shown += _pictures(view, best, _TYPICAL, picture)
    if shown:
        yield "<section><h2>Typical</h2>\n<p>Where the model is surest, from different days.</p>\n"
        yield f'<div class="pictures">\n{"".join(shown)}</div></section>\n'


def uncertain(view: View, picture: Picture) -> Iterator[str]:
    """Yield how much is uncertain and why, and the captures where the model is least sure."""
    lit = sum(camera.summary.lit for camera in view.cameras)
    no_genus = sum(int(camera.summary.totals[:, 1].sum()) for camera in view.cameras)
    unfamiliar = sum(int(camera.summary.totals[STYLES.index("unfamiliar")].sum()) for camera in view.cameras)
    if not no_genus + unfamiliar:
        return
    kinds = {"low_confidence": no_genus, "unfamiliar": unfamiliar}
    captures = [capture for camera in view.cameras for capture in camera.summary.doubtful]
    yield f"<section><h2>Uncertain</h2>\n<p>{no_genus + unfamiliar:,} of {lit:,} captures that are not too dark.</p>\n"
    yield bullets(f"{count:,}: {REASONS[reason]}" for reason, count in kinds.items() if count)
    if pictures := _pictures(view, captures, _DOUBTFUL, picture):
        yield f'<div class="pictures">\n{"".join(pictures)}</div>\n'
    listed = bullets(f"{_about(view, capture)}: {_sky(capture)}" for capture in captures[:_LISTED_DOUBTFUL])
    yield details("uncertain", "The least sure, from different days", listed) + "</section>\n"


def failed(view: View) -> Iterator[str]:
    """Yield the photos that could not be read, and why."""
    if not view.errors:
        return
    yield f"<section><h2>Could not be read</h2>\n<p>{view.errors.total():,} of {view.captures:,} captures.</p>\n"
    yield bullets(f"{count:,}: {text(error)}" for error, count in view.errors.most_common(_SHOWN_ERRORS))
    listed = bullets(f"{text(view.short(path))}: {text(error)}" for path, error in view.failures)
    yield details("failed", f"The last {len(view.failures)}", listed) + "</section>\n"


def _pictures(view: View, captures: Iterable[Shown], number: int, picture: Picture) -> list[str]:
    """Return so many pictures, without the photos that no longer exist, which may be most of a year."""
    found = ((capture, picture(view.paths[capture.number])) for capture in captures)
    return [
        f'<figure><img alt="" {shown}><figcaption>{swatch(STYLES[capture.sky])}{_sky(capture)}'
        f"<br><small>{_about(view, capture)}</small></figcaption></figure>\n"
        for capture, shown in islice((pair for pair in found if pair[1]), number)
    ]


def _sky(capture: Shown) -> str:
    name = TITLES[capture.sky]
    return name if capture.probability is None else f"{name}, {percent(capture.probability)}"


def _about(view: View, capture: Shown) -> str:
    path = text(view.short(view.paths[capture.number]))
    return f"{day(capture.time)}, {clock(capture.time)} · {path}" if capture.time else path


def _of(camera: Camera) -> str:
    return f", {text(camera.name)}" if camera.name else ""


def _level_legend() -> str:
    items = "".join(f"<li>{swatch(style)}{_LEVEL_NAMES[style]}</li>" for style in BY_LEVEL)
    return f'<div class="legend"><ul class="row">{items}</ul></div>\n'


def _chart(svg: str, labels: str, style: str) -> str:
    sides = "<span>100 %</span><span>50</span><span>0</span>"
    return f'<div class="chart{style}"><div class="shares">{sides}</div>{svg}{labels}</div>\n'


def _dates(starts: Sequence[date]) -> str:
    """Label about six of the bars."""
    step = max(1, -(-len(starts) // 6))
    has_years = starts[0].year != starts[-1].year
    chosen = [(x, starts[x]) for x in range(0, len(starts), step)]
    return axis(
        (f"{day.day} {day:%b}{f' {day.year}' if has_years else ''}", (x + 0.5) / len(starts)) for x, day in chosen
    )
