"""Start a real MQTT broker for a test, and see what it is sent and what it keeps."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .waiting import wait_for

pytest.importorskip("paho.mqtt", reason="MQTT needs the extra `mqtt`")
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "sky", "correct horse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker on a port of its own, which can be killed, stopped and started again."""

    def __init__(self, folder: Path, *settings: str, anonymous: bool = True) -> None:
        if PROGRAM is None:
            pytest.skip("mosquitto is not installed")
        self.port = free_port()
        self._folder = folder
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(anonymous).lower()}", *settings]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            lines.append("user root")  # another one could not read the files of the test
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def set_password(self, password: str) -> str:
        """Let only USER with this password in; return the setting that says so."""
        path = self._folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(path), USER, password], check=True, capture_output=True)
        path.chmod(0o600)
        return f"password_file {path}"

    def start(self) -> Mosquitto:
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAM), "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_for(self._answers)
        return self

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def end(self, gently: bool = False) -> None:
        """Kill the broker, or let it write down what it keeps."""
        if self._process:
            if gently:
                self._process.terminate()
            else:
                self._process.kill()
            self._process.wait(60)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def mosquitto(folder: Path, *settings: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, *settings).start()
    try:
        yield broker
    finally:
        broker.end()


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    retained: bool


class Observer:
    """Another client, which sees every message."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._note
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(60)

    def _note(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self.messages.append(Message(message.topic, message.payload, message.retain))

    def of(self, topic: str) -> list[bytes]:
        """Return what has been sent to a topic so far."""
        return [message.payload for message in list(self.messages) if message.topic == topic]

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(60)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def observing(port: int) -> Iterator[Observer]:
    observer = Observer(port)
    try:
        yield observer
    finally:
        observer.close()


def retained(port: int) -> dict[str, bytes]:
    """Return what the broker keeps, by topic."""
    with observing(port) as observer:
        observer.publish("test/end", "")  # the broker sends what it keeps before what comes
        wait_for(lambda: observer.of("test/end"))
        return {message.topic: message.payload for message in observer.messages if message.retained}
