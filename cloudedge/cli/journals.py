"""The file that is both output and journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cloudedge.archive.journal import Journal
from cloudedge.cli.formats import DATABASE
from cloudedge.cli.inputs import settings_of
from cloudedge.cli.options import Answer
from cloudedge.cli.outputs import count, refuse_photo, unwritable
from cloudedge.errors import BusyError, CloudEdgeError, printable

if TYPE_CHECKING:  # they load sqlite3, numpy and onnxruntime, which --help does not need
    from cloudedge.archive.database import Database
    from cloudedge.classifier import CloudClassifier


def open_journal(
    target: str,
    format_: str,
    classifier: CloudClassifier,
    answer: Answer,
    replay: Callable[[dict[str, Any]], object] | None = None,
) -> Journal | Database:
    """Open the file that is both output and journal; raise click's error, which says why, if that fails."""
    refuse_photo(target)
    try:
        opened = _opened(target, format_, answer.top_k, settings_of(classifier, answer), replay)
    except BusyError:
        raise
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="--output") from error
    except OSError as error:
        raise unwritable(target, error) from error
    spec = classifier.model.spec
    others = sum(number for model, number in opened.models.items() if model != f"{spec.name} {spec.version}")
    if others:
        rows = f"{count(others, 'row')} of another model"
        again = "stays, and its photo is" if others == 1 else "stay, and their photos are"
        click.echo(f"{printable(target)}: {rows} {again} classified again.", err=True)
    return opened


def _opened(
    target: str, format_: Any, top_k: int, settings: str, replay: Callable[[dict[str, Any]], object] | None
) -> Journal | Database:
    if format_ != DATABASE:
        return Journal(target, format_, top_k, settings, replay)
    from cloudedge.archive.database import Database  # it loads sqlite3

    return Database(target, top_k, settings, replay)
