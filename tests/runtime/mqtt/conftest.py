"""A camera that publishes to a broker, and rows for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt", reason="MQTT needs the extra `mqtt`")

from cloudedge.mqtt.broker import Broker
from cloudedge.mqtt.publisher import Publisher
from cloudedge.mqtt.topics import Topics

from ...support.mosquitto import Mosquitto, mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as running:
        yield running


class Camera:
    """A publisher, and what it has said."""

    topics = Topics("cloudedge", "garden", "homeassistant")

    def __init__(self, broker: Broker, **options: Any) -> None:
        self.said: list[str] = []
        self.publisher = Publisher(broker, self.topics, {"device": {}}, self.said.append, **options)

    def sees(self, genus: str, has_changed: bool = False) -> None:
        self.publisher({"path": "a.jpg", "status": "ok", "genus": genus}, has_changed)

    def fails(self) -> None:
        self.publisher({"path": "b.jpg", "status": "error", "error": "is no photo"}, False)


@pytest.fixture
def camera() -> Callable[..., Any]:
    @contextmanager
    def running(broker: Broker | int, **options: Any) -> Iterator[Camera]:
        at = Broker("mqtt", "127.0.0.1", broker) if isinstance(broker, int) else broker
        found = Camera(at, **options)
        with found.publisher:
            yield found

    return running
