"""How a page names skies, times and shares, and the few elements of HTML that it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from html import escape

from cloudedge.errors import printable
from cloudedge.genera import GENERA
from cloudedge.phases import SKIES, Phase
from cloudedge.row import NAMELESS, percent

TITLES = [*(genus.name for genus in GENERA), *NAMELESS.values()]  # by the index of a sky
STYLES = [*(genus.abbreviation for genus in GENERA), *NAMELESS]  # the same as classes
LEVELS = {level: [i for i, genus in enumerate(GENERA) if genus.level == level] for level in ("high", "middle", "low")}
GENUS_COUNT = len(GENERA)
GROUPS = {f"{level.capitalize()} clouds": skies for level, skies in LEVELS.items()} | {
    "No genus": [*range(GENUS_COUNT, len(SKIES))]
}


def text(words: str) -> str:
    """Return words of any origin as HTML."""
    return escape(printable(words))


def style_of(sky: str, is_certain: bool) -> str:
    """Return the class of a sky; a genus is faded where it is not certain."""
    index = SKIES.index(sky)
    return STYLES[index] if is_certain or index >= GENUS_COUNT else f"{STYLES[index]} doubt"


def style_of_phase(phase: Phase) -> str:
    """Return the class of a phase; a genus is faded unless most captures are certain of it."""
    return style_of(phase.sky, 2 * phase.certain > phase.captures)


def title_of(sky: str) -> str:
    """Return the name of a sky."""
    return TITLES[SKIES.index(sky)]


def sureness(phase: Phase) -> str:
    """Say how sure a phase is of its genus; nothing where there is no genus."""
    if SKIES.index(phase.sky) >= GENUS_COUNT or phase.probability is None:
        return ""
    return f"{percent(phase.probability)}, certain in {phase.certain:,} of {phase.captures:,}"


def clock(moment: datetime) -> str:
    """Return the time of day."""
    return f"{moment:%H:%M}"


def day(moment: date) -> str:
    """Return a date with its year."""
    return f"{moment.day} {moment:%B} {moment.year}"


def period(first: date, last: date) -> str:
    """Return two dates as a period; what they have in common stands once."""
    if first == last:
        return day(first)
    if first.year != last.year:
        return f"{day(first)} to {day(last)}"
    if first.month != last.month:
        return f"{first.day} {first:%B} to {day(last)}"
    return f"{first.day} to {day(last)}"


def length(time: timedelta) -> str:
    """Return a length of time in the units that matter."""
    hours, minutes = divmod(round(time.total_seconds() / 60), 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def share(part: int, whole: int) -> str:
    """Return a share as a percentage with one digit."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def swatch(style: str) -> str:
    """Return a small square in the colour of a class."""
    return f'<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><path class="{style}" d="M0 0h1v1h-1z"/></svg>'


def legend() -> str:
    """Return what the colours mean."""
    lists = (
        f"<ul><li><b>{name}</b></li>{''.join(f'<li>{swatch(STYLES[sky])}{TITLES[sky]}</li>' for sky in skies)}</ul>"
        for name, skies in GROUPS.items()
    )
    marks = ("doubt", "Uncertain: faded"), ("none", "No capture: striped"), ("night", "Night: darker")
    items = "".join(f"<li>{swatch(f'Cu {style}' if style != 'none' else style)}{name}</li>" for style, name in marks)
    return f'<div class="legend">{"".join(lists)}<ul><li><b>Shading</b></li>{items}</ul></div>\n'


def bullets(items: Iterable[str]) -> str:
    """Return a list of HTML items; nothing where there are none."""
    found = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{found}</ul>\n" if found else ""


def details(name: str, title: str, content: str, is_open: bool = False) -> str:
    """Return what opens below its title; the name is its own on the page, so that a live page can keep it open."""
    shown = " open" if is_open else ""
    return f'<details id="{text(name)}"{shown}><summary>{title}</summary>{content}</details>\n'
