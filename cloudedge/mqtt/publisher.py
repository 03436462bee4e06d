"""Keeps a broker up to date about one camera, whatever happens to the connection."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from cloudedge.errors import CloudEdgeError, brief
from cloudedge.mqtt.broker import Broker
from cloudedge.mqtt.connection import Connection, DownError
from cloudedge.mqtt.picture import small_jpeg
from cloudedge.mqtt.topics import Topics
from cloudedge.photo.read import Source
from cloudedge.row import Row

_DELAYS = (1.0, 60.0)  # seconds between attempts to connect: at first, and at most
_FAREWELL = 5.0  # seconds for the last messages
_MOST_EVENTS = 100  # that wait while _MOST_UNDER_WAY messages are not acknowledged yet
_MOST_UNDER_WAY = 20


class Publisher:
    """A listener for rows, which a thread of its own publishes.

    A row is only noted, so that the caller never waits for the broker. Of the states, the newest is published when
    there is a connection, also when the broker has been away. Events (a change of the sky, a failure) that happen
    meanwhile are not repeated: they would be late. The retained messages are published again at each connection and
    when Home Assistant starts, since a broker may forget them.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        device: dict[str, Any] | None,
        say: Callable[[str], object],
        picture_of: Callable[[Row], Source | None] | None = None,
        expire: float | None = None,
    ) -> None:
        """`picture_of` returns the photo of the newest row, which is published too, or None if it is gone.

        A state that is older than `expire` seconds is not published again, or it would count as new.
        """
        self._broker, self._topics, self._device, self._say = broker, topics, device, say
        self._picture_of, self._expire = picture_of, expire
        # What the two threads share: each is read and changed in one step, so that nobody needs a lock.
        self._newest: tuple[Row, float] | None = None
        self._events: deque[tuple[str, Row]] = deque(maxlen=_MOST_EVENTS)
        self._ending = threading.Event()
        # What the thread has published in this connection.
        self._state: tuple[Row, float] | None = None
        self._picture: tuple[Row, float] | None = None
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="cloudedge-mqtt", daemon=True)

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join(2 * _FAREWELL)  # a thread that is still looking for the broker ends with the program

    def __call__(self, row: Row, has_changed: bool) -> None:
        """Take the next row."""
        if row["status"] == "error":
            self._events.append((self._topics.error, row))
            return
        self._newest = row, time.monotonic()
        if has_changed:
            self._events.append((self._topics.change, row))

    def _run(self) -> None:
        delay, longest = _DELAYS
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                self._connect_and_publish()
            except DownError as error:
                self._tell("down", str(error))
            except CloudEdgeError as error:
                self._tell(str(error), str(error))
            except Exception as error:  # the thread must not end
                self._tell(brief(error), f"{self._broker}: {brief(error)}")
            if time.monotonic() - began > longest:
                delay = _DELAYS[0]
            self._ending.wait(delay)
            delay = min(2 * delay, longest)

    def _tell(self, kind: str, problem: str) -> None:
        """Report each kind of problem once between two connections."""
        if kind not in self._told and not self._ending.is_set():
            self._told.add(kind)
            self._say(f"{problem}; trying again")

    def _connect_and_publish(self) -> None:
        with Connection(self._broker, self._topics.status) as connection:
            while not connection.accepted:
                if self._ending.is_set():
                    return
                connection.step()
            if self._told:
                self._told.clear()
                self._say(f"{self._broker}: connected")
            self._publish(connection)

    def _publish(self, connection: Connection) -> None:
        if self._topics.birth:
            connection.subscribe(self._topics.birth)
        self._events.clear()
        self._announce(connection)
        while not self._ending.is_set():
            self._publish_news(connection)
            connection.step()
            if any(message.payload == b"online" and not message.retain for message in connection.received):
                self._announce(connection)
            connection.received.clear()
        self._take_leave(connection)

    def _announce(self, connection: Connection) -> None:
        """Publish what the camera is, and see to it that the state follows."""
        if self._device and self._topics.discovery:
            connection.publish(self._topics.discovery, json.dumps(self._device), retain=True)
        connection.publish(self._topics.status, "online", retain=True)
        self._state = self._picture = None

    def _publish_news(self, connection: Connection) -> None:
        """Publish what is new, but no state before the last one is acknowledged: a slow broker gets fewer of them."""
        newest, under_way = self._newest, connection.under_way()
        if newest and newest is not self._state and self._topics.state not in under_way:
            self._state = newest
            if self._expire is None or time.monotonic() - newest[1] < self._expire:
                connection.publish(self._topics.state, json.dumps(newest[0]), retain=True)
        while self._events and len(connection.under_way()) < _MOST_UNDER_WAY:
            topic, row = self._events.popleft()
            connection.publish(topic, json.dumps(row))
        if self._picture_of and newest and newest is not self._picture and self._topics.picture not in under_way:
            self._picture = newest
            if picture := small_jpeg(self._picture_of(newest[0])):
                connection.publish(self._topics.picture, picture, retain=True)

    def _take_leave(self, connection: Connection) -> None:
        end = time.monotonic() + _FAREWELL
        connection.finish(end - _FAREWELL / 2)
        self._publish_news(connection)
        connection.publish(self._topics.status, "offline", retain=True)
        connection.finish(end)
