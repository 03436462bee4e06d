"""Cameras that are given by their addresses: the options of `watch` for them, the fetcher, and what a camera gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cloudedge.cli.access import PASSWORD_VARIABLE, Access, access_options
from cloudedge.cli.inputs import Unreadable, password_in
from cloudedge.cli.options import Finite
from cloudedge.errors import ImageError, printable
from cloudedge.installation import command_to_add

if TYPE_CHECKING:
    import ssl

    from cloudedge.archive.ledger import Ledger
    from cloudedge.camera.captures import Camera
    from cloudedge.camera.fetch import Fetcher
    from cloudedge.classifier import CloudClassifier
    from cloudedge.row import Classification
    from cloudedge.signals import Stop
    from cloudedge.sun import Location

_FOR_FOLDERS = ("settle", "poll", "glob", "exclude")
_FOR_CAMERAS = ("every", "keep", "keep_days", "user", "password_file", "insecure", "ca")


@dataclass(frozen=True, slots=True)
class Watching:
    """How to watch a camera."""

    every: float
    keep: str | None
    keep_days: int | None
    access: Access


def address_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `watch` for a camera; the command gets them as `watching`."""

    @wraps(command)
    def with_camera(
        *arguments: Any, every: float, keep: str | None, keep_days: int | None, access: Access, **options: Any
    ) -> None:
        command(*arguments, watching=Watching(every, keep, keep_days, access), **options)

    decorated: Callable[..., None] = access_options(with_camera)
    for option in (
        click.option("--keep-days", type=click.IntRange(min=1), metavar="N", help="Delete kept pictures after N days."),
        click.option("--keep", metavar="DIR", help="Keep each picture of a camera in DIR, under its time."),
        click.option(
            "--every",
            type=Finite(min=1),
            default=60,
            show_default=True,
            metavar="SECONDS",
            help="Fetch a picture from a camera this often.",
        ),
    ):
        decorated = option(decorated)
    return decorated


def refuse_options_of_others(is_camera: bool) -> None:
    """Raise click's error for an option that is for folders alone, or for cameras alone."""
    context = click.get_current_context()
    others, kind = (_FOR_FOLDERS, "a folder") if is_camera else (_FOR_CAMERAS, "a camera's address")
    for option in context.command.params:
        if option.name in others and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} is for {kind}.")


def open_fetcher(text: str, access: Access) -> Fetcher:
    """Return what fetches from an address; raise click's error, without the address's password, if that fails."""
    from cloudedge.camera.address import parse_address

    try:
        from cloudedge.camera.fetch import Fetcher
    except ImportError as error:
        raise click.UsageError(f"{error}; to fetch from an address, run: {command_to_add('camera')}") from error
    try:
        address = parse_address(text)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    address = address.with_access(access.user, _password_of(access))
    if access.user and address.password is None:
        raise click.UsageError(f"--user needs a password: set {PASSWORD_VARIABLE}, or give --password-file FILE.")
    if access.password_file and address.user is None:
        raise click.UsageError("--password-file needs --user NAME.")
    return Fetcher(address, _trusted(access))


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a camera gave to `classify`: the bytes of a picture, or what raises the error for its row."""

    address: str
    moment: datetime
    source: bytes | Unreadable

    def key(self, ledger: Ledger) -> str:
        """Return the key of the picture, or one that is the same for each failure."""
        if isinstance(self.source, bytes):
            return ledger.key_of_bytes(self.source, int(self.moment.timestamp()) * 10**9)
        return ledger.key(self.address, None)

    def dated(self, result: Classification, location: Location | None) -> Classification:
        """Return the result with the camera's address, and with the time of fetching if the picture has none."""
        from cloudedge.camera.captures import dated

        return dated(result, self.address, self.moment, location)


def take_snapshot(fetcher: Fetcher) -> Snapshot:
    """Fetch a picture now."""
    moment = datetime.now().astimezone()
    try:
        picture = fetcher.fetch()
        source = picture.data if picture else b""
    except ImageError as error:
        return Snapshot(fetcher.address.shown, moment, Unreadable(error))
    return Snapshot(fetcher.address.shown, moment, source)


def open_camera(
    fetcher: Fetcher,
    options: Watching,
    classifier: CloudClassifier,
    ledger: Ledger,
    stop: Stop,
    say: Callable[[str], object],
) -> Camera:
    """Return the camera to watch; raise click's error if its pictures cannot be kept."""
    from cloudedge.camera.captures import Camera
    from cloudedge.camera.keep import Keep

    keep = None
    if options.keep is not None:
        try:
            os.makedirs(options.keep, exist_ok=True)
        except OSError as error:
            problem = f"{printable(options.keep)} cannot be made: {error.strerror}."
            raise click.BadParameter(problem, param_hint="--keep") from error
        keep = Keep(options.keep, fetcher.address.shown, options.keep_days)
    elif options.keep_days is not None:
        raise click.UsageError("--keep-days needs --keep DIR.")
    return Camera(fetcher, classifier, ledger, options.every, stop, say, keep)


def ticks(stop: Stop, seconds: float = 1.0) -> Iterator[None]:
    """Yield every so often, until `stop` is set: a camera then looks at its clock."""
    while not stop.is_set():
        yield
        stop.wait(seconds)


def _password_of(access: Access) -> str | None:
    if access.password_file is None:
        return os.environ.get(PASSWORD_VARIABLE) or None
    return password_in(access.password_file, "--password-file")


def _trusted(access: Access) -> ssl.SSLContext | bool:
    if access.ca is None:
        return not access.insecure
    if access.insecure:
        raise click.UsageError("--insecure trusts any certificate; leave it out, or --ca.")
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(access.ca)
    except OSError as error:  # ssl.SSLError is one
        why = "it is not a certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        problem = f"{printable(access.ca)} cannot be used: {why}."
        raise click.BadParameter(problem, param_hint="--ca") from error
    return context
