"""`data`: look at labelled photos, and import new ones."""

from __future__ import annotations

from pathlib import Path

import click

from cloudedge.errors import printable
from export.commands.options import FILE, FOLDER, Commands, data_option, run_folder, run_option
from export.data import fetching, importing, survey
from export.data.catalogue import load_catalogue


@click.group("data", cls=Commands)
def data_commands() -> None:
    """Look at labelled photos, and import new ones."""


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


@data_commands.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--into", type=FOLDER, help="Where the CCSN archive is unpacked.  [default: beside it]")
def import_command(source: Path, into: Path | None) -> None:
    """Write the manifest of SOURCE: a folder with one folder per genus, or the archive CCSN.zip, which is unpacked.

    The folders are named after the genera or their abbreviations. The photos of a folder stay where they are.
    """
    if into and source.is_dir():
        raise click.UsageError("--into is for an archive; the photos of a folder stay where they are")
    root = source if source.is_dir() else into or source.with_suffix("")
    if (root / "manifest.csv").exists():
        raise click.UsageError(f"{root / 'manifest.csv'} exists; move it away to make a new one")
    if not source.is_dir():
        importing.unpack_ccsn(source, root)
    _tell(importing.catalogue(root), root)


@data_commands.command()
@click.argument("urls", type=FILE)
@click.argument("folder", type=FOLDER)
def fetch(urls: Path, folder: Path) -> None:
    """Download the photos of URLS, a CSV file with the columns url and genus, into FOLDER, with a manifest.

    FOLDER/fetched.csv says what became of each address. Run again, it retries what is missing or failed.
    """
    if (folder / "manifest.csv").exists() and not (folder / "fetched.csv").exists():
        raise click.UsageError(f"{folder} holds a data set that was not downloaded; give another folder")
    wanted = fetching.read_list(urls)
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = fetching.fetch(wanted, folder)
    failed = [outcome for outcome in outcomes if outcome.problem]
    for outcome in failed:
        click.echo(printable(f"{outcome.url}: {outcome.problem}"), err=True)
    came = f"{len(outcomes) - len(failed)} of {len(outcomes)} photos were downloaded; {folder / 'fetched.csv'}"
    if len(failed) == len(outcomes):
        raise click.ClickException(f"{came} says why")
    click.echo(came)
    _tell(importing.catalogue(folder), folder)


def _tell(result: importing.Catalogued, root: Path) -> None:
    for file, problem in result.left_out.items():
        click.echo(f"{printable(str(root / file))}: {problem}; left out", err=True)
    for name in result.other_folders:
        click.echo(f"{printable(name)}: is not a genus; training never uses its photos as one", err=True)
    click.echo(f"{root / 'manifest.csv'}: {result.photos} photos, {result.conflicts} of them under two genera")
    if result.conflicts:
        click.echo("For these only reviews count; without reviews they are not used. `clean` shows them", err=True)
