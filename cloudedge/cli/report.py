"""`cloudedge report`: months of rows as a page to look at."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from cloudedge.cli.options import Zone
from cloudedge.cli.outputs import count, open_output
from cloudedge.errors import CloudEdgeError
from cloudedge.row_formats import printable, read_rows

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@click.command("report", short_help="Make a page that shows months of rows at a glance.")
@click.argument("results", metavar="RESULTS")
@click.option("-o", "--output", "target", metavar="FILE", help="Write the page to FILE, which is replaced at the end.")
@click.option(
    "--timezone",
    "zone",
    type=Zone(),
    metavar="NAME",
    help="Convert times that have an offset to this zone, such as Europe/Vienna.  [default: unchanged]",
)
def command(results: str, target: str | None, zone: ZoneInfo | None) -> None:
    """Make one HTML page from RESULTS, a file of rows as JSON Lines, JSON or CSV.

    The page needs no network. It shows the genus by day and hour, the shares of genera and levels, what is uncertain,
    what failed, and small pictures where the photos still exist. A capture with a time that was classified twice counts
    once, by its last row.
    """
    from cloudedge.report.page import make_page
    from cloudedge.report.summary import summarise, without_repeats

    try:
        read = partial(read_rows, results)
        rows = without_repeats(read) if os.path.isfile(results) else read()  # a pipe can be read but once
        summary = summarise(rows, zone)
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="RESULTS") from error
    except OSError as error:
        problem = f"{printable(results)} cannot be read: {error.strerror}."
        raise click.BadParameter(problem, param_hint="RESULTS") from error
    if target is not None and target.lower().endswith((".jsonl", ".csv", ".json")):
        raise click.BadParameter(
            "the page is not a file of rows; choose a name that ends in .html.", param_hint="--output"
        )
    if target is not None and os.path.exists(target) and os.path.samefile(target, results):
        raise click.BadParameter("that is RESULTS itself; choose another name.", param_hint="--output")
    with ExitStack() as stack:
        stream = open_output(target, stack)
        for piece in make_page(summary, results):
            click.echo(piece, file=stream, nl=False)
    if by_file := summary.dated_by_file:
        of_all = f"{by_file} of {count(summary.captures, 'capture')}"
        click.echo(f"{of_all} placed by the file's time of change; the photos carry no other.", err=True)
