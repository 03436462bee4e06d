"""RESULTS: the rows that `classify` and `watch` wrote, read by the commands that show them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, BinaryIO, TypeAlias

import click

from cloudedge.cli.inputs import STDIN
from cloudedge.cli.outputs import writing
from cloudedge.errors import CloudEdgeError
from cloudedge.row_formats import printable, rows_in

Rows: TypeAlias = Callable[[], Iterator[dict[str, Any]]]


@contextmanager
def reading(results: str) -> Iterator[Rows]:
    """Open a file of rows, or - for standard input; what is given reads all rows, each time that it is called.

    In the block, rows that cannot be read raise click's error. Lines that are cut short are left out, and named on
    standard error at the end.
    """
    cut: set[int] = set()
    try:
        with _opened(results) as stream:

            def rows() -> Iterator[dict[str, Any]]:
                stream.seek(0)
                return rows_in(stream, results, cut.add)

            yield rows
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="RESULTS") from error
    except OSError as error:
        problem = f"{printable(results)} cannot be read: {error.strerror}."
        raise click.BadParameter(problem, param_hint="RESULTS") from error
    for number in cut:
        click.echo(f"{printable(results)}: line {number} is cut short, and is left out.", err=True)


@contextmanager
def _opened(results: str) -> Iterator[BinaryIO]:
    """Open the file of rows; what cannot be read twice is kept in a temporary file."""
    if results == STDIN and sys.stdin is None:
        raise click.UsageError("standard input is closed; give a file.")
    with ExitStack() as stack:
        stream = sys.stdin.buffer if results == STDIN else stack.enter_context(open(results, "rb"))
        if stream.seekable():
            yield stream
            return
        import tempfile

        with writing(tempfile.gettempdir()):
            kept = stack.enter_context(tempfile.TemporaryFile())
        for piece in iter(partial(stream.read, 1 << 20), b""):
            with writing(tempfile.gettempdir()):
                kept.write(piece)
        yield kept
