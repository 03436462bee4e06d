"""A report as one HTML page: no script, nothing from the network, readable on a phone and on paper, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

from cloudedge.report import days, sums
from cloudedge.report.pictures import Embedded, Picture
from cloudedge.report.view import View
from cloudedge.report.words import period, text


def make_page(view: View, source: str, on_gone: Callable[[str], object] = lambda path: None) -> Iterator[str]:
    """Yield the page piece by piece; `source` names the file that the rows came from.

    The path of each photo that is to be shown but cannot be read goes to `on_gone`.
    """
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{text(title_of(view))}</title>\n<style>\n{style()}</style>\n</head>\n<body>\n"
    )
    yield from body(view, source, Embedded(on_gone))
    yield "</body>\n</html>\n"


def style() -> str:
    """Return the style sheet."""
    return (files("cloudedge.report") / "report.css").read_text(encoding="utf-8")


def body(view: View, source: str, picture: Picture) -> Iterator[str]:
    """Yield what the page shows; `picture` shows a photo."""
    facts = [source, *([", ".join(view.models[:5])] if view.models else [])]
    if view.folder:
        facts.append(f"photos in {view.folder}")
    yield f"<header><h1>{text(title_of(view))}</h1><p>{text(' · '.join(facts))}</p></header>\n<main>\n"
    yield from days.latest(view, picture)
    yield from days.last_day(view, picture)
    yield from days.each_day(view, picture)
    yield from sums.figures(view)
    for camera in view.cameras:
        yield from sums.calendar(view, camera)
        yield from sums.shares(camera)
        yield from sums.table(camera)
    yield from sums.typical(view, picture)
    yield from sums.uncertain(view, picture)
    yield from sums.failed(view)
    yield "</main>\n<footer>Made by cloudedge. The genus is the model's best guess, not an observation.</footer>\n"


def title_of(view: View) -> str:
    """Return the heading: which time the captures are of."""
    return f"The sky, {period(view.first, view.last)}" if view.days else "The sky"
