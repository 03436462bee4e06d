"""The live page and its data: what RESULTS say now. Answers are prepared when the file changes, not when asked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date
from importlib.resources import files
from typing import Any, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudedge.errors import CloudEdgeError

_LOOK_SECONDS = 1.0
_PATIENCE = 10.0  # seconds that a request waits for the first look, so that a page opened at once shows something
_MOST_HOURS = 31 * 24
_STATIC = {
    "/live": ("live.html", "text/html"),
    "/live.js": ("live.js", "text/javascript"),
    "/live.css": ("live.css", "text/css"),
}
OPEN_PATHS = {*_STATIC, "/live/report.css"}

_log = logging.getLogger(__name__)


class Source(Protocol):
    """What RESULTS say; only `look` takes in what is new."""

    style: str  # of the page

    def look(self) -> bool:
        """Read what is new in the file, and return whether anything is; raise OSError or CloudEdgeError if it fails."""

    def latest(self) -> list[dict[str, Any]]:
        """Return the newest row of each camera."""

    def phases(self, day: date | None = None, hours: float | None = None) -> list[dict[str, Any]]:
        """Return the phases of a day, or of the hours before the newest capture."""

    def page(self) -> str:
        """Return what the page shows, as HTML."""

    def picture(self, name: str) -> bytes | None:
        """Return a picture of the page, JPEG, or None if the page does not show it or the photo is gone."""


class Live:
    """Looks at the source again and again, and answers from what it has found."""

    def __init__(self, source: Source, check: Callable[[Request], None]) -> None:
        """`check` raises HTTPException for a request that may not be answered."""
        self._source, self._check = source, check
        self._latest: dict[str | None, bytes] = {}
        self._day = b"[]"
        self._page: asyncio.Task[bytes] | None = None
        self._is_ready = asyncio.Event()

    def routes(self) -> list[Route]:
        """Return the routes to what is shown."""
        static = files("cloudedge.serve") / "static"
        fixed = {path: ((static / name).read_bytes(), kind) for path, (name, kind) in _STATIC.items()}
        fixed["/live/report.css"] = self._source.style.encode(), "text/css"
        return [
            *(_fixed(path, body, f"{kind}; charset=utf-8") for path, (body, kind) in fixed.items()),
            Route("/latest", self._answer_latest),
            Route("/phases", self._answer_phases),
            Route("/live/page", self._answer_page),
            Route("/live/picture/{name}", self._answer_picture),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the source as long as the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        problem = ""
        while True:
            try:
                if await asyncio.to_thread(self._source.look) or not self._is_ready.is_set():
                    rows, phases = await asyncio.to_thread(
                        lambda: (self._source.latest(), self._source.phases(hours=24))
                    )
                    self._latest = {row["camera"]: _json([row]) for row in rows} | {None: _json(rows)}
                    self._day, self._page = _json(phases), None
                    self._is_ready.set()
                problem = ""
            except (OSError, CloudEdgeError) as error:
                found = f"--results cannot be read: {getattr(error, 'strerror', error)}"
                if found != problem:  # each look fails alike; the log has it once
                    _log.error(found)
                problem = found
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answer_latest(self, request: Request) -> Response:
        await self._begin(request)
        camera = request.query_params.get("camera")
        if camera not in self._latest:
            raise HTTPException(404, "no camera has this name")
        return _tagged(request, self._latest[camera])

    async def _answer_phases(self, request: Request) -> Response:
        await self._begin(request)
        day, hours = _time_of(request.query_params)
        if day is None and hours is None:
            return _tagged(request, self._day)
        return _tagged(request, _json(await asyncio.to_thread(self._source.phases, day, hours)))

    async def _answer_page(self, request: Request) -> Response:
        await self._begin(request)
        if self._page is None:  # shared by all requests
            self._page = asyncio.create_task(asyncio.to_thread(lambda: self._source.page().encode()))
        return _tagged(request, await asyncio.shield(self._page), "text/html; charset=utf-8")

    async def _answer_picture(self, request: Request) -> Response:
        await self._begin(request)
        picture = await asyncio.to_thread(self._source.picture, request.path_params["name"])
        if picture is None:
            raise HTTPException(404, "the photo is gone, or the page does not show it")
        return Response(picture, headers={"Cache-Control": "private, max-age=86400"}, media_type="image/jpeg")

    async def _begin(self, request: Request) -> None:
        self._check(request)
        try:
            await asyncio.wait_for(self._is_ready.wait(), _PATIENCE)
        except TimeoutError:
            problem = "the rows are still being read; try again later"
            raise HTTPException(503, problem, {"Retry-After": "5"}) from None


def _time_of(query: Mapping[str, str]) -> tuple[date | None, float | None]:
    if "day" in query and "hours" in query:
        raise HTTPException(400, "give day or hours, not both")
    try:
        day = date.fromisoformat(query["day"]) if "day" in query else None
        hours = float(query["hours"]) if "hours" in query else None
    except ValueError:
        raise HTTPException(400, "day must be like 2024-06-01, and hours a number") from None
    if hours is not None and not 0 < hours <= _MOST_HOURS:
        raise HTTPException(400, f"hours must be more than 0, and at most {_MOST_HOURS}")
    return day, hours


def _fixed(path: str, body: bytes, kind: str) -> Route:
    async def endpoint(request: Request) -> Response:
        return Response(body, media_type=kind)

    return Route(path, endpoint)


def _tagged(request: Request, body: bytes, kind: str = "application/json") -> Response:
    """Answer that nothing has changed to a client that has this answer already."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()
