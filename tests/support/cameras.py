"""A camera for tests: an HTTP server on 127.0.0.1 that answers as cameras do, well or badly."""

from __future__ import annotations

import base64
import hashlib
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

import pytest

USER, PASSWORD = "observer", "s3cret:pässword"

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; an `Answer` calls its methods."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        camera: Camera = self.server.camera  # type: ignore[attr-defined]
        camera.requests.append((self.path, dict(self.headers)))
        camera.answer(self)

    def send(self, data: bytes = b"", status: int = 200, kind: str = "image/jpeg", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Camera:
    answer: Answer
    port: int = 0
    scheme: str = "http"
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/snapshot.jpg"

    @property
    def shown_credentials(self) -> list[str]:
        return [headers["Authorization"] for _, headers in self.requests if "Authorization" in headers]


@contextmanager
def camera(answer: Answer, certificate: Path | None = None) -> Iterator[Camera]:
    """Run a camera on a free port; with a certificate, by TLS."""
    running = Camera(answer, scheme="https" if certificate else "http")

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        camera = running

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients hang up

    server = Server(("127.0.0.1", 0), Request)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    running.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


def picture(data: bytes, **headers: str) -> Answer:
    return lambda request: request.send(data, **headers)


def in_turn(*answers: Answer) -> Answer:
    """Give the answers one after the other, the last one for ever."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def with_etag(data: bytes) -> Answer:
    def answer(request: Request) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:8]}"'
        if request.headers["If-None-Match"] == tag:
            request.send(status=304, ETag=tag)
        else:
            request.send(data, ETag=tag)

    return answer


def with_date(data: bytes, date: str = "Sat, 28 Nov 2026 12:00:00 GMT") -> Answer:
    def answer(request: Request) -> None:
        is_known = request.headers["If-Modified-Since"] == date
        request.send(b"" if is_known else data, status=304 if is_known else 200, Last_Modified=date)

    return answer


def basic(data: bytes, user: str = USER, password: str = PASSWORD) -> Answer:
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def answer(request: Request) -> None:
        if request.headers["Authorization"] == expected:
            request.send(data)
        else:
            request.send(b"<html>no", 401, "text/html", WWW_Authenticate='Basic realm="camera"')

    return answer


HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def digest(data: bytes, algorithm: str | None = "MD5", qop: str | None = "auth", beside: str | None = None) -> Answer:
    """Ask for Digest authentication (RFC 7616), `beside` another challenge that comes first."""
    nonce, hash_name = "dcd98b7102dd2f0e8b11d0f600bfb0c093", (algorithm or "MD5").removesuffix("-sess")
    options = {"algorithm": algorithm, "qop": f'"{qop}"' if qop else None, "opaque": '"5ccc069c"'}
    challenge = f'Digest realm="camera, north", nonce="{nonce}"'
    challenge += "".join(f", {name}={value}" for name, value in options.items() if value)

    def hashed(*parts: str) -> str:
        return HASHES[hash_name](":".join(parts).encode()).hexdigest()

    def is_right(request: Request) -> bool:
        scheme, _, fields = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        given = parse_keqv_list(parse_http_list(fields))
        secret = hashed(USER, "camera, north", PASSWORD)
        if (algorithm or "").endswith("-sess"):
            secret = hashed(secret, nonce, given["cnonce"])
        middle = [given["nc"], given["cnonce"], given["qop"]] if qop else []
        expected = hashed(secret, nonce, *middle, hashed("GET", request.path))
        same = {"username": USER, "realm": "camera, north", "nonce": nonce, "uri": request.path, "opaque": "5ccc069c"}
        return given["response"] == expected and same.items() <= given.items()

    def answer(request: Request) -> None:
        if is_right(request):
            request.send(data)
            return
        request.send_response(401)
        for one in filter(None, (beside, challenge)):
            request.send_header("WWW-Authenticate", one)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def dripping(data: bytes, seconds: float = 1.0, of_header: bool = False) -> Answer:
    """Send a byte now and then, in the body or already in the header."""

    def answer(request: Request) -> None:
        if not of_header:
            request.send_response(200)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
        for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + data if of_header else data:
            request.wfile.write(bytes([byte]))
            time.sleep(seconds)

    return answer


def large(megabytes: int, declare: bool) -> Answer:
    def answer(request: Request) -> None:
        request.send_response(200)
        if declare:
            request.send_header("Content-Length", str(megabytes << 20))
        request.send_header("Connection", "close")
        request.end_headers()
        for _ in range(megabytes):
            request.wfile.write(bytes(1 << 20))
        request.close_connection = True

    return answer


def cut_short(data: bytes) -> Answer:
    """Announce all bytes, send half of them, and hang up."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[: len(data) // 2])
        request.close_connection = True

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    return lambda request: request.send(status=status, Location=to)


def stream(data: bytes, seconds: float = 0.05) -> Answer:
    """Send a picture again and again, as MJPEG."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        while True:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            request.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(seconds)

    return answer


def make_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that nobody has signed, in one file with its key."""
    if not shutil.which("openssl"):
        pytest.skip("makes a certificate with openssl")
    file = folder / "camera.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(file), "-out", str(folder / "certificate.pem"), "-days", "3650", "-subj", "/CN=camera"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / "certificate.pem").read_bytes())
    return file
