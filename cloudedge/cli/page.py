"""`cloudedge page`: the page as a folder that any static host can serve."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cloudedge.cli.inputs import broken_library
from cloudedge.cli.outputs import count, unwritable
from cloudedge.errors import CloudEdgeError, ModelError, printable

_EXIT_CODES = """Exit codes: 0 the page is written; 2 wrong usage, or DIR cannot be written; 3 the model or onnxruntime
cannot be used; 130 interrupted."""


@click.command("page", epilog=_EXIT_CODES, short_help="Write a page that names clouds in the visitor's browser.")
@click.option(
    "-o", "--output", "target", required=True, metavar="DIR", help="The folder; an earlier page in it is replaced."
)
@click.option(
    "--model", default="lite0", show_default=True, metavar="NAME|PATH", help="A packaged model, or an .onnx file."
)
def command(target: str, model: str) -> None:
    """Write a page that names clouds in the visitor's browser, without a server of its own.

    Any host of static files can serve the folder. The page runs the model itself: photos stay on the visitor's
    device, and after the first visit it works offline.
    """
    try:
        from cloudedge.model import Model
        from cloudedge.page.folder import write_page
    except ImportError as error:
        raise broken_library(error) from error
    opened = Model(model, 1)
    try:
        contents = write_page(opened, Path(target))
    except OSError as error:
        raise unwritable(target, error) from error
    except ModelError:
        raise
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="--output") from error
    size = sum(map(len, contents.values())) / 1e6
    name = f"{opened.spec.name} {opened.spec.version}"
    click.echo(f"{printable(target)}: {count(len(contents), 'file')}, {size:.1f} MB, with {name}.", err=True)
    click.echo(f"To look at it: python3 -m http.server --directory {printable(shlex.quote(target))}", err=True)
