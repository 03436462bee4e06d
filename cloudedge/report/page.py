"""A report as one HTML page: no script, nothing from the network, readable on a phone, light and dark."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from html import escape
from importlib.resources import files
from itertools import islice

from cloudedge.report import charts
from cloudedge.report.summary import LEVELS, SKIES, Capture, Summary
from cloudedge.row import NAMELESS, REASONS, percent
from cloudedge.row_formats import printable

_TYPICAL, _DOUBTFUL, _LISTED_DOUBTFUL = 3, 9, 24
_SHOWN_ERRORS = 12
_THUMBNAIL = (320, 240)
_GROUPS = {**{f"{level.capitalize()} clouds": skies for level, skies in LEVELS.items()}, "No cloud's name": [*NAMELESS]}


def make_page(summary: Summary, source: str, on_gone: Callable[[str], object] = lambda path: None) -> Iterator[str]:
    """Yield the page piece by piece; `source` names the file that the rows came from.

    The path of each photo that is to be shown but cannot be read goes to `on_gone`.
    """
    style = (files("cloudedge.report") / "report.css").read_text(encoding="utf-8")
    title = f"The sky, {_period(summary)}" if summary.by_hour_of_day else "The sky"
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
    )
    models = ", ".join(name for name, _ in summary.models.most_common(5))
    yield f"<header><h1>{_text(title)}</h1><p>{_text(source)} · {_text(models)}</p></header>\n<main>\n"
    yield from _figures(summary)
    if summary.by_hour_of_day:
        yield from _calendar(summary)
        yield from _shares_by_day(summary)
        yield from _shares_by_hour(summary)
    yield from _table(summary)
    yield from _typical(summary, on_gone)
    yield from _uncertain(summary, on_gone)
    yield from _failed(summary)
    yield "</main>\n<footer>Made by cloudedge. The genus is the model's best guess, not an observation.</footer>\n"
    yield "</body>\n</html>\n"


def _figures(summary: Summary) -> Iterator[str]:
    named = summary.lit - summary.skies["clear"]
    genera = {sky: number for sky, number in summary.skies.items() if sky not in NAMELESS}
    most = max(genera, key=lambda sky: genera[sky]) if genera else None
    tiles = [
        (f"{summary.captures:,}", "captures"),
        (f"{len(summary.days):,}", "day" if len(summary.days) == 1 else "days"),
        (_percent(named - sum(summary.uncertain.values()), named), "of the clouds named with certainty"),
        (SKIES[most] if most else "none", "most frequent genus"),
        (f"{summary.failed:,}", "failed"),
    ]
    if summary.undated:
        tiles.append((f"{summary.undated:,}", "without a time, so only in the table"))
    if summary.dated_by_file:
        tiles.append((f"{summary.dated_by_file:,}", "placed by the file's time of change"))
    yield '<section class="tiles">'
    yield "".join(f"<div><strong>{_text(value)}</strong><span>{words}</span></div>" for value, words in tiles)
    yield "</section>\n"


def _calendar(summary: Summary) -> Iterator[str]:
    yield "<section><h2>Day by day, hour by hour</h2>\n"
    yield "<p>The most frequent sky of each hour: pale where most are uncertain, striped where there is none.</p>\n"
    yield _legend()
    yield '<div class="months">\n'
    hours = "".join(f"<span>{hour}</span>" for hour in (0, 6, 12, 18, 24))
    for name, length, strip in charts.months(summary):
        days = _axis((f"{day}", (day - 1) / length) for day in range(1, length + 1, 7))
        yield (
            f'<figure><figcaption>{name}</figcaption><div class="month"><div class="hours">{hours}</div>'
            f'{strip}<div class="axis">{days}</div></div></figure>\n'
        )
    yield "</div></section>\n"


def _shares_by_day(summary: Summary) -> Iterator[str]:
    name, periods = charts.periods(summary.by_day())
    columns = [skies for _, skies in periods]
    axis = _dates([start for start, _ in periods])
    yield f"<section><h2>Shares by {name}</h2>\n<p>Of the captures that are not too dark.</p>\n<h3>Genera</h3>\n"
    yield _chart(charts.stacked(columns, charts.by_genus(), f"Share of each genus by {name}"), axis)
    yield "<h3>Levels</h3>\n" + _level_legend()
    yield _chart(charts.stacked(columns, charts.by_level(), f"Share of each level by {name}"), axis, "low-chart")
    yield "</section>\n"


def _shares_by_hour(summary: Summary) -> Iterator[str]:
    by_hour = summary.by_hour()
    columns = [by_hour.get(hour, Counter()) for hour in range(24)]
    axis = _axis((f"{hour} h", hour / 24) for hour in range(0, 24, 3))
    yield "<section><h2>Shares by hour</h2>\n<p>Of the captures that are not too dark.</p>\n<h3>Genera</h3>\n"
    yield _chart(charts.stacked(columns, charts.by_genus(), "Share of each genus by hour"), axis, "by-hour")
    yield "<h3>Levels</h3>\n"
    yield _chart(charts.stacked(columns, charts.by_level(), "Share of each level by hour"), axis, "by-hour low-chart")
    yield "</section>\n"


def _table(summary: Summary) -> Iterator[str]:
    yield "<section><h2>All captures</h2>\n<p>Shares are of the captures that are not too dark.</p>\n<table>\n"
    yield "<thead><tr><th>Sky</th><th>Captures</th><th>Share</th></tr></thead>\n"
    for name, skies in _GROUPS.items():
        number = sum(summary.skies[sky] for sky in skies)
        share = _percent(number, summary.lit) if "dark" not in skies else ""
        yield f'<tbody><tr class="level"><th>{name}</th><td>{number:,}</td><td>{share}</td></tr>\n'
        for sky in skies:
            share = _percent(summary.skies[sky], summary.lit) if sky != "dark" else ""
            yield f"<tr><th>{_swatch(sky)}{SKIES[sky]}</th><td>{summary.skies[sky]:,}</td><td>{share}</td></tr>\n"
        yield "</tbody>\n"
    yield "</table></section>\n"


def _typical(summary: Summary, on_gone: Callable[[str], object]) -> Iterator[str]:
    shown = []
    for sky in (name for name in SKIES if name != "dark"):
        shown += _pictures(summary.most_typical(sky), _TYPICAL, on_gone)
    if shown:
        yield "<section><h2>Typical</h2>\n<p>Where the model is surest, from different days.</p>\n"
        yield f'<div class="pictures">\n{"".join(shown)}</div></section>\n'


def _uncertain(summary: Summary, on_gone: Callable[[str], object]) -> Iterator[str]:
    number = sum(summary.uncertain.values())
    yield f"<section><h2>Uncertain</h2>\n<p>{number:,} of {summary.lit:,} captures that are not too dark.</p>\n"
    yield _list(f"{count:,}: {REASONS.get(reason, reason)}" for reason, count in summary.uncertain.most_common())
    captures = summary.most_doubtful()
    pictures = _pictures(captures, _DOUBTFUL, on_gone)
    if pictures:
        yield f'<div class="pictures">\n{"".join(pictures)}</div>\n'
    if captures:
        yield "<details><summary>The least sure, from different days</summary>\n"
        yield _list(f"{_when(capture)}{capture.path}: {_words(capture)}" for capture in captures[:_LISTED_DOUBTFUL])
        yield "</details>\n"
    yield "</section>\n"


def _failed(summary: Summary) -> Iterator[str]:
    yield f"<section><h2>Failed</h2>\n<p>{summary.failed:,} of {summary.captures:,} captures.</p>\n"
    if summary.failed:
        yield _list(f"{count:,}: {text}" for text, count in summary.errors.most_common(_SHOWN_ERRORS))
        yield f"<details><summary>The last {len(summary.failures)}</summary>\n"
        yield _list(f"{path}: {error}" for path, error in summary.failures)
        yield "</details>\n"
    yield "</section>\n"


def _pictures(captures: Iterable[Capture], number: int, on_gone: Callable[[str], object]) -> list[str]:
    """Return so many pictures, skipping photos that no longer exist, which may be most of a year."""
    return list(islice(filter(None, (_picture(capture, on_gone) for capture in captures)), number))


def _picture(capture: Capture, on_gone: Callable[[str], object]) -> str | None:
    """Return a small picture with its words, or None if the photo no longer exists."""
    from PIL import Image

    from cloudedge.errors import ImageError
    from cloudedge.photo.read import read

    try:
        thumbnail = Image.fromarray(read(capture.path, max(_THUMBNAIL) // 2).pixels)
    except ImageError:
        on_gone(capture.path)
        return None
    thumbnail.thumbnail(_THUMBNAIL)
    data = io.BytesIO()
    thumbnail.save(data, "JPEG", quality=70)
    source = base64.b64encode(data.getvalue()).decode("ascii")
    words = _words(capture)
    return (
        f'<figure><img alt="{_text(words)}" src="data:image/jpeg;base64,{source}">'
        f"<figcaption>{_swatch(capture.sky)}{_text(words)}<br><small>{_text(_when(capture))}{_text(capture.path)}</small>"
        "</figcaption></figure>\n"
    )


def _words(capture: Capture) -> str:
    """Name the sky, and how sure a genus is."""
    name = SKIES[capture.sky]
    return name if capture.probability is None else f"{name}, {percent(capture.probability)}"


def _when(capture: Capture) -> str:
    return f"{capture.captured_at[:16].replace('T', ' ')} · " if capture.captured_at else ""


def _legend() -> str:
    lists = (
        f"<ul><li><b>{name}</b></li>{''.join(f'<li>{_swatch(sky)}{SKIES[sky]}</li>' for sky in skies)}</ul>"
        for name, skies in _GROUPS.items()
    )
    return f'<div class="legend">{"".join(lists)}</div>\n'


def _level_legend() -> str:
    names = {**{f"level-{level}": f"{level.capitalize()} clouds" for level in LEVELS}, **NAMELESS}
    items = "".join(f"<li>{_swatch(style)}{names[style]}</li>" for style in charts.by_level())
    return f'<div class="legend"><ul class="row">{items}</ul></div>\n'


def _swatch(name: str) -> str:
    return f'<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><path class="{name}" d="M0 0h1v1h-1z"/></svg>'


def _chart(svg: str, axis: str, style: str = "") -> str:
    shares = "<span>100 %</span><span>50</span><span>0</span>"
    return f'<div class="chart {style}"><div class="shares">{shares}</div>{svg}<div class="axis">{axis}</div></div>\n'


def _dates(starts: Sequence[date]) -> str:
    """Label about six of the bars."""
    step = max(1, -(-len(starts) // 6))
    several_years = starts[0].year != starts[-1].year
    labels = ((x, starts[x]) for x in range(0, len(starts), step))
    words = ((x, f"{day.day} {day:%b}" + (f" {day.year}" if several_years else "")) for x, day in labels)
    return _axis((text, x / len(starts)) for x, text in words)


def _axis(labels: Iterable[tuple[str, float]]) -> str:
    return "".join(f'<span style="left:{100 * place:.2f}%">{text}</span>' for text, place in labels)


def _period(summary: Summary) -> str:
    first, last = (date.fromordinal(day) for day in (summary.days[0], summary.days[-1]))
    return _day(first) if first == last else f"{_day(first)} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _list(items: Iterator[str]) -> str:
    words = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f"<ul>{words}</ul>\n" if words else ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _text(text: str) -> str:
    return escape(printable(text))
