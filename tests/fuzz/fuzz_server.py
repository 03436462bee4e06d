"""Any request is answered, and never with a failure of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import atheris
from harness import FIXTURES, described, fuzz, scratch

with atheris.instrument_imports(include=["cloudedge", "starlette", "python_multipart", "PIL"]):
    import python_multipart.multipart  # noqa: F401

    from cloudedge import CloudClassifier
    from cloudedge.serve.app import make_app
    from cloudedge.serve.upload import Limits

from corpus import CONTENTS, encoded, photo

photo.__defaults__ = (12, 8)  # or most files of the corpus would be longer than what is tried
SPEC = asdict(CloudClassifier(FIXTURES / "tiny.onnx", threads=1).model.spec)
SPEC["thresholds"] |= {"unfamiliar": 0.5, "clear": 0.6}
MODEL = scratch().with_suffix(".onnx")
MODEL.write_bytes(described("outputs", json.dumps(SPEC).encode()))
CLASSIFIER = CloudClassifier(MODEL, threads=1)  # shows where it sees what
LIMITS = Limits(body_bytes=6000, photos=3, photo_pixels=1_000_000)
APPS = [make_app(CLASSIFIER, token, LIMITS) for token in (None, "secret")]
LOOP = asyncio.new_event_loop()


def try_one(data: bytes) -> None:
    """The input is a request as it stands on the wire; its body comes in two pieces."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    method, target, *_ = [*line.split(b" "), b"", b""]
    path, _, query = target.partition(b"?")
    fields = (line.partition(b":") for line in lines)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.decode("latin-1"),
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.strip().lower(), value.strip()) for name, _, value in fields],
    }
    for app in APPS:
        status, answer = LOOP.run_until_complete(ask(app, scope, [body[: len(body) // 2], body[len(body) // 2 :]]))
        assert 200 <= status < 500, (status, answer)
        if path == b"/classify" and method == b"POST":
            assert "error" in json.loads(answer) if status >= 400 else json.loads(answer)


async def ask(app: Any, scope: dict[str, Any], pieces: list[bytes]) -> tuple[int, bytes]:
    """Put a request to an application; return the status and the body of its answer."""
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces[:-1]]
    coming.append({"type": "http.request", "body": pieces[-1]})
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not coming:
            await LOOP.create_future()  # who hung up here would get no answer
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(dict(scope), receive, send)
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:])


def seeds() -> Iterator[bytes]:
    for target in ("/", "/app.css", "/healthz", "/model", "/genera", "/openapi.json", "/classify", "/../etc/passwd"):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            yield f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n".encode()
    jpeg = encoded("JPEG")
    post = b"POST /classify?evidence=1 HTTP/1.1\r\nAuthorization: Bearer secret\r\n"
    yield post + b"Content-Length: %d\r\n\r\n" % len(jpeg) + jpeg
    for value in (b"-1", b"9" * 5000, b"1e3", b"\xb2", b"0x10"):
        yield post + b"Content-Length: " + value + b"\r\n\r\n" + jpeg
    form = post + b'Content-Type: multipart/form-data; boundary="limit"'
    part = b'--limit\r\nContent-Disposition: form-data; name="photo"; filename="20240601_1230.jpg"\r\n\r\n'
    yield form + b"\r\n\r\n" + part + jpeg + b"\r\n--limit--\r\n"
    yield form + b"\r\n\r\n" + (part + jpeg + b"\r\n") * 4 + b"--limit--\r\n"
    yield form + b"\r\n\r\n" + part.replace(b"; filename", b"; x") + b"a field\r\n--limit--\r\n"
    yield form + b"\r\n\r\n" + part.replace(b"filename=", b"filename*=utf-8''") + jpeg + b"\r\n--limit--\r\n"
    yield form + b"\r\n\r\n" + part + jpeg
    for charset in (b"utf-16", b"raw_unicode_escape", b"idna", b"punycode", b"rot13", b"none", b"undefined", b"utf-7"):
        yield form + b"; charset=" + charset + b"\r\n\r\n" + part + jpeg + b"\r\n--limit--\r\n"
    for kind in ("truncated", "EXIF and profiles", "odd modes"):
        yield from (post + b"\r\n" + data for _, data in CONTENTS[kind]() if len(data) < 3000)


if __name__ == "__main__":
    fuzz(try_one, seeds())
