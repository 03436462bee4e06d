"""`cloudedge report`: months of rows as a page to look at."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cloudedge.cli.inputs import STDIN
from cloudedge.cli.options import Zone
from cloudedge.cli.outputs import STDOUT, count, open_output, writing
from cloudedge.errors import CloudEdgeError
from cloudedge.row_formats import printable, rows_in

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cloudedge.report.summary import Summary

_EXIT_CODES = """Exit codes: 0 the page is written; 1 it cannot be written; 2 wrong usage, or RESULTS does not hold
rows; 4 another cloudedge is writing FILE; 130 interrupted."""


@click.command("report", epilog=_EXIT_CODES, short_help="Make a page that shows months of rows at a glance.")
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
    """Make one HTML page from RESULTS, a file of rows as JSON Lines, JSON or CSV, or - for standard input.

    The page needs no network. It shows the genus by day and hour, the shares of genera and levels, what is uncertain,
    what failed, and small pictures where the photos still exist. A capture with a time that was classified twice counts
    once, by its last row; a failure that was cured later does not count.
    """
    from cloudedge.report.page import make_page

    _check_output(results, target)
    summary = _summarise(results, zone)
    gone: set[str] = set()
    with ExitStack() as stack:
        stream = open_output(target, stack)
        for piece in make_page(summary, "standard input" if results == STDIN else results, gone.add):
            with writing(target):
                click.echo(piece, file=stream, nl=False)
    if target not in (None, STDOUT):
        days = f" of {count(len(summary.days), 'day')}" if summary.days else ""
        found = f"{count(summary.captures, 'capture')}{days}, {summary.failed} failed"
        click.echo(f"{printable(str(target))}: {found}", err=True)
    if by_file := summary.dated_by_file:
        of_all = f"{by_file} of {count(summary.captures, 'capture')}"
        click.echo(f"{of_all} placed by the file's time of change; the photos carry no other.", err=True)
    if gone:
        problem = "cannot be read any more, so the page lacks their pictures"
        click.echo(f"{count(len(gone), 'photo')} {problem}, for example {printable(min(gone))}.", err=True)
    if zone and not summary.with_offset:
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


def _summarise(results: str, zone: ZoneInfo | None) -> Summary:
    from cloudedge.report.summary import summarise, without_repeats

    cut: set[int] = set()
    try:
        with _opened(results) as stream:

            def read() -> Iterator[dict[str, Any]]:
                if stream.seekable():
                    stream.seek(0)
                return rows_in(stream, results, cut.add)

            summary = summarise(without_repeats(read) if stream.seekable() else read(), zone)
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="RESULTS") from error
    except OSError as error:
        problem = f"{printable(results)} cannot be read: {error.strerror}."
        raise click.BadParameter(problem, param_hint="RESULTS") from error
    for number in cut:
        click.echo(f"{printable(results)}: line {number} is cut short, and is left out.", err=True)
    return summary


@contextmanager
def _opened(results: str) -> Iterator[BinaryIO]:
    """Open the file of rows; what comes through a pipe is kept in a temporary file, because it is read twice."""
    if results == STDIN and sys.stdin is None:
        raise click.UsageError("standard input is closed; give a file.")
    with ExitStack() as stack:
        stream = sys.stdin.buffer if results == STDIN else stack.enter_context(open(results, "rb"))
        mode = os.fstat(stream.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            yield stream
            return
        import tempfile

        with writing(tempfile.gettempdir()):
            kept = stack.enter_context(tempfile.TemporaryFile())
        for piece in iter(partial(stream.read, 1 << 20), b""):
            with writing(tempfile.gettempdir()):
                kept.write(piece)
        yield kept
