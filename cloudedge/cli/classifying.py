"""What `classify` does with the photos, once the model is being opened."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import click

from cloudedge import signals
from cloudedge.archive.ledger import Ledger, signature
from cloudedge.archive.photo_list import collected
from cloudedge.archive.photos import Selection, find_photos, in_shard, taken_between
from cloudedge.cli.exit_codes import INTERRUPTED, NOT_ALL_CLASSIFIED
from cloudedge.cli.formats import STDOUT
from cloudedge.cli.inputs import STDIN, standard_input
from cloudedge.cli.options import Answer
from cloudedge.cli.outputs import colour, count, open_output, writer, writing
from cloudedge.cli.tally import Tally
from cloudedge.cli.text import fit
from cloudedge.errors import printable
from cloudedge.row import Classification, Row, row_of

if TYPE_CHECKING:
    from cloudedge.camera.fetch import Fetcher
    from cloudedge.classifier import CloudClassifier
    from cloudedge.cli.camera import Snapshot
    from cloudedge.photo.read import Source


@dataclass(frozen=True, slots=True)
class Choice:
    """Which photos to classify, and whether in order of time; `cameras` fetch from the paths that are addresses."""

    paths: tuple[str, ...]
    cameras: Mapping[str, Fetcher]
    selection: Selection
    since: datetime | None
    until: datetime | None
    by_time: bool
    shard: tuple[int, int] | None


def run(
    classifier: CloudClassifier,
    answer: Answer,
    choice: Choice,
    target: str | None,
    format_: str,
    resume: bool,
    quiet: bool,
) -> None:
    """Classify the photos, write their rows, and exit with the code that says whether all went well."""
    tally, existed = Tally(), target is not None and os.path.exists(target)
    try:
        with ExitStack() as stack:
            journal: Ledger | None = None
            if target is not None and resume:
                from cloudedge.cli.journals import open_journal  # takes a while to load

                journal = stack.enter_context(open_journal(target, format_, classifier, answer))
            stream = None if journal else open_output(target, stack)
            photos = _chosen(choice, tally, journal)
            progress: Callable[[], object] = lambda: None  # noqa: E731
            has_bar = not quiet and sys.stderr.isatty() and not (stream and stream.isatty())
            if has_bar or choice.by_time:
                photos = listed = stack.enter_context(collected(photos, by_time=choice.by_time))
                if has_bar and len(listed) > 1:
                    progress = _progress(len(listed), tally, stack)

            def skip() -> None:
                tally.done_before += 1
                progress()

            rows = _keyed_rows(photos, journal, classifier, skip, choice.cameras)
            rows = _counted(rows, tally, progress)
            if target is not None and journal:
                _append(rows, tally, journal, target)
            elif stream:
                _print((row for row, _ in rows), stream, target, writer(format_, answer.top_k, stream.isatty()))
    except KeyboardInterrupt:
        fate = "is unchanged" if existed else "has not been made"
        kept = "" if target in (None, STDOUT) else f"; {printable(str(target))} {fate}"
        kept = "; the same command resumes from here" if resume else kept
        click.echo(f"Interrupted after {count(tally.photos, 'photo')}{kept}.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    _close(tally, quiet, target, by_time=bool(choice.since or choice.until or choice.by_time))


def _chosen(choice: Choice, tally: Tally, journal: Ledger | None) -> Iterable[str]:
    photos: Iterable[str] = find_photos(
        choice.paths, choice.selection, tally.skip, tally.report_folder, tally.pass_over
    )
    if choice.shard:
        photos = _of_shard(photos, choice.shard, tally)
    if journal:
        photos = _to_do(photos, journal, tally)
    if choice.since or choice.until:  # last, because it opens the files
        photos = taken_between(photos, choice.since, choice.until, tally.leave_out)
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
    if cameras:
        from cloudedge.cli.camera import take_snapshot
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

    for result in signals.held(_classified(classifier, signals.let_through(sources()))):
        key, snapshot = begun.popleft()
        yield row_of(snapshot.dated(result, classifier.location) if snapshot else result), key


def _classified(classifier: CloudClassifier, sources: Iterable[Source]) -> Iterator[Classification]:
    yield from classifier.classify_many(sources)
    classifier.model.ready()  # where there was no photo, nobody has asked yet whether it can be used


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
