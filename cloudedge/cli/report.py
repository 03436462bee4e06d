"""`cloudedge report`: months of rows as a page to look at."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from cloudedge.cli.formats import STDOUT
from cloudedge.cli.inputs import STDIN
from cloudedge.cli.options import camera_option, shown_zone_option
from cloudedge.cli.outputs import count, open_output, writing
from cloudedge.cli.results import reading_tables
from cloudedge.errors import printable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EXIT_CODES = """Exit codes: 0 the page is written; 1 it cannot be written; 2 wrong usage, or RESULTS does not hold
rows; 4 another cloudedge is writing FILE; 130 interrupted."""


@click.command("report", epilog=_EXIT_CODES, short_help="Make a page that shows months of rows at a glance.")
@click.argument("results", metavar="RESULTS")
@click.option("-o", "--output", "target", metavar="FILE", help="Write the page to FILE, which is replaced at the end.")
@shown_zone_option
@camera_option
def command(results: str, target: str | None, zone: ZoneInfo | None, pattern: str | None) -> None:
    """Make one HTML page from RESULTS: rows as JSON Lines, JSON, CSV or a database, or - for standard input.

    The page needs no network. It shows the latest capture, the last 24 hours, each day, the shares of genera and
    levels, what is uncertain or failed, and small pictures where the photos still exist. Each camera has rows of its
    own. A capture with a time that was classified twice counts once, by its last row; a failure that was cured later
    does not count.
    """
    from cloudedge.report.captures import COLUMNS, KIND, Captures
    from cloudedge.report.page import make_page
    from cloudedge.report.view import view_of

    _check_output(results, target)
    captures = Captures(pattern, zone)
    with reading_tables(results, COLUMNS, KIND) as (tables, rows_again):
        for table in tables:
            captures.add(table)
        view = view_of(captures, rows_again)
    gone: set[str] = set()
    with ExitStack() as stack:
        stream = open_output(target, stack)
        for piece in make_page(view, "standard input" if results == STDIN else results, gone.add):
            with writing(target):
                click.echo(piece, file=stream, nl=False)
    if target not in (None, STDOUT):
        days = f" of {count(len(view.days), 'day')}" if view.days else ""
        found = f"{count(view.captures, 'capture')}{days}, {view.failed} failed"
        click.echo(f"{printable(str(target))}: {found}", err=True)
    if by_file := view.by_file_time:
        of_all = f"{by_file} of {count(view.captures, 'capture')}"
        click.echo(f"{of_all} placed by the file's time of change; the photos carry no other.", err=True)
    if gone:
        problem = "cannot be read any more, so the page lacks their pictures"
        click.echo(f"{count(len(gone), 'photo')} {problem}, for example {printable(min(gone))}.", err=True)
    if zone and not captures.has_offset:
        click.echo("--timezone changed nothing: no time has an offset.", err=True)


def _check_output(results: str, target: str | None) -> None:
    if target is None and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("the page is HTML, not for a terminal; add -o FILE.html.")
    if target is not None and target.lower().endswith((".jsonl", ".csv", ".json")):
        raise click.BadParameter(
            "the page is not a file of rows; choose a name that ends in .html.", param_hint="--output"
        )
    if target is not None and all(map(os.path.exists, (target, results))) and os.path.samefile(target, results):
        raise click.BadParameter("that is RESULTS itself; choose another name.", param_hint="--output")
