"""One connection to a broker."""

from __future__ import annotations

import time
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from cloudedge.errors import CloudEdgeError
from cloudedge.mqtt.broker import Broker

KEEPALIVE = 60  # seconds; the broker takes a client that has been silent for one and a half times as long for dead
_TICK = 0.5  # seconds for which to wait for the broker before something new can be published
_NOT_ALLOWED = (134, 135)  # the reason codes "Bad user name or password" and "Not authorized"


class DownError(CloudEdgeError):
    """No broker answers at the address."""


class Connection:
    """A connection from its first packet to its last; all of it belongs to one thread.

    A lost connection is never made again, but replaced: the client would first send again what was under way, and could
    so put an old state in the place of a newer one.
    """

    def __init__(self, broker: Broker, will: str | None = None) -> None:
        """Connect; `will` is the topic on which the broker publishes `offline` when this program dies.

        Raises CloudEdgeError if that fails. The broker has not accepted the account yet: `accepted` says when it has.
        """
        self.accepted = False
        self.received: list[MQTTMessage] = []
        self._broker = broker
        self._refusal: str | None = None
        self._is_lost = False
        self._under_way: dict[int, str] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = lambda client, userdata, message: self.received.append(message)
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            self._client.tls_set_context(broker.tls)
        if will:
            self._client.will_set(will, "offline", qos=1, retain=True)
        try:
            self._client.connect(broker.host, broker.port, KEEPALIVE)
        except OSError as error:
            problem = f"cannot be reached ({_reason(error)})"
            kind = CloudEdgeError if hasattr(error, "verify_message") else DownError
            raise kind(problem, str(broker)) from error

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()  # where it is not lost already, the broker then forgets the will

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of a topic; they go to `received`."""
        self._client.subscribe(topic, qos=1)

    def publish(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Send a message, which is under way until the broker has acknowledged it."""
        self._under_way[self._client.publish(topic, payload, qos=1, retain=retain).mid] = topic

    def under_way(self) -> list[str]:
        """Return the topics of the messages that the broker has not acknowledged yet."""
        return list(self._under_way.values())

    def step(self, seconds: float = _TICK) -> None:
        """Send and receive, for at most so long; raise CloudEdgeError if the connection is lost or refused."""
        try:
            code = self._client.loop(seconds)
        except OSError as error:
            raise DownError(f"connection lost ({_reason(error)})", str(self._broker)) from error
        if self._refusal:
            raise CloudEdgeError(self._refusal, str(self._broker))
        if code or self._is_lost:
            raise DownError("connection lost", str(self._broker))

    def finish(self, end: float) -> None:
        """Wait until the broker has acknowledged everything, but not beyond `end` (of `time.monotonic`)."""
        while (left := end - time.monotonic()) > 0 and not (self.accepted and not self._under_way):
            self.step(min(left, _TICK))

    def _on_connect(self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            advice = "; check the user and the password" if reason.value in _NOT_ALLOWED else ""
            self._refusal = f"refuses the connection ({reason}){advice}"
        else:
            self.accepted = True

    def _on_disconnect(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: Any
    ) -> None:
        self._is_lost = True

    def _on_publish(self, client: Client, userdata: object, number: int, reason: ReasonCode, properties: Any) -> None:
        self._under_way.pop(number, None)


def _reason(error: OSError) -> str:
    # `verify_message` says what is wrong with a certificate; `strerror` adds names of the library.
    return str(getattr(error, "verify_message", None) or error.strerror or error)
