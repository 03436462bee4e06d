"""A camera is removed from a broker, or an error says why not."""

from __future__ import annotations

import signal

import pytest

from cloudedge.errors import CloudEdgeError
from cloudedge.mqtt import forget
from cloudedge.mqtt.broker import Broker
from cloudedge.mqtt.topics import Topics

from ...support.mosquitto import Mosquitto, observing, retained

GARDEN, ROOF = Topics("cloudedge", "garden", "homeassistant"), Topics("cloudedge", "roof", None)


def test_the_device_goes_first_and_others_stay(broker: Mosquitto) -> None:
    with observing(broker.port) as observer:
        for topic in [*reversed(GARDEN.retained()), *ROOF.retained()]:
            observer.publish(topic, "kept", retain=True)
        observer.messages.clear()
        forget.forget(Broker("mqtt", "127.0.0.1", broker.port), GARDEN)
        assert set(retained(broker.port)) == set(ROOF.retained())
        emptied = [message.topic for message in observer.messages if not message.payload and "cloud" in message.topic]
    assert emptied == GARDEN.retained()


def test_a_broker_that_does_not_answer_is_an_error(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "_LONGEST", 0.4)
    broker.send(signal.SIGSTOP)
    with pytest.raises(CloudEdgeError, match=f"127.0.0.1:{broker.port}: has not answered within 0.4 seconds"):
        forget.forget(Broker("mqtt", "127.0.0.1", broker.port), GARDEN)
