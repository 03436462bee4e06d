"""Many clients at once, the good, the bad, the huge and the slow: each gets its due, and the server stays as it was.

As part of the suite it runs for some seconds; `make load` spreads 200 requests over a minute.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from cloudedge import CloudClassifier

from ...support.serving import Client, Reply, form, program

pytest.importorskip("starlette", reason="the server needs the extra `serve`")

REQUESTS = int(os.environ.get("CLOUDEDGE_LOAD_REQUESTS", "64"))
SECONDS = float(os.environ.get("CLOUDEDGE_LOAD_SECONDS", "6"))
CLIENTS = 16
CHUNKED = b"POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
FORM = {"content_type": "multipart/form-data; boundary=limit"}


@pytest.fixture(scope="module")
def sky():
    from ..conftest import draw_sky, encode

    return {seed: encode(draw_sky(800, 600, seed), "JPEG") for seed in range(4)}


def patiently(ask: Callable[[], Reply]) -> Reply:
    """Ask, and ask again where the server says that it is busy."""
    for _ in range(60):
        reply = ask()
        if reply.status != 503:
            return reply
        time.sleep(float(reply.headers["retry-after"]))
    return reply


def good(client: Client, body: bytes, expected: str) -> str:
    reply = patiently(lambda: client.post(body))
    return "right" if reply.status == 200 and reply.json[0]["genus"] == expected else f"wrong: {reply}"


def refused(ask: Callable[[], Reply], status: int) -> str:
    reply = patiently(ask)
    return "right" if reply.status == status and isinstance(reply.json["error"], str) else f"wrong: {reply}"


def bomb() -> bytes:
    """A PNG of a few bytes that declares 60,000 x 60,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def drips(client: Client, body: bytes) -> str:
    """Send the first bytes, then one at a time."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(f"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        connection.settimeout(0.5)
        received, began = b"", time.monotonic()
        while time.monotonic() - began < 60:
            try:
                connection.sendall(body[:1])
                if not (data := connection.recv(65536)):
                    break
                received += data
            except TimeoutError:
                continue
            except OSError:
                break
    return "right" if received.startswith(b"HTTP/1.1 408 ") else f"wrong: {received!r}"


def talks_nonsense(client: Client, start: bytes) -> str:
    """Send what is not HTTP, from the start or in the middle of a body."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(start + b"nonsense\r\n\r\n")
        received = b""
        with suppress(OSError):
            while data := connection.recv(65536):
                received += data
    return "right" if received.startswith(b"HTTP/1.1 400 ") else f"wrong: {received!r}"


def hangs_up(client: Client, body: bytes) -> str:
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(f"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        connection.sendall(body[: len(body) // 2])
    return "right"


def resident(pid: int) -> int:
    """Return how much memory a process holds, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.slow
def test_under_load_each_gets_its_due(make_model, metadata, sky, tmp_path):
    model = make_model(metadata, "outputs")
    classifier = CloudClassifier(model, threads=1)
    genus = {seed: classifier.classify(body).genus for seed, body in sky.items()}
    chance = random.Random(1)
    kinds = {
        "good": lambda c, seed: good(c, sky[seed], genus[seed]),
        "text": lambda c, seed: refused(lambda: c.post(b"no photo"), 415),
        "cut short": lambda c, seed: refused(lambda: c.form(("a.jpg", sky[seed][:500])), 422),
        "empty": lambda c, seed: refused(lambda: c.post(b""), 400),
        "no form": lambda c, seed: refused(lambda: c.post(b"x", **FORM), 400),
        "bomb": lambda c, seed: refused(lambda: c.post(bomb()), 413),
        "huge": lambda c, seed: refused(lambda: c.post(bytes(70 << 20)), 413),
        "huge in chunks": lambda c, seed: refused(lambda: c.post(iter([bytes(1 << 20)] * 70)), 413),
        "large": lambda c, seed: refused(lambda: c.post(form(("a.jpg", bytes(60 << 20))), **FORM), 415),
        "slow": lambda c, seed: drips(c, sky[seed]),
        "nonsense": lambda c, seed: talks_nonsense(c, b""),
        "nonsense in the body": lambda c, seed: talks_nonsense(c, CHUNKED),
        "gone": lambda c, seed: hangs_up(c, sky[seed]),
    }
    shares = [8, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 1, 1, 1]
    jobs = [(kind, chance.randrange(4)) for kind in chance.choices(list(kinds), shares, k=REQUESTS)]
    jobs[: len(kinds)] = [(kind, 0) for kind in kinds]  # each at least once
    chance.shuffle(jobs)
    with program(tmp_path / "log", "--model", model) as server:
        good(server.client, sky[0], genus[0])
        before, peak = resident(server.process.pid), 0
        began = time.monotonic()

        def one(number: int) -> tuple[str, str]:
            nonlocal peak
            time.sleep(max(0.0, began + number * SECONDS / len(jobs) - time.monotonic()))
            kind, seed = jobs[number]
            outcome = kinds[kind](server.client, seed)
            peak = max(peak, resident(server.process.pid))
            return kind, outcome

        with ThreadPoolExecutor(CLIENTS) as clients:
            outcomes = list(clients.map(one, range(len(jobs))))
        counts = {kind: sum(kind == name for name, _ in outcomes) for kind in kinds}
        print(f"{len(outcomes)} requests in {time.monotonic() - began:.0f} s: {counts}")
        print(f"resident memory: {before} MB before, {peak} MB at most, {resident(server.process.pid)} MB after")
        assert [outcome for outcome in outcomes if outcome[1] != "right"] == []
        assert peak < before + 900  # eleven times the largest body that a request may bring would be 700
        assert good(server.client, sky[1], genus[1]) == "right"
        assert server.client.get("/healthz").json == {"status": "ok", "requests": 0}
        server.process.terminate()
        assert server.process.wait(30) == 0
    lines = server.log_text().splitlines()
    assert len(lines) == 1, lines  # only where it serves
