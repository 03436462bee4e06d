"""The page and the API, as one ASGI application."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict
from importlib.resources import files
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudedge import __version__
from cloudedge.classifier import CloudClassifier
from cloudedge.errors import ModelError, printable
from cloudedge.genera import GENERA
from cloudedge.metrics import CONTENT_TYPE, render
from cloudedge.serve.counting import CountAnswers, Counting
from cloudedge.serve.live import OPEN_PATHS, Live, Source
from cloudedge.serve.openapi import description
from cloudedge.serve.upload import Capacity, Limits, receive
from cloudedge.serve.workers import Workers

T = TypeVar("T")

_STATIC = files("cloudedge.serve") / "static"
_LINK_TO_LIVE = re.compile(rb"<!-- begin live -->.*?<!-- end live -->", re.DOTALL)
# All that is served from the disk; it is read once, at the start.
_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("app", "card", "elements", "gallery", "overlay", "overview")
    },
}
_OPEN_TO_ALL = {*_PAGE, *OPEN_PATHS, "/healthz", "/openapi.json"}
_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}


def make_app(
    classifier: CloudClassifier,
    token: str | None = None,
    limits: Limits | None = None,
    allowed_hosts: Collection[str] = (),
    source: Source | None = None,
) -> Starlette:
    """Make the application; with `token`, only requests that carry it may classify or ask for the model.

    Pages at `allowed_hosts` may use it too: a proxy may show this server's page under a name of its own. With a
    `source` there is a live page.
    """
    limits = limits or Limits()
    workers, capacity, counting = Workers(classifier), Capacity(limits), Counting()
    spec = classifier.model.spec
    genera = _json([asdict(genus) for genus in GENERA])
    of_photos = {"bytes": limits.body_bytes, "photos": limits.photos, "pixels": limits.photo_pixels}
    model = _json({**asdict(spec), "limits": of_photos})
    openapi = _json(description(__version__, token is not None, source is not None))

    def check_origin(request: Request) -> None:
        if problem := _problem_of_origin(request.headers, allowed_hosts):
            raise HTTPException(403, problem)

    live = Live(source, check_origin) if source else None

    async def classify(request: Request) -> Response:
        with_evidence = _flag(request, "evidence")
        check_origin(request)
        with capacity.enter() as hold:
            uploads = await receive(request, limits, hold)
            answers = await _unless_gone(request, workers.answers(uploads, with_evidence))
        rows = [answer.row for answer in answers]
        for row in rows:
            counting.photos.add(row)
        if any(answer.status == 200 for answer in answers):
            return _respond(_json(rows))
        return _respond(_json({"error": rows[0]["error"], "rows": rows}), answers[0].status)

    async def healthz(request: Request) -> Response:
        return _respond(_json({"status": "ok", "requests": capacity.requests}))

    async def metrics(request: Request) -> Response:
        return _respond(render(counting.families()).encode(), kind=CONTENT_TYPE)

    def fixed(path: str, body: bytes, kind: str = "application/json") -> Route:
        async def endpoint(request: Request) -> Response:
            return _respond(body, kind=kind)

        return Route(path, endpoint)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with live.running() if live else nullcontext():
            yield
        await asyncio.to_thread(workers.close)

    static = {path: ((_STATIC / name).read_bytes(), kind) for path, (name, kind) in _PAGE.items()}
    if live is None:
        page, kind = static["/"]
        static["/"] = _LINK_TO_LIVE.sub(b"", page), kind
    app = Starlette(
        routes=[
            Route("/classify", classify, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/metrics", metrics),
            fixed("/genera", genera),
            fixed("/model", model),
            fixed("/openapi.json", openapi),
            *(fixed(path, *content) for path, content in static.items()),
            *(live.routes() if live else ()),
        ],
        middleware=[Middleware(CountAnswers, counting=counting), Middleware(_Guard, token=token)],
        exception_handlers={HTTPException: _refuse, ModelError: _fail, ClientDisconnect: _gone, Exception: _crash},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # of /model/ to /model: that fails if a query is not UTF-8
    return app


class _Guard:
    """Asks for the token if there is one."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN_TO_ALL or self._may_pass(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            problem = _json({"error": "this server needs a token; send it as `Authorization: Bearer TOKEN`"})
            response = _respond(problem, 401, {"WWW-Authenticate": "Bearer"})
            await response(scope, receive, send)

    def _may_pass(self, headers: Headers) -> bool:
        shown = headers.get("authorization", "").encode()
        return self._token is None or hmac.compare_digest(shown, f"Bearer {self._token}".encode())


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Wait for work, which is dropped if the client hangs up or the server must end."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    except asyncio.CancelledError:
        raise HTTPException(503, "the server is shutting down; try again later") from None
    finally:
        working.cancel()
        leaving.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _problem_of_origin(headers: Headers, allowed_hosts: Collection[str]) -> str | None:
    """Return what is wrong if another site's page asks; browsers say so plainly only to addresses that they trust."""
    site, host = headers.get("sec-fetch-site"), headers.get("host", "")
    if site == "cross-site":
        return "this request comes from another site's page; open this server's page instead"
    if site or "origin" not in headers:
        return None
    asking = headers["origin"].partition("://")[2]
    if asking in (host, *allowed_hosts):
        return None
    if not asking:
        return "this request comes from a page without an address; open this server's page instead"
    asking, host = printable(asking[:200]), printable(host[:200])
    return (
        f"this request comes from a page at {asking}, and asks the host {host}; if that is a proxy's page of this "
        f"server, let the proxy pass on the header Host, or start the server with --allow-host {asking}"
    )


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "")
    if value.lower() not in _FLAGS:
        raise HTTPException(400, f"{name} must be true or false")
    return _FLAGS[value.lower()]


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()  # ASCII, so that a file's name of any characters gets through


def _respond(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, kind: str = "application/json"
) -> Response:
    return Response(body, status, headers, kind)


def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _respond(_json({"error": error.detail}), error.status_code, error.headers)


def _fail(request: Request, error: Exception) -> Response:
    assert isinstance(error, ModelError)  # without the path, which is private
    return _respond(_json({"error": f"the model {error.problem}"}), 500)


def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the client is gone


def _crash(request: Request, error: Exception) -> Response:
    return _respond(_json({"error": "something went wrong in the server; its log says what"}), 500)
