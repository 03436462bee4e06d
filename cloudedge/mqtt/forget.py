"""Remove a camera from a broker."""

from __future__ import annotations

import time

from cloudedge.errors import CloudEdgeError
from cloudedge.mqtt.broker import Broker
from cloudedge.mqtt.connection import Connection
from cloudedge.mqtt.topics import Topics

_LONGEST = 10.0  # seconds


def forget(broker: Broker, topics: Topics) -> None:
    """Empty the retained topics of a camera; raise CloudEdgeError if the broker does not confirm it."""
    end = time.monotonic() + _LONGEST
    with Connection(broker) as connection:
        connection.finish(end)
        for topic in topics.retained():
            connection.publish(topic, b"", retain=True)
        connection.finish(end)
        if connection.under_way() or not connection.accepted:
            raise CloudEdgeError(f"has not answered within {_LONGEST:g} seconds", str(broker))
