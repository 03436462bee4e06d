"""`cloudedge classify`: a row for each photo."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import click

from cloudedge import signals
from cloudedge.archive.ledger import Ledger, signature
from cloudedge.archive.photo_list import collected
from cloudedge.archive.photos import Selection, find_photos, in_shard, taken_between
from cloudedge.cli.camera import Access, Snapshot, access_options, open_fetcher, take_snapshot
from cloudedge.cli.exit_codes import EXIT_CODES, INTERRUPTED, NOT_ALL_CLASSIFIED
from cloudedge.cli.inputs import STDIN, open_classifier, standard_input
from cloudedge.cli.options import Answer, Moment, Shard, answer_options, exclude_option, glob_option, model_options
from cloudedge.cli.outputs import (
    DATABASE,
    KEPT,
    STDOUT,
    colour,
    count,
    format_of,
    open_journal,
    open_output,
    writer,
    writing,
)
from cloudedge.cli.tally import Tally
from cloudedge.cli.text import fit
from cloudedge.files import is_address
from cloudedge.photo.capture_time import is_before
from cloudedge.row import Row, row_of
from cloudedge.row_formats import printable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cloudedge.camera.fetch import Fetcher
    from cloudedge.classifier import CloudClassifier
    from cloudedge.photo.read import Source


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
    if since and until and not is_before(since, until):
        raise click.UsageError("--since must be before --until.")
    cameras = {path: open_fetcher(path, access) for path in paths if is_address(path)}
    paths = tuple(cameras[path].address.shown if path in cameras else path for path in paths)
    cameras = {fetcher.address.shown: fetcher for fetcher in cameras.values()}
    answer = Answer(top_k, crop, min_confidence, location, zone)
    classifier = open_classifier(model, threads, answer)
    tally, existed = Tally(), target is not None and os.path.exists(target)
    try:
        with ExitStack() as stack:
            journal: Ledger | None = None
            if target is not None and resume:
                journal = stack.enter_context(open_journal(target, format_, classifier, answer))
            stream = None if journal else open_output(target, stack)
            photos = _selected(paths, tally, journal, Selection(glob, exclude, recursive), since, until, shard)
            progress: Callable[[], object] = lambda: None  # noqa: E731
            has_bar = not quiet and sys.stderr.isatty() and not (stream and stream.isatty())
            if has_bar or sort == "time":
                photos = listed = stack.enter_context(collected(photos, by_time=sort == "time"))
                if has_bar and len(listed) > 1:
                    progress = _progress(len(listed), tally, stack)

            def skip() -> None:
                tally.done_before += 1
                progress()

            rows = _keyed_rows(photos, journal, classifier, skip, cameras)
            rows = _counted(rows, tally, progress)
            if target is not None and journal:
                _append(rows, tally, journal, target)
            elif stream:
                _print((row for row, _ in rows), stream, target, writer(format_, top_k, stream.isatty()))
    except KeyboardInterrupt:
        fate = "is unchanged" if existed else "has not been made"
        kept = "" if target in (None, STDOUT) else f"; {printable(str(target))} {fate}"
        kept = "; the same command resumes from here" if resume else kept
        click.echo(f"Interrupted after {count(tally.photos, 'photo')}{kept}.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    _close(tally, quiet, target, by_time=bool(since or until or sort == "time"))


def _selected(
    paths: tuple[str, ...],
    tally: Tally,
    journal: Ledger | None,
    selection: Selection,
    since: datetime | None,
    until: datetime | None,
    shard: tuple[int, int] | None,
) -> Iterable[str]:
    photos: Iterable[str] = find_photos(paths, selection, tally.skip, tally.report_folder, tally.pass_over)
    if shard:
        photos = _of_shard(photos, shard, tally)
    if journal:
        photos = _to_do(photos, journal, tally)
    if since or until:  # last, because it opens the files
        photos = taken_between(photos, since, until, tally.leave_out)
    return photos


def _of_shard(photos: Iterable[str], shard: tuple[int, int], tally: Tally) -> Iterator[str]:
    for path in photos:
        if in_shard(path, *shard):
            yield path
        else:
            tally.of_other_shards += 1


def _to_do(photos: Iterable[str], journal: Ledger, tally: Tally) -> Iterator[str]:
    for path in photos:
        if journal.has(path, signature(path)):
            tally.done_before += 1
        else:
            yield path


def _keyed_rows(
    photos: Iterable[str],
    journal: Ledger | None,
    classifier: CloudClassifier,
    skip: Callable[[], object],
    cameras: Mapping[str, Fetcher],
) -> Iterator[tuple[Row, str]]:
    """Classify, and yield each row with the key that its photo had just before it was read.

    A photo that changes after that has another key the next time and is classified again. The key is not taken from
    `_to_do`: with --sort or a progress bar, hours can pass between the two. A photo of which only the time of change is
    new is skipped.
    """
    begun: deque[tuple[str, Snapshot | None]] = deque()

    def sources() -> Iterator[Source]:
        for path in photos:
            snapshot = take_snapshot(cameras[path]) if path in cameras else None
            key = "" if journal is None else snapshot.key(journal) if snapshot else journal.key(path, signature(path))
            if journal and journal.holds(path, key):
                if not snapshot:
                    journal.renew(path, key)
                skip()
            else:
                begun.append((key, snapshot))
                yield snapshot.source if snapshot else path if path != STDIN else standard_input()

    for result in signals.held(classifier.classify_many(signals.let_through(sources()))):
        key, snapshot = begun.popleft()
        yield row_of(snapshot.dated(result, classifier.location) if snapshot else result), key


def _counted(
    rows: Iterable[tuple[Row, str]], tally: Tally, progress: Callable[[], object]
) -> Iterator[tuple[Row, str]]:
    for row, key in rows:
        tally.add(row)
        yield row, key
        progress()


def _append(rows: Iterable[tuple[Row, str]], tally: Tally, journal: Ledger, target: str) -> None:
    for row, key in rows:
        with writing(target):
            is_news = journal.write(row, key)
        tally.failed_before += row["status"] == "error" and not is_news
    with writing(target):
        journal.put_in_order()


def _print(
    rows: Iterable[Row], stream: TextIO, target: str | None, write: Callable[[Iterable[Row]], Iterator[str]]
) -> None:
    for piece in write(rows):
        with writing(target):
            click.echo(piece, file=stream, nl=False, color=colour())


def _progress(length: int, tally: Tally, stack: ExitStack) -> Callable[[], object]:
    def rate(item: object) -> str:
        return tally.rate()

    bar = click.progressbar(range(length), length, show_pos=True, file=sys.stderr, item_show_func=rate)
    stack.enter_context(bar)
    return lambda: bar.update(1)


def _close(tally: Tally, quiet: bool, target: str | None, by_time: bool) -> None:
    """Print the summary of the run, and exit with the code that matches it."""
    found = tally.photos + tally.done_before
    if found == 0 and not tally.of_other_shards:
        click.echo(f"No photo found{tally.rest}.", err=True)
        raise click.exceptions.Exit(NOT_ALL_CLASSIFIED)
    if not quiet and (found != 1 or tally.rest):
        for line in tally.summary(target, by_time):
            click.echo(fit(line, sys.stderr), err=True)
    if tally.failed > tally.failed_before or tally.unreadable_folders:
        raise click.exceptions.Exit(NOT_ALL_CLASSIFIED)
