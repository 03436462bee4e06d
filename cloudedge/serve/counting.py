"""What the server counts: its answers by their status, and the photos in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudedge.metrics import Family, PhotoCounts


class Counting:
    """Counts since the start; `photos` is for the rows."""

    def __init__(self) -> None:
        self.photos = PhotoCounts("photo")
        self.answers = Counter[int]()

    def families(self) -> Iterator[Family]:
        """Yield the counts."""
        counts = [({"code": str(status)}, float(number)) for status, number in sorted(self.answers.items())]
        yield Family("http_requests_total", "counter", "The requests that were answered, by HTTP status.", counts)
        yield from self.photos.families()


class CountAnswers:
    """ASGI middleware that counts each answer."""

    def __init__(self, app: ASGIApp, counting: Counting) -> None:
        self._app, self._counting = app, counting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # of a crash, which is answered further out

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._counting.answers[status] += 1
