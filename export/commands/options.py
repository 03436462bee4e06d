"""What several commands share."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import click

from cloudedge.errors import CloudEdgeError
from export.data.catalogue import DEFAULT_ROOT

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class _Output(click.Path):
    """A file to write, in an existing folder: checked before any work."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = Path(value).parent
        if not folder.is_dir():
            self.fail(f"the folder {folder} does not exist; make it first", param, ctx)
        return super().convert(value, param, ctx)


OUTPUT = _Output(dir_okay=False, writable=True, path_type=Path)


class Commands(click.Group):
    """A group that reports wrong input in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CloudEdgeError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE or not error.strerror:  # the reader has gone, which click knows; or a fault
                raise
            named = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{named}{error.strerror}") from error


data_option = click.option(
    "--data",
    type=FOLDER,
    default=DEFAULT_ROOT,
    envvar="CLOUDEDGE_DATA",
    show_default=True,
    help="Folder with manifest.csv and the photos.",
)
weights_option = click.option(
    "--weights",
    type=FILE,
    help="Weights to start from instead of the recipe's. Figures are valid only for photos that these never saw.",
)
run_option = click.option("--run", type=FOLDER, help="Folder of the run.  [default: runs/NAME]")


def run_folder(run: Path | None, name: str) -> Path:
    """Make the folder of a run, `runs/NAME` unless the user gave one."""
    folder = run or Path("runs") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
