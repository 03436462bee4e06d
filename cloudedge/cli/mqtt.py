"""The options for an MQTT broker, and `cloudedge mqtt-forget`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from cloudedge import __version__
from cloudedge.cli.inputs import password_in
from cloudedge.errors import printable
from cloudedge.installation import command_to_add
from cloudedge.mqtt.broker import Broker, parse
from cloudedge.mqtt.topics import Topics
from cloudedge.row import Row

if TYPE_CHECKING:  # they take a while to load, and --help does not need them
    from ssl import SSLContext

    from cloudedge.classifier import CloudClassifier
    from cloudedge.mqtt.publisher import Publisher
    from cloudedge.photo.read import Source

PASSWORD = "CLOUDEDGE_MQTT_PASSWORD"


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> Broker | None:
    """Parse the address of a broker; no message repeats it, because a password may stand in it."""
    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise click.BadParameter(
            f"the address {error}; give one such as mqtt://me@homeassistant.local. A password belongs in "
            f"{PASSWORD} or in a file, see --mqtt-password-file."
        ) from None


def _topic(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not all(value.split("/")) or re.search("[+#]|^[$]", value) or not value.isprintable():
        raise click.BadParameter("give a topic such as cloudedge or home/cloudedge.")
    return value


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch("[a-zA-Z0-9_-]+", value):
        raise click.BadParameter("use only the letters a to z, digits, _ and -.")
    return value


def _names(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        _name(context, parameter, value)
    return values


@dataclass(frozen=True, slots=True)
class Mqtt:
    """What the options say: where to publish, and what."""

    broker: Broker
    topics: Topics
    with_picture: bool
    expire: int | None

    def publisher(self, classifier: CloudClassifier, picture_of: Callable[[Row], Source | None]) -> Publisher:
        """Return what publishes rows while it is entered; `picture_of` returns the photo of the newest row."""
        from cloudedge.mqtt.discovery import device
        from cloudedge.mqtt.publisher import Publisher

        spec = classifier.model.spec
        described = device(
            self.topics,
            f"{spec.name} {spec.version}",
            spec.classes,
            __version__,
            with_picture=self.with_picture,
            expire=self.expire,
        )
        return Publisher(
            self.broker, self.topics, described, _say, picture_of if self.with_picture else None, self.expire
        )

    def one_camera(self, pattern: str | None) -> Callable[[Row, bool], None]:
        """Return what says so when rows of two cameras are published; `pattern` tells cameras apart."""
        from cloudedge.mqtt.one_camera import OneCamera

        return OneCamera(_say, pattern)


def mqtt_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that publishes rows; it gets them as `mqtt`, None without --mqtt."""

    @wraps(command)
    def bundled(
        *arguments: Any,
        mqtt: Broker | None,
        mqtt_topic: str,
        mqtt_name: str | None,
        mqtt_ca: str | None,
        mqtt_password_file: str | None,
        mqtt_picture: bool,
        mqtt_expire: int | None,
        discovery: str,
        **others: Any,
    ) -> None:
        chosen = None
        if mqtt is None:
            _refuse_the_rest()
        else:
            topics = Topics(mqtt_topic, mqtt_name or _name_of_host(), _prefix(discovery))
            chosen = Mqtt(_opened(mqtt, mqtt_ca, mqtt_password_file), topics, mqtt_picture, mqtt_expire)
        command(*arguments, mqtt=chosen, **others)

    for option in (
        click.option(
            "--mqtt-expire",
            type=click.IntRange(min=1),
            metavar="SECONDS",
            help="In Home Assistant, show the state as unavailable after this long without a row.",
        ),
        click.option("--mqtt-picture", is_flag=True, help="Publish each photo too, reduced to 640 pixels."),
        click.option(
            "--mqtt-name",
            callback=_name,
            metavar="NAME",
            help="The name of this camera.  [default: that of this computer]",
        ),
    ):
        bundled = option(bundled)
    return _connection_options(required=False)(bundled)


def _connection_options(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds the options for the broker and its topics."""
    options = (
        click.option(
            "--discovery",
            callback=_topic,
            default="homeassistant",
            show_default=True,
            metavar="PREFIX|off",
            help="The topic below which Home Assistant looks for devices; off to publish nothing there.",
        ),
        click.option(
            "--mqtt-topic",
            callback=_topic,
            default="cloudedge",
            show_default=True,
            metavar="TOPIC",
            help="The first part of each topic, as in TOPIC/NAME/state.",
        ),
        click.option(
            "--mqtt-ca", metavar="FILE", help="For mqtts://, trust only the authority whose certificate (PEM) this is."
        ),
        click.option(
            "--mqtt-password-file",
            metavar="FILE",
            help=f"The file that holds the password.  [default: {PASSWORD} in the environment]",
        ),
        click.option(
            "--mqtt",
            callback=_address,
            required=required,
            metavar="ADDRESS",
            help="The MQTT broker: mqtt://[USER@]HOST[:1883], or, with TLS, mqtts://[USER@]HOST[:8883].",
        ),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in options:
            command = option(command)
        return command

    return add


def _refuse_the_rest() -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        is_ours = name.startswith("mqtt_") or name == "discovery"
        if is_ours and context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} needs --mqtt ADDRESS.")


def _opened(broker: Broker, ca: str | None, password_file: str | None) -> Broker:
    """Return the broker with all that a connection to it needs; raise click's error for what is missing."""
    try:
        import paho.mqtt  # noqa: F401
    except ImportError as error:
        raise click.UsageError(f"{error}; for --mqtt, run: {command_to_add('mqtt')}") from error
    password = (
        os.environ.get(PASSWORD) or None
        if password_file is None
        else password_in(password_file, "--mqtt-password-file")
    )
    if password and broker.user is None:
        raise click.UsageError("a password needs a user: --mqtt mqtt://USER@HOST.")
    if broker.scheme == "mqtts":
        return replace(broker, password=password, tls=_tls(ca))
    if ca is not None:
        raise click.BadParameter("only mqtts:// checks certificates.", param_hint="--mqtt-ca")
    return replace(broker, password=password)


def _tls(ca: str | None) -> SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        problem = "holds no certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        raise click.BadParameter(f"{printable(ca or '')} {problem}.", param_hint="--mqtt-ca") from error


def _prefix(discovery: str) -> str | None:
    return None if discovery == "off" else discovery


def _name_of_host() -> str:
    import socket

    return re.sub("[^a-zA-Z0-9_-]+", "_", socket.gethostname()) or "cloudedge"


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens
        click.echo(printable(text), err=True)


@click.command("mqtt-forget", short_help="Remove a camera from an MQTT broker.")
@click.argument("names", callback=_names, nargs=-1, required=True, metavar="NAME...")
@_connection_options(required=True)
def command(
    names: tuple[str, ...],
    mqtt: Broker,
    mqtt_password_file: str | None,
    mqtt_ca: str | None,
    mqtt_topic: str,
    discovery: str,
) -> None:
    """Remove each camera NAME from an MQTT broker, and its device from Home Assistant.

    The broker drops the messages that it keeps of them. End the `watch` of a camera first, or it publishes them again.
    """
    broker = _opened(mqtt, mqtt_ca, mqtt_password_file)
    from cloudedge.mqtt.forget import forget

    for name in names:
        forget(broker, Topics(mqtt_topic, name, _prefix(discovery)))
        click.echo(f"{name}: forgotten", err=True)
