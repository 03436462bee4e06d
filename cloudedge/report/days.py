"""The sections of the page that show phases: the latest capture, the last 24 hours, and each day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from cloudedge.phases import Phase
from cloudedge.report.charts import Span, axis, extended, strip
from cloudedge.report.pictures import LARGE, Picture
from cloudedge.report.view import Camera, View, state_of
from cloudedge.report.words import (
    bullets,
    clock,
    day,
    details,
    legend,
    length,
    style_of,
    style_of_phase,
    sureness,
    swatch,
    text,
    title_of,
)
from cloudedge.row import REASONS, Row, percent

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_READING = "A genus is faded where most captures are not certain of it."
_SHOWN_OF_LAST_DAY, _SHOWN_OF_A_DAY = 12, 6
_MOST_PICTURES = 240  # of all days together, or the page would become too large


def latest(view: View, picture: Picture) -> Iterator[str]:
    """Yield the newest capture of each camera: its picture, its sky, since when, and how sure that is."""
    seen = [camera for camera in view.cameras if camera.newest]
    if not seen:
        return
    yield '<section><h2>Latest</h2>\n<div class="latest">\n'
    for camera in seen:
        assert camera.newest
        yield _tile(view, camera, camera.newest, picture)
    yield "</div></section>\n"


def _tile(view: View, camera: Camera, row: Row, picture: Picture) -> str:
    title = title_of(state_of(row))
    last = camera.phases[-1] if camera.phases else None
    when = f"{day(view.clock(last.end))}, {clock(view.clock(last.end))}" if last else "Without a time"
    words = "".join(f"<p>{text(line[:1].upper() + line[1:])}.</p>" for line in _facts(view, camera, row))
    shown = picture(row["path"], LARGE)
    image = f'<img alt="{title}" {shown}>' if shown else ""
    return (
        f'<article>{image}<div>{_name(camera)}<p class="when">{when}</p>'
        f'<p class="sky">{swatch(style_of(state_of(row), row["certain"]))}{title}</p>{words}'
        f'<p class="path">{text(view.short(row["path"]))}</p></div></article>\n'
    )


def _facts(view: View, camera: Camera, row: Row) -> Iterator[str]:
    """Yield what is known of the newest row, in sentences without an end."""
    if row["genus"]:
        yield f"{percent(row['probability'])}, {'certain' if row['certain'] else 'not certain'}"
    if row["reason"]:
        yield str(REASONS.get(row["reason"], row["reason"]))
    if camera.since:
        since, now = view.clock(camera.since), view.clock(camera.phases[-1].end)
        date = "" if since.date() == now.date() else f" on {since.day} {since:%B}"
        yield f"since {clock(since)}{date}" + (f", for {length(now - since)}" if now > since else "")
        if camera.phases[-1].sky != state_of(row):
            before = camera.phases[-1]
            yield f"before: {title_of(before.sky)} since {clock(view.clock(before.start))}"
    if row["genus"]:
        yield f"base {row['base']}"
        yield str(row["rain"])


def last_day(view: View, picture: Picture) -> Iterator[str]:
    """Yield the 24 hours before the newest capture, a strip of phases for each camera, and their pictures."""
    ends = [view.clock(camera.phases[-1].end) for camera in view.cameras if camera.phases]
    if not ends:
        return
    end = max(ends)
    start = (end - _DAY).replace(minute=0, second=0, microsecond=0) + _HOUR
    of_camera = {camera.name: _between(view, camera, start, start + _DAY) for camera in view.cameras}
    yield f"<section><h2>The last 24 hours</h2>\n<p>Until {clock(end)} on {day(end)}. {_READING}</p>\n{legend()}"
    named = _named(view)
    yield f'<div class="strips{named}">\n'
    for camera in view.cameras:
        yield _strip(camera, of_camera[camera.name], start, "The last 24 hours")
    yield f"{axis((clock(start + n * _HOUR), n / 24) for n in range(0, 25, 6))}</div>\n"
    for camera in view.cameras:
        if spans := of_camera[camera.name]:
            found = _pictures(view, spans, picture, _SHOWN_OF_LAST_DAY)
            words = details(f"words-{camera.name or ''}", "In words", _words(view, spans), is_open=not found)
            yield f"{_name(camera)}{found}{words}"
    yield "</section>\n"


def each_day(view: View, picture: Picture) -> Iterator[str]:
    """Yield each day as a strip of phases, which opens to show their pictures."""
    if not view.as_strips or len(view.days) < 2:
        return
    number = (view.days[-1] - view.days[0] + 1) * len(view.cameras)
    most = min(_SHOWN_OF_A_DAY, _MOST_PICTURES // number)
    yield f'<section><h2>Day by day</h2>\n<p>Open a day to see its pictures. {_READING}</p>\n<div class="days">\n'
    hours = axis((str(hour), hour / 24) for hour in range(0, 25, 6))
    yield f'<div class="day"><span></span><span class="strips{_named(view)}">{hours}</span></div>\n'
    for ordinal in range(view.days[0], view.days[-1] + 1):
        start = datetime.fromordinal(ordinal)
        of_camera = [(camera, _between(view, camera, start, start + _DAY)) for camera in view.cameras]
        name = f"{start:%a} {start.day} {start:%b}"
        strips = "".join(_strip(camera, spans, start, name) for camera, spans in of_camera)
        strips = f'<span class="strips{_named(view)}">{strips}</span>'
        yield f'<details class="day" id="day-{ordinal}"><summary><span>{name}</span>{strips}</summary>\n'
        for camera, spans in of_camera:
            yield f"{_name(camera)}{_pictures(view, spans, picture, most)}{_words(view, spans) or '<p>No capture.</p>'}"
        yield "</details>\n"
    yield "</div></section>\n"


def _between(view: View, camera: Camera, start: datetime, end: datetime) -> list[Span]:
    """Return the phases of a camera that lie at least partly in a time."""
    spans = extended([(view.clock(phase.start), view.clock(phase.end), phase) for phase in camera.phases])
    return [span for span in spans if span[0] < end and span[1] > start]


def _strip(camera: Camera, spans: Sequence[Span], start: datetime, label: str) -> str:
    first = start.toordinal() * 24 + start.hour
    hours, nights = camera.summary.hours, camera.summary.nights
    dark = [start + int(hour - first) * _HOUR for hour in hours[nights & (hours >= first) & (hours < first + 24)]]
    name = f"<small>{text(camera.name)}</small>" if camera.name else ""
    return name + strip(spans, start, 24, dark, f"{label}{f', {camera.name}' if camera.name else ''}")


def _pictures(view: View, spans: Sequence[Span], picture: Picture, most: int) -> str:
    """Return pictures of the longest phases, in order of time."""
    lit = [span for span in spans if span[2].sky != "dark"]
    longest = sorted(sorted(lit, key=lambda span: span[0] - span[1])[:most], key=lambda span: span[0])
    figures = "".join(
        f'<figure><img alt="" {shown}><figcaption>{_what(phase)}<br><small>{_when(view, phase)}</small>'
        "</figcaption></figure>\n"
        for _, _, phase in longest
        if (shown := picture(phase.path))
    )
    return f'<div class="pictures">\n{figures}</div>\n' if figures else ""


def _words(view: View, spans: Iterable[Span]) -> str:
    return bullets(
        f"{_when(view, phase)} {_what(phase)}{f' ({found})' if (found := sureness(phase)) else ''}"
        for _, _, phase in spans
    )


def _what(phase: Phase) -> str:
    return f"{swatch(style_of_phase(phase))}{title_of(phase.sky)}"


def _when(view: View, phase: Phase) -> str:
    start, end = view.clock(phase.start), view.clock(phase.end)
    if start == end:
        return clock(start)
    return f"{clock(start) if start.date() == end.date() else f'{start:%a %H:%M}'} to {clock(end)}"


def _named(view: View) -> str:
    return " named" if any(camera.name for camera in view.cameras) else ""


def _name(camera: Camera) -> str:
    return f"<h3>{text(camera.name)}</h3>" if camera.name else ""
