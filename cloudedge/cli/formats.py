"""The formats of rows, and which one an output gets."""

from __future__ import annotations

import os

import click

from cloudedge.errors import printable

STDOUT = "-"
DATABASE = "db"
KEPT = ("jsonl", "csv", DATABASE)  # the formats of files to which rows are added


def format_of(target: str | None, format_: str | None, otherwise: str = "text") -> str:
    """Return the format asked for, else the one in the extension of the output.

    Raises click's error where something else than a database is to go into a file with the name of one.
    """
    extension = os.path.splitext(target or "")[1].lower().removeprefix(".")
    if format_ and extension == DATABASE:
        problem = f"{printable(str(target))} has the name of a database; leave out --format, or choose another name."
        raise click.BadParameter(problem, param_hint="--output")
    return format_ or (extension if extension in ("json", *KEPT) else otherwise)
