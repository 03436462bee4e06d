"""`clean`: look at doubtful labels, and apply decisions."""

from __future__ import annotations

from pathlib import Path

import click

from cloudedge.errors import CloudEdgeError
from export.commands.options import FILE, Commands, data_option, run_folder, run_option
from export.data import cleaning, decisions
from export.data.catalogue import load_catalogue


@click.group("clean", cls=Commands, invoke_without_command=True)
@click.option("--losses", type=FILE, multiple=True, help="CSV of file and loss, of photos that training did not see.")
@click.option("--limit", type=click.IntRange(min=1), default=300, show_default=True, help="Photos of each queue.")
@data_option
@run_option
@click.pass_context
def clean(context: click.Context, losses: tuple[Path, ...], limit: int, data: Path, run: Path | None) -> None:
    """Make a page that shows doubtful labels, to keep, drop or relabel photos by key press.

    It contains the photos: do not pass it on if you may not pass them on.
    """
    if context.invoked_subcommand:
        return
    photos = load_catalogue(data)
    queues = cleaning.queues_of(photos, cleaning.read_losses(losses, photos), limit)
    if not queues:
        raise click.ClickException("no label is doubtful; give --losses of a model")
    page = run_folder(run, "clean") / "clean.html"
    cleaning.write_page(data, queues, decisions.read_decisions(decisions.PATH), page)
    click.echo(page)


@clean.command()
@click.argument("made", type=FILE, metavar="DECISIONS.CSV")
@data_option
def apply(made: Path, data: Path) -> None:
    """Merge the decisions made on the page into export/corrections/decisions.csv, which every command reads."""
    news = decisions.read_decisions(made)
    known = {(photo.file, photo.sha256) for photo in load_catalogue(data)}
    for file, sha256 in news:
        if (file, sha256) not in known:
            raise CloudEdgeError(f"{file} ({sha256[:8]}) is not in {data / 'manifest.csv'}", str(made))
    click.echo(f"{decisions.PATH}: {decisions.merge(news, decisions.PATH)} decisions")
