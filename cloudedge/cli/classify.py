"""`cloudedge classify`: a row for each photo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cloudedge.cli.access import Access, access_options
from cloudedge.cli.exit_codes import EXIT_CODES
from cloudedge.cli.formats import DATABASE, KEPT, STDOUT, format_of
from cloudedge.cli.inputs import STDIN, open_classifier
from cloudedge.cli.options import Answer, Moment, Shard, answer_options, exclude_option, glob_option, model_options
from cloudedge.files import is_address

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from cloudedge.camera.fetch import Fetcher


@click.command("classify", epilog=EXIT_CODES, short_help="Print a row for each photo.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "jsonl", "csv"]),
    help="[default: by the name of the output, else text]",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="Write to FILE, which is replaced at the end; a database (.db) is resumed.",
)
@click.option(
    "--resume", is_flag=True, help="Append to FILE the photos that it does not hold yet; needs .jsonl, .csv or .db."
)
@glob_option
@exclude_option
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Read sub-folders too.")
@click.option("--since", type=Moment(), metavar="TIME", help="Only photos taken at TIME or later.")
@click.option("--until", type=Moment(), metavar="TIME", help="Only photos taken before TIME.")
@click.option(
    "--sort",
    type=click.Choice(["name", "time"]),
    default="name",
    show_default=True,
    help="Classify in this order; by time, photos without a time come last.",
)
@click.option(
    "--shard", type=Shard(), metavar="I/N", help="Only the I-th of N parts of the photos, split by their paths."
)
@access_options
@answer_options
@model_options
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    paths: tuple[str, ...],
    format_: str | None,
    target: str | None,
    resume: bool,
    glob: str | None,
    exclude: tuple[str, ...],
    recursive: bool,
    since: datetime | None,
    until: datetime | None,
    sort: str,
    shard: tuple[int, int] | None,
    access: Access,
    model: str,
    threads: int | None,
    quiet: bool,
    top_k: int,
    crop: tuple[float, float, float, float] | None,
    min_confidence: float | None,
    location: tuple[float, float] | None,
    zone: ZoneInfo | None,
) -> None:
    """Print a row for each photo: its cloud genus, how sure that is, level, base and rain.

    PATH is a photo, a folder of photos (read with its sub-folders; links to folders are not followed), the address of a
    camera's picture (http:// or https://), or - for one photo on standard input. A photo that cannot be read is a row
    with status "error" and does not end the run.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("standard input (-) can be read only once.")
    format_ = format_of(target, format_)
    resume = resume or format_ == DATABASE
    if resume and (target in (None, STDOUT) or format_ not in KEPT or STDIN in paths):
        raise click.UsageError("--resume and .db need -o FILE (.jsonl, .csv or .db), and photos that are files.")
    if since and until:
        from cloudedge.photo.capture_time import is_before

        if not is_before(since, until):
            raise click.UsageError("--since must be before --until.")
    paths, cameras = _cameras_in(paths, access)
    answer = Answer(top_k, crop, min_confidence, location, zone)
    are_many = len(paths) > 1 or any(map(os.path.isdir, paths))
    classifier = open_classifier(model, threads, answer, side_by_side=are_many, wait=resume)
    # While the model is being opened, the rest is loaded, and the first photo is read.
    from cloudedge.archive.photos import Selection
    from cloudedge.cli.classifying import Choice, run

    choice = Choice(paths, cameras, Selection(glob, exclude, recursive), since, until, sort == "time", shard)
    run(classifier, answer, choice, target, format_, resume, quiet)


def _cameras_in(paths: tuple[str, ...], access: Access) -> tuple[tuple[str, ...], dict[str, Fetcher]]:
    """Return the paths, addresses without their passwords, and what fetches from each address."""
    if not any(map(is_address, paths)):
        return paths, {}
    from cloudedge.cli.camera import open_fetcher

    found = {path: open_fetcher(path, access) for path in paths if is_address(path)}
    shown = tuple(found[path].address.shown if path in found else path for path in paths)
    return shown, {fetcher.address.shown: fetcher for fetcher in found.values()}
