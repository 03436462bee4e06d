"""`cloudedge watch`: a row for each capture as it comes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import click

from cloudedge import signals, systemd
from cloudedge.archive.hints import from_notifications, from_polling
from cloudedge.archive.ledger import Ledger
from cloudedge.archive.photos import Selection
from cloudedge.archive.row_command import run_command
from cloudedge.archive.watch import Changes, Watch
from cloudedge.cli.camera import Watching, address_options, open_camera, open_fetcher, refuse_options_of_others, ticks
from cloudedge.cli.exit_codes import INTERRUPTED
from cloudedge.cli.formats import KEPT, format_of
from cloudedge.cli.inputs import open_classifier, settings_of
from cloudedge.cli.journals import open_journal
from cloudedge.cli.metrics import MetricsFile, metrics_option
from cloudedge.cli.mqtt import Mqtt, mqtt_options
from cloudedge.cli.options import (
    Answer,
    Command,
    Finite,
    answer_options,
    camera_option,
    exclude_option,
    glob_option,
    model_options,
)
from cloudedge.cli.outputs import colour, writer, writing
from cloudedge.cli.text import to_text
from cloudedge.errors import printable
from cloudedge.files import is_address
from cloudedge.installation import command_to_add
from cloudedge.row import Row, row_of

_EXIT_CODES = """Exit codes: 0 ended by SIGTERM or SIGHUP; 1 the output cannot be written; 2 wrong usage; 3 the model or
onnxruntime cannot be used; 4 another cloudedge is writing FILE; 130 ended by Ctrl-C."""


@click.command("watch", epilog=_EXIT_CODES, short_help="Print a row for each capture as it comes.")
@click.argument("root", metavar="DIR|ADDRESS")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "jsonl", "csv"]),
    default="text",
    help="Format of standard output.",
)
@click.option("-o", "--output", "target", metavar="FILE", help="Append every row to FILE (.jsonl, .csv or .db) too.")
@click.option("--changes-only", is_flag=True, help="Print, and run the command, only when the sky has changed.")
@click.option(
    "--agree",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Captures in a row that must show the same new sky, after smoothing, before it counts as changed.",
)
@click.option(
    "--exec",
    "program",
    type=Command(),
    metavar="COMMAND",
    help="Run on each row, which it gets as JSON on standard input.",
)
@click.option(
    "--exec-timeout",
    type=Finite(min=0, min_open=True, max=86_400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Stop the command after this time.",
)
@click.option(
    "--settle",
    type=Finite(min=0),
    default=2,
    show_default=True,
    metavar="SECONDS",
    help="A capture is complete when it has not changed for this long.",
)
@click.option(
    "--poll",
    type=Finite(min=0, min_open=True),
    metavar="SECONDS",
    help="Look through the folder this often, instead of waiting for notifications.  [default: 30 on network shares]",
)
@camera_option
@mqtt_options
@glob_option
@exclude_option
@address_options
@metrics_option
@answer_options
@model_options
def command(
    root: str,
    format_: str,
    target: str | None,
    changes_only: bool,
    agree: int,
    program: list[str] | None,
    exec_timeout: float,
    settle: float,
    poll: float | None,
    pattern: str | None,
    glob: str | None,
    exclude: tuple[str, ...],
    watching: Watching,
    metrics: str | None,
    model: str,
    threads: int | None,
    mqtt: Mqtt | None,
    **options: Any,
) -> None:
    """Print a row for each capture that comes into DIR or its sub-folders, once it is complete.

    With the ADDRESS of a camera's picture (http:// or https://), that is fetched every so often, and is a capture when
    it is new.

    With -o every row is also appended to FILE, and the captures that FILE does not hold yet come first. FILE may be one
    that `classify --resume` wrote with the same options. Without -o, captures count from now on, or from when DIR first
    appears. A failure goes to standard error where --changes-only keeps it from standard output.
    """

    def say(text: str) -> None:
        click.echo(f"{printable(root)}: {text}", err=True)

    def report_unreadable(error: OSError) -> None:
        click.echo(f"{printable(str(error.filename))}: cannot be read: {error.strerror}", err=True)

    refuse_options_of_others(is_address(root))
    fetcher = open_fetcher(root, watching.access) if is_address(root) else None
    if fetcher:
        root = fetcher.address.shown
    if os.path.exists(root) and not os.path.isdir(root):
        problem = "is a file; give its folder, and --glob with its name."
        raise click.BadParameter(f"{printable(root)} {problem}", param_hint="DIR")
    kind = format_of(target, None, otherwise="")
    if target is not None and kind not in KEPT:
        problem = f"{printable(target)} does not name a format; choose a name that ends in .jsonl, .csv or .db."
        raise click.BadParameter(problem, param_hint="--output")
    if poll is None and not fetcher:
        _require_watchfiles()
    stop, received = _stop_on_signals()
    answer = Answer(**options)
    classifier = open_classifier(model, threads, answer)
    changes = Changes(agree, pattern)
    with ExitStack() as stack:
        ledger = Ledger(settings_of(classifier, answer))
        if target is not None:
            ledger = stack.enter_context(open_journal(target, kind, classifier, answer, changes.changed))
        if fetcher:
            camera = open_camera(fetcher, watching, classifier, ledger, stop, say)
            captures = camera.captures(systemd.watched(ticks(stop)))
            picture_of: Callable[[Row], Any] = lambda row: camera.picture  # noqa: E731
        else:
            watcher = Watch(
                root,
                classifier.classify_many,
                ledger,
                settle,
                selection=Selection(glob, exclude),
                on_unreadable=report_unreadable,
            )
            if target is None:
                watcher.mark_existing_done()
            tick = min(1.0, max(settle / 2, 0.05), poll or 1.0)
            hints = from_polling(root, poll, tick, stop, say) if poll else from_notifications(root, tick, stop, say)
            captures = watcher.captures(systemd.watched(hints))
            picture_of = lambda row: row["path"]  # noqa: E731
        listeners: list[Callable[[dict[str, Any], bool], object]] = []  # told of each row, and whether the sky changed
        if mqtt:
            listeners.append(stack.enter_context(mqtt.publisher(classifier, picture_of)))
            if not fetcher:  # which is one camera, whose failures have another path than its kept pictures
                listeners.append(mqtt.one_camera(pattern))
        if metrics is not None:
            listeners.append(MetricsFile(metrics, root, say).listen)
        systemd.notify("READY=1")

        def rows() -> Iterator[dict[str, Any]]:
            for result, key in systemd.watched(captures):
                row = row_of(result)
                with writing(target):
                    ledger.write(row, key)
                has_changed = changes.changed(row)
                for listen in listeners:
                    listen(row, has_changed)
                if has_changed or not changes_only:
                    yield row
                    if program and (problem := run_command(program, row, exec_timeout)):
                        say(f"{printable(program[0])} {problem}")
                elif row["status"] == "error":
                    click.echo("".join(to_text([row])), nl=False, err=True)
                if stop.is_set():
                    return

        for piece in writer(format_, answer.top_k, sys.stdout is not None and sys.stdout.isatty())(rows()):
            with writing(None):
                click.echo(piece, nl=False, color=colour())
    raise click.exceptions.Exit(INTERRUPTED if signal.SIGINT in received else 0)


def _require_watchfiles() -> None:
    try:
        import watchfiles  # noqa: F401
    except ImportError as error:
        problem = f"use --poll SECONDS, or, to be notified of changes, run: {command_to_add('watch')}"
        raise click.UsageError(problem) from error


def _stop_on_signals() -> tuple[signals.Stop, list[int]]:
    """Record signals, so that the capture being classified still gets its row."""
    stop = signals.Stop()
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        received.append(number)
        stop.set()

    signals.handle_with(note)
    return stop, received
