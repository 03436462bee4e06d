"""`cloudedge serve`: a page to drop photos on, and the API behind it."""

from __future__ import annotations

import ipaddress
import logging
import re
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from cloudedge import signals, systemd
from cloudedge.cli.exit_codes import INTERRUPTED
from cloudedge.cli.formats import KEPT, format_of
from cloudedge.cli.inputs import open_classifier
from cloudedge.cli.options import Answer, answer_options, camera_option, model_options
from cloudedge.errors import printable
from cloudedge.installation import command_to_add

_EXIT_CODES = """Exit codes: 0 ended by SIGTERM or SIGHUP; 2 wrong usage; 3 the model or onnxruntime cannot be used;
130 ended by Ctrl-C."""


@click.command("serve", epilog=_EXIT_CODES, short_help="Serve a page to drop photos on, and an API.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 means all addresses."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0 takes any free one.",
)
@click.option(
    "--token",
    envvar="CLOUDEDGE_TOKEN",
    show_envvar=True,
    metavar="SECRET",
    help="Answer only requests that carry this token; the page asks for it.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Answer the page under this name too, as a proxy shows it that does not pass on the header Host. Repeatable.",
)
@click.option(
    "--frame-ancestors",
    default="'none'",
    show_default=True,
    metavar="SOURCES",
    help="Who may show the page in a frame, as in the header Content-Security-Policy; \"'self'\" for Home Assistant.",
)
@click.option(
    "--results",
    metavar="FILE",
    help="Show the rows in FILE (.jsonl, .csv or .db) on a live page, /live, while `cloudedge watch` adds to it.",
)
@camera_option
@answer_options
@model_options
def command(
    host: str,
    port: int,
    token: str | None,
    allow_host: tuple[str, ...],
    frame_ancestors: str,
    results: str | None,
    pattern: str | None,
    model: str,
    threads: int | None,
    **options: Any,
) -> None:
    """Serve a page to drop photos on, and the API behind it.

    Photos stay in memory and are then forgotten. By default only this machine can reach the page. When it is ended,
    running requests have 30 seconds to finish. With --results there is a live page too, which shows what `cloudedge
    report` shows.
    """
    if results is not None and format_of(results, None) not in KEPT:
        problem = f"{printable(results)} is not a file of rows that can be followed; give a .jsonl, .csv or .db file."
        raise click.BadParameter(problem, param_hint="--results")
    if pattern is not None and results is None:
        raise click.UsageError("--camera needs --results, without which it changes nothing.")
    try:
        from cloudedge.serve import app, headers, server
        from cloudedge.serve.upload import Limits
    except ImportError as error:
        raise click.UsageError(f"{error}; to serve, run: {command_to_add('serve')}") from error
    if token is not None and not re.fullmatch("[!-~]+", token):  # no browser sends another
        raise click.UsageError("--token may contain only printable ASCII characters, and no spaces.")
    try:
        headers.check_ancestors(frame_ancestors)
    except ValueError as error:
        raise click.BadParameter(f"{printable(str(error))}.", param_hint="--frame-ancestors") from error
    received: list[int] = []
    _note_signals(received)
    limits = Limits()
    classifier = open_classifier(model, threads, Answer(**options), limits.photo_pixels)
    try:
        listener = server.listen(host, port)
    except (OSError, UnicodeError) as error:
        detail = getattr(error, "strerror", None) or error
        raise click.UsageError(f"cannot listen on {host}, port {port}: {detail}; choose another.") from error
    for name in ("uvicorn.error", "python_multipart"):  # bad requests of strangers are not worth a log line
        logging.getLogger(name).setLevel(logging.ERROR)
    _announce(listener, token, "live" if results else "")
    application = app.make_app(classifier, token, limits, allow_host, _live(results, pattern) if results else None)
    running = server.make_server(application, limits.header_seconds, frame_ancestors)
    _note_signals(received, partial(setattr, running, "should_exit", True))
    systemd.notify("READY=1")  # connections are accepted from now on
    running.should_exit = bool(received)  # one may have come while the model was opened
    running.run(sockets=[listener])
    raise click.exceptions.Exit(INTERRUPTED if signal.SIGINT in received else 0)


def _live(results: str, pattern: str | None) -> Any:
    from cloudedge.cli.live import LiveReport

    return LiveReport(results, pattern)


def _note_signals(received: list[int], end: Callable[[], object] = lambda: None) -> None:
    """Record signals, and end what does not run yet: the running server handles them itself, and raises them again."""

    def note(number: int, frame: object) -> None:
        received.append(number)
        end()
        if number not in (signal.SIGINT, signal.SIGTERM):  # SIGHUP, which the server does not handle
            signal.raise_signal(signal.SIGTERM)

    signals.handle_with(note)


def _announce(listener: socket.socket, token: str | None, live: str) -> None:
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # no browser opens the address that means all
    click.echo(f"Serving on {_url(own, port)} (Ctrl-C ends it)", err=True)
    if live:
        click.echo(f"Live page: {_url(own, port)}{live}", err=True)
    if address.is_loopback:
        return
    from cloudedge.serve.addresses import other_addresses

    if address.is_unspecified and (others := other_addresses(listener.family)):
        click.echo(f"From other devices: {', '.join(_url(other, port) + live for other in others)}", err=True)
    advice = "" if token else ", without a token; --token SECRET asks for one"
    click.echo(f"Warning: everybody on this network can reach it, unencrypted{advice}.", err=True)


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"
