"""`cloudedge convert`: a file of rows in another format."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from cloudedge.cli.formats import DATABASE, KEPT, format_of
from cloudedge.cli.inputs import STDIN
from cloudedge.cli.outputs import count, not_written
from cloudedge.cli.results import Rows, reading
from cloudedge.errors import CloudEdgeError, printable
from cloudedge.files import replacing, replacing_text
from cloudedge.row import Row, flat_columns, flatten, unflatten
from cloudedge.row_formats import csv_line, json_line

_EXIT_CODES = """Exit codes: 0 TARGET holds the rows; 1 it cannot be written; 2 wrong usage, or RESULTS does not hold
rows; 130 interrupted."""


@click.command("convert", epilog=_EXIT_CODES, short_help="Convert a file of rows: JSON Lines, CSV, database.")
@click.argument("results", metavar="RESULTS")
@click.argument("target", metavar="TARGET")
def command(results: str, target: str) -> None:
    """Write the rows of RESULTS to the new file TARGET, in the format of its name: .jsonl, .csv or .db.

    RESULTS is JSON Lines, JSON, CSV or a database. The keys of --resume and watch are kept, so TARGET can be resumed. A
    database holds one row of a photo and its key, the last one.
    """
    format_ = format_of(target, None)
    _check(results, target, format_)
    with reading(results) as rows:
        found, top_k, has_keys = _shape(rows)
        whole = _whole(rows, results)
        columns = [*flat_columns(top_k), *(["key"] if has_keys else [])]
        try:
            if format_ == DATABASE:
                number = _to_database(target, whole, top_k)
            else:
                number = _to_text(target, whole, columns if format_ == "csv" else None)
        except OSError as error:
            raise not_written(target, error) from error
    left_out = f", {found - number} left out that later ones replace" if number < found else ""
    click.echo(f"{printable(target)}: {count(number, 'row')}{left_out}", err=True)


def _check(results: str, target: str, format_: str) -> None:
    if results == STDIN:
        raise click.UsageError("RESULTS is read twice; give a file.")
    if format_ not in KEPT:
        problem = f"{printable(target)} does not name a format; choose a name that ends in .jsonl, .csv or .db."
        raise click.BadParameter(problem, param_hint="TARGET")
    for path in (target, f"{target}-wal"):  # SQLite would take what another database has left for a part of this one
        if os.path.lexists(path):
            raise click.BadParameter(
                f"{printable(path)} exists; choose another name, or remove it.", param_hint="TARGET"
            )


def _shape(rows: Rows) -> tuple[int, int, bool]:
    """Return the number of rows, how many genera a row names at most, and whether a row has a key."""
    number, top_k, has_keys = 0, 1, False
    for number, row in enumerate(rows(), start=1):  # noqa: B007
        has_keys = has_keys or bool(row.get("key"))
        top_k = max(top_k, _width(row))
    return number, top_k, has_keys


def _width(row: Row) -> int:
    return sum(name.startswith("top") and name.endswith("_genus") for name in row) or len(row.get("top") or [])


def _whole(rows: Rows, results: str) -> Iterator[Row]:
    """Yield each row as JSON Lines holds it; a row of CSV was flat."""
    for row in rows():
        whole = unflatten(row) if "level_name" in row else row
        if not (isinstance(whole.get("level"), dict | None) and isinstance(whole.get("top"), list)):
            raise CloudEdgeError("holds a row without level and top, which `classify` did not write", results)
        key = {"key": whole["key"]} if whole.get("key") else {}
        yield {name: value for name, value in whole.items() if name != "key"} | key  # the last, for --resume


def _to_database(target: str, rows: Iterator[Row], top_k: int) -> int:
    from cloudedge.archive.database import create_database  # it loads sqlite3

    with replacing(target) as temporary:
        return create_database(str(temporary), rows, top_k)


def _to_text(target: str, rows: Iterator[Row], columns: list[str] | None) -> int:
    number = 0
    with replacing_text(target) as stream:
        if columns:
            stream.write(csv_line(columns))
        for number, row in enumerate(rows, start=1):  # noqa: B007
            stream.write(csv_line(flatten(row, columns)) if columns else json_line(row))
    return number
