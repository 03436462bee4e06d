"""RESULTS: the rows that `classify` and `watch` wrote, read by the commands that show them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, BinaryIO, TypeAlias

import click

from cloudedge.archive.journal import SQLITE
from cloudedge.cli.inputs import STDIN
from cloudedge.cli.outputs import writing
from cloudedge.errors import CloudEdgeError
from cloudedge.row_formats import printable, rows_in

Rows: TypeAlias = Callable[[], Iterator[dict[str, Any]]]


@contextmanager
def reading(results: str, columns: Sequence[str] | None = None) -> Iterator[Rows]:
    """Open a file of rows, or - for standard input; what is given reads all rows, each time that it is called.

    Rows are in the order in which they came. They have at least the `columns` asked for, fields that are not objects; a
    database gives no others, which is faster. Rows that cannot be read raise click's error. Lines that are
    cut short are left out, and named on standard error at the end.
    """
    cut: set[int] = set()
    with ExitStack() as stack:
        with _problems_of(results):
            stream = stack.enter_context(_opened(results))
            read = _reader(stream, results, columns, cut)

        def rows() -> Iterator[dict[str, Any]]:
            with _problems_of(results):  # not those of the one who iterates
                yield from read()

        yield rows
    for number in cut:
        click.echo(f"{printable(results)}: line {number} is cut short, and is left out.", err=True)


@contextmanager
def _problems_of(results: str) -> Iterator[None]:
    """Raise click's error where rows cannot be read."""
    try:
        yield
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="RESULTS") from error
    except OSError as error:
        problem = f"{printable(results)} cannot be read: {error.strerror}."
        raise click.BadParameter(problem, param_hint="RESULTS") from error


def _reader(stream: BinaryIO, results: str, columns: Sequence[str] | None, cut: set[int]) -> Rows:
    if stream.read(len(SQLITE)) != SQLITE:

        def read_text() -> Iterator[dict[str, Any]]:
            stream.seek(0)
            return rows_in(stream, results, cut.add)

        return read_text
    if results == STDIN:
        raise CloudEdgeError("a database cannot be read from standard input; give its file")
    from cloudedge.archive.database import read_database  # it loads sqlite3

    return partial(read_database, results, columns)


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
