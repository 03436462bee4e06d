"""Where rows go: a file that is replaced, or standard output, and in which format."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TextIO

import click

from cloudedge.archive.photos import claims_to_be_photo
from cloudedge.cli.formats import STDOUT
from cloudedge.cli.text import to_terminal, to_text
from cloudedge.errors import CloudEdgeError, printable
from cloudedge.files import replacing_text
from cloudedge.row import Row
from cloudedge.row_formats import to_csv, to_json, to_jsonl


def open_output(target: str | None, stack: ExitStack) -> TextIO:
    """Open the file that is replaced at the end, or standard output."""
    if target is None or target in (STDOUT, "/dev/stdout"):  # opening the last one would truncate what `>>` keeps
        if sys.stdout is None:  # `>&-`, as opposed to a pipe whose reader has gone
            raise click.UsageError("standard output is closed; give -o FILE.")
        return sys.stdout
    refuse_photo(target)
    from cloudedge.archive.journal import refuse_to_replace  # takes a while to load
    from cloudedge.archive.locked_file import JournalError

    try:
        refuse_to_replace(target)
    except JournalError as error:
        raise click.BadParameter(f"{error}.", param_hint="--output") from error
    return stack.enter_context(_replaced(target))


@contextmanager
def _replaced(target: str) -> Iterator[TextIO]:
    """Open a file as `replacing_text` does; what goes wrong with it is told apart from what goes wrong in the block."""
    of_block: BaseException | None = None
    is_open = False
    try:
        with replacing_text(target) as stream:
            is_open = True
            try:
                yield stream
            except BaseException as error:
                of_block = error
                raise
    except OSError as error:
        if error is of_block:
            raise
        raise not_written(target, error) if is_open else unwritable(target, error) from error


@contextmanager
def writing(target: str | None) -> Iterator[None]:
    """Raise CloudEdgeError where the block cannot write to the output, None for standard output."""
    try:
        yield
    except BrokenPipeError:  # its reader has seen enough
        raise
    except OSError as error:
        raise not_written(target, error) from error


def not_written(target: str | None, error: OSError) -> CloudEdgeError:
    """Return the error for an output that takes no more."""
    name = "standard output" if target in (None, STDOUT) else target
    return CloudEdgeError(f"cannot be written: {error.strerror or error}", name)


def refuse_photo(target: str) -> None:
    """Raise click's error for a name such as `-o a.jpg`, so that a slip costs neither a photo nor a model."""
    if claims_to_be_photo(target) or target.endswith(".onnx"):
        problem = f"{printable(target)} has the name of a photo or of a model; choose another."
        raise click.BadParameter(problem, param_hint="--output")


def unwritable(target: str, error: OSError, option: str = "--output") -> click.BadParameter:
    """Return click's error for an output that cannot be written."""
    parent = os.path.dirname(target) or os.curdir
    why = error.strerror if os.path.isdir(parent) else "its folder does not exist"
    problem = f"{printable(target)} cannot be written: {why}."
    return click.BadParameter(problem, param_hint=option)


def writer(format_: str, top_k: int, terminal: bool) -> Callable[[Iterable[Row]], Iterator[str]]:
    """Return the generator that writes a format."""
    writers: dict[str, Callable[[Iterable[Row]], Iterator[str]]] = {
        "text": to_terminal if terminal else to_text,
        "json": to_json,
        "jsonl": to_jsonl,
        "csv": partial(to_csv, top_k=top_k),
    }
    return writers[format_]


def colour() -> bool | None:
    """Return False if colours are not wanted, None if click should check whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return the number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
