"""`data`: look at labelled photos."""

from __future__ import annotations

from pathlib import Path

import click

from export import survey
from export.commands.options import Commands, data_option, run_folder, run_option
from export.dataset import load_catalogue


@click.group("data", cls=Commands)
def data_commands() -> None:
    """Look at labelled photos, and bring new ones in."""


@data_commands.command()
@data_option
@run_option
def show(data: Path, run: Path | None) -> None:
    """Count photos and sizes, find duplicates and contradictions, draw a contact sheet for each genus."""
    folder = run_folder(run, "data")
    found = survey.survey(data, load_catalogue(data))
    survey.write(found, folder)
    counted = survey.summary(found)
    for name, count in (*counted["genera"].items(), *counted["sizes"].items()):
        click.echo(f"{count:6}  {name}")
    for name in ("duplicate_pairs", "mirrored_pairs", "contradicting_pairs", "contradicted_photos"):
        click.echo(f"{counted[name]:6}  {name.replace('_', ' ')}")
    for file, problem in found.unreadable.items():
        click.echo(f"{data / file}: {problem}", err=True)
    click.echo(folder)
