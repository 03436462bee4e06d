"""Start a server for a test, and talk to it: as a thread with any limits, or as the program itself."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudedge import CloudClassifier


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    port: int

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self("GET", path, **headers)

    def post(self, body: Any = None, query: str = "", **headers: str) -> Reply:
        return self("POST", f"/classify{query}", body, **headers)

    def form(self, *files: tuple[str, bytes], query: str = "", **headers: str) -> Reply:
        return self.post(form(*files), query, content_type="multipart/form-data; boundary=limit", **headers)


def form(*files: tuple[str, bytes]) -> bytes:
    """Encode files as a browser does."""
    head = 'Content-Disposition: form-data; name="photo"; filename="{}"\r\nContent-Type: image/jpeg\r\n\r\n'
    parts = (
        b"--limit\r\n" + head.format(name).encode(errors="surrogateescape") + data + b"\r\n" for name, data in files
    )
    return b"".join(parts) + b"--limit--\r\n"


@contextmanager
def served(
    classifier: CloudClassifier,
    token: str | None = None,
    limits: Any = None,
    allowed_hosts: Collection[str] = (),
    source: Any = None,
) -> Iterator[Client]:
    """Serve in a thread of this process."""
    from cloudedge.serve import app, server
    from cloudedge.serve.upload import Limits

    limits = limits or Limits()
    application = app.make_app(classifier, token, limits, allowed_hosts, source)
    listener = server.listen("127.0.0.1", 0)
    running = server.make_server(application, limits.header_seconds)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while thread.is_alive() and not running.started:
            time.sleep(0.01)
        yield Client(listener.getsockname()[1])
    finally:
        running.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@dataclass
class Program:
    process: subprocess.Popen[str]
    client: Client
    log: Path

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextmanager
def program(log: Path, *arguments: object) -> Iterator[Program]:
    """Run `cloudedge serve` on a free port; `log` takes what it says."""
    command = [sys.executable, "-m", "cloudedge", "serve", "--port", "0", *map(str, arguments)]
    with log.open("w") as stream, subprocess.Popen(command, stderr=stream, stdout=stream, text=True) as process:
        try:
            yield Program(process, Client(_port(process, log)), log)
        finally:
            process.kill()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    while process.poll() is None:
        if found := re.search(r"Serving on http://[^ ]*:(\d+)/", log.read_text(encoding="utf-8")):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))
