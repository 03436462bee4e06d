"""Start a real Home Assistant for a test, and use it as its own pages do: by its HTTP API."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

from .mosquitto import free_port
from .waiting import wait_for

COMMAND = os.environ.get("CLOUDEDGE_HASS", "")
SETTINGS = """\
api:
auth:
config:
frontend:
http:
  server_host: 127.0.0.1
  server_port: {port}
onboarding:
"""
ATTEMPT = 600.0  # seconds, for a machine that has much else to do


class HomeAssistant:
    """A Home Assistant with an owner, who has logged in."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/"
        self.tokens: dict[str, Any] = {}

    def is_up(self) -> bool:
        try:
            return bool(self.ask("api/onboarding"))
        except (URLError, ConnectionError):
            return False

    def log_in(self) -> None:
        """Make the first user, as the page does that greets a new owner."""
        owner = {"client_id": self.address, "name": "Owner", "username": "owner", "password": "owner", "language": "en"}
        code = self.ask("api/onboarding/users", owner)["auth_code"]
        form = urllib.parse.urlencode({"client_id": self.address, "grant_type": "authorization_code", "code": code})
        with urllib.request.urlopen(f"{self.address}auth/token", form.encode()) as reply:
            self.tokens = json.load(reply)
        for step, answer in {
            "core_config": {},
            "analytics": {},
            "integration": {"client_id": self.address, "redirect_uri": self.address},
        }.items():
            self.ask(f"api/onboarding/{step}", answer)

    def connect_to_broker(self, port: int) -> None:
        """Set up MQTT, as the form for a new integration does."""
        flow = self.ask("api/config/config_entries/flow", {"handler": "mqtt"})
        answer = self.ask(f"api/config/config_entries/flow/{flow['flow_id']}", {"broker": "127.0.0.1", "port": port})
        assert answer["type"] == "create_entry", answer

    def state(self, entity: str) -> dict[str, Any] | None:
        """Return an entity's state and attributes, None where it does not exist."""
        states: list[dict[str, Any]] = self.ask("api/states")
        return next((state for state in states if state["entity_id"] == entity), None)

    def ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self.fetch(path, body))

    def fetch(self, path: str, body: Any = None) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, headers), timeout=60) as reply:
            content: bytes = reply.read()
            return content


@contextmanager
def homeassistant(folder: Path) -> Iterator[HomeAssistant]:
    port = free_port()
    (folder / "configuration.yaml").write_text(SETTINGS.format(port=port), encoding="utf-8")
    command = [*shlex.split(COMMAND), "--config", str(folder)]
    log = folder / "printed.log"
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as process:
        try:
            home = HomeAssistant(port)
            wait_for(lambda: process.poll() is not None or home.is_up(), ATTEMPT)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            home.log_in()
            yield home
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
