"""RESULTS: the rows that `classify` and `watch` wrote, read by the commands that show them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, BinaryIO, Protocol, TypeAlias, TypeVar

import click

from cloudedge.archive.journal import SQLITE
from cloudedge.cli.inputs import STDIN
from cloudedge.cli.outputs import writing
from cloudedge.errors import CloudEdgeError, printable
from cloudedge.row import Table
from cloudedge.row_file import RowFile

Rows: TypeAlias = Callable[[], Iterator[dict[str, Any]]]
Tables: TypeAlias = Iterator[Table]
RowsAgain: TypeAlias = Callable[[Iterable[int]], Iterator[dict[str, Any]]]
T = TypeVar("T")


class _Source(Protocol):
    """A file of rows that is open, text or a database."""

    def rows(self, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
        """Yield all rows, with at least these columns."""

    def tables(self, columns: Sequence[str], together: Sequence[str]) -> Tables:
        """Yield columns of all rows, many rows at a time; the last column holds those `together`."""

    def again(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield some of the rows in the tables, whole, by their numbers from 0 on."""


@contextmanager
def reading(results: str, columns: Sequence[str] | None = None) -> Iterator[Rows]:
    """Open a file of rows, or - for standard input; what is given reads all rows, each time that it is called.

    Rows are in the order in which they came. They have at least the `columns` asked for, fields that are not objects; a
    database gives no others, which is faster. Rows that cannot be read raise click's error. Lines that are
    cut short are left out, and named on standard error at the end.
    """
    with _opened(results) as source:
        yield lambda: _guarded(source.rows(columns), results)


@contextmanager
def reading_tables(results: str, columns: Sequence[str], together: Sequence[str]) -> Iterator[tuple[Tables, RowsAgain]]:
    """Open a file of rows as `reading` does; what is given are columns of all rows, and what reads some rows again.

    The last column holds those `together`, as a tuple or a JSON array. Rows are read again by their numbers, in the
    order in which they came.
    """
    with _opened(results) as source:
        tables = _guarded(source.tables(columns, together), results)
        yield tables, lambda numbers: _guarded(source.again(numbers), results)


@contextmanager
def _opened(results: str) -> Iterator[_Source]:
    cut: set[int] = set()
    with ExitStack() as stack:
        with _problems_of(results):
            source = _source(stack.enter_context(_opened_file(results)), results, cut.add)
        yield source
    for number in cut:
        click.echo(f"{printable(results)}: line {number} is cut short, and is left out.", err=True)


def _guarded(read: Iterator[T], results: str) -> Iterator[T]:
    with _problems_of(results):  # not those of the one who iterates
        yield from read


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


def _source(stream: BinaryIO, results: str, on_cut: Callable[[int], object]) -> _Source:
    if stream.read(len(SQLITE)) != SQLITE:
        return RowFile(stream, results, on_cut)
    if results == STDIN:
        raise CloudEdgeError("a database cannot be read from standard input; give its file")
    from cloudedge.archive.stored_rows import StoredRows  # it loads sqlite3

    return StoredRows(results)


@contextmanager
def _opened_file(results: str) -> Iterator[BinaryIO]:
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
