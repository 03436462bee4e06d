"""`cloudedge phases`: when the sky changed, from the rows of a camera."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cloudedge.cameras import COLUMNS, alternating, captures_by_camera
from cloudedge.cli.formats import format_of
from cloudedge.cli.options import camera_option, shown_zone_option
from cloudedge.cli.outputs import count, open_output, writing
from cloudedge.cli.results import reading
from cloudedge.errors import printable
from cloudedge.phases import Capture, Phase, phases
from cloudedge.row import NAMELESS, Row
from cloudedge.row_formats import csv_line, to_json, to_jsonl

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EXIT_CODES = """Exit codes: 0 the phases are written; 1 they cannot be written; 2 wrong usage, or RESULTS does not hold
rows; 4 another cloudedge is writing FILE; 130 interrupted."""


@click.command("phases", epilog=_EXIT_CODES, short_help="Print when the sky changed.")
@click.argument("results", metavar="RESULTS")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "jsonl", "csv"]),
    help="[default: by the name of the output, else text]",
)
@click.option("-o", "--output", "target", metavar="FILE", help="Write to FILE, which is replaced at the end.")
@camera_option
@shown_zone_option
def command(results: str, format_: str | None, target: str | None, pattern: str | None, zone: ZoneInfo | None) -> None:
    """Print the phases of the sky in RESULTS: rows as JSON Lines, JSON, CSV or a database, or - for standard input.

    A phase is a run of captures of one camera that show the same sky. Single captures that differ from those around
    them do not end it: the skies are smoothed over time. Rows may come in any order; a capture that was classified
    twice counts once, by its last row.
    """
    if target is not None and all(map(os.path.exists, (target, results))) and os.path.samefile(target, results):
        raise click.BadParameter("that is RESULTS itself; choose another name.", param_hint="--output")
    undated: list[str] = []
    with reading(results, COLUMNS) as rows:
        cameras = captures_by_camera(_noting_undated(rows(), undated), pattern)
    found = (_in_zone(phase, zone) for camera, captures in cameras.items() for phase in phases(captures, camera))
    with ExitStack() as stack:
        stream = open_output(target, stack)
        for piece in _WRITERS[format_of(target, format_)](found):
            with writing(target):
                click.echo(piece, file=stream, nl=False)
    if undated:
        left_out = count(len(undated), "capture")
        click.echo(f"{left_out} without a time left out, for example {printable(undated[0])}.", err=True)
    _report(cameras, pattern, zone)


def _noting_undated(rows: Iterable[Row], undated: list[str]) -> Iterator[Row]:
    for row in rows:
        if row["status"] == "ok" and not row["captured_at"]:
            undated.append(row["path"])
        yield row


def _in_zone(phase: Phase, zone: ZoneInfo | None) -> Phase:
    return replace(phase, start=_converted(phase.start, zone), end=_converted(phase.end, zone))


def _converted(moment: datetime, zone: ZoneInfo | None) -> datetime:
    return moment.astimezone(zone) if zone and moment.tzinfo else moment


def _to_text(found: Iterable[Phase]) -> Iterator[str]:
    """Write the phases below the day on which they begin."""
    above = None
    for phase in found:
        heading = f"{phase.start:%Y-%m-%d}"
        if phase.camera is not None:
            heading = f"{printable(phase.camera)}, {heading}"
        if heading != above:
            yield f"{heading}\n"
        above = heading
        until = "%H:%M" if phase.end.date() == phase.start.date() else "%Y-%m-%d %H:%M"
        yield f"  {phase.start:%H:%M}-{phase.end:{until}}  {summary(phase)}\n"


def summary(phase: Phase) -> str:
    """Return what a phase shows, in words."""
    words = [NAMELESS.get(phase.sky, phase.sky), count(phase.captures, "capture")]
    if phase.sky not in NAMELESS:
        words.append(f"{phase.certain / phase.captures:.0%} certain")
    return ", ".join(words)


def _to_csv(found: Iterable[Phase]) -> Iterator[str]:
    yield csv_line(_COLUMNS)
    for phase in map(_plain, found):
        yield csv_line(phase[name] for name in _COLUMNS)


def _plain(phase: Phase) -> dict[str, Any]:
    return {**asdict(phase), "start": phase.start.isoformat(), "end": phase.end.isoformat()}


_COLUMNS = [field.name for field in fields(Phase)]
_WRITERS = {
    "text": _to_text,
    "json": lambda found: to_json(map(_plain, found)),
    "jsonl": lambda found: to_jsonl(map(_plain, found)),
    "csv": _to_csv,
}


def _report(cameras: dict[str | None, list[Capture]], pattern: str | None, zone: ZoneInfo | None) -> None:
    """Say on standard error what the phases do not show."""
    if not cameras:
        click.echo("No row has a time, so there are no phases.", err=True)
    if pattern and None in cameras:
        unnamed = count(len(cameras[None]), "capture")
        click.echo(f"{unnamed} not matched by --camera, for example {printable(cameras[None][0].path)}.", err=True)
    for captures in cameras.values():
        if paths := alternating(captures):
            one, other = map(printable, paths)
            problem = "if these are two cameras, tell them apart with --camera"
            click.echo(f"Captures like {one} and {other} take turns; {problem}.", err=True)
    if zone and cameras and not any(capture.moment.tzinfo for found in cameras.values() for capture in found):
        click.echo("--timezone changed nothing: no time has an offset.", err=True)
