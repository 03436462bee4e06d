"""Take photos off the wire within limits of size and time, in memory alone: nothing is written to the disk."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may send, and what all running requests may use together."""

    body_bytes: int = 64 * MIB
    photos: int = 20  # in one request
    photo_pixels: int = 51_000_000  # phones of "50 megapixels" take 8192 x 6144
    requests: int = 32
    held_bytes: int = 256 * MIB
    body_seconds: float = 20.0  # for a body to come, and one second for each ...
    bytes_per_second: int = 16_384  # ... that have come
    header_seconds: float = 15.0
    name_characters: int = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """A photo as it was sent; its `name` is only ever shown and never opened."""

    name: str | None
    data: bytes


class Capacity:
    """What the running requests use; when it is used up, the answer is 503."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.held_bytes = 0

    @contextmanager
    def enter(self) -> Iterator[Callable[[int], None]]:
        """Take a place, and yield a function that reserves bytes; all is released at the end of the block."""
        if self.requests >= self._limits.requests:
            raise _busy()
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            if self.held_bytes + size > self._limits.held_bytes:
                raise _busy()
            self.held_bytes += size
            mine += size

        self.requests += 1
        try:
            yield hold
        finally:
            self.requests -= 1
            self.held_bytes -= mine


class _InMemoryParser(MultiPartParser):
    spool_max_size = sys.maxsize  # else photos above 1 MB would go into temporary files


async def receive(request: Request, limits: Limits, hold: Callable[[int], None]) -> list[Upload]:
    """Return the photos of a request: the files of a form (multipart/form-data), or the whole body as one photo.

    Raises HTTPException with the status that says what is wrong: 400, 408, 413 or 503.
    """
    pieces = _pieces(request, limits, hold)
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        uploads = await _files(request, limits, pieces)
    else:
        uploads = [Upload(None, b"".join([piece async for piece in pieces]))]
    uploads = [upload for upload in uploads if upload.data or upload.name]
    if not uploads:
        raise HTTPException(400, "there is no photo in the request; send one as the body, or files as a form")
    return uploads


async def _files(request: Request, limits: Limits, pieces: AsyncGenerator[bytes, None]) -> list[Upload]:
    parser = _InMemoryParser(request.headers, pieces, max_files=limits.photos, max_fields=limits.photos)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {error.message}") from error
    except (ValueError, LookupError) as error:  # an invented charset
        raise HTTPException(400, "the form cannot be read") from error
    files = [entry for _, entry in form.multi_items() if isinstance(entry, UploadFile)]
    if any(len(entry.filename or "") > limits.name_characters for entry in files):
        raise HTTPException(400, f"a file's name has more than {limits.name_characters} characters; send a shorter one")
    return [Upload(entry.filename or None, entry.file.read()) for entry in files]


async def _pieces(request: Request, limits: Limits, hold: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, while it is neither too large nor too slow."""
    too_large = HTTPException(413, f"send at most {limits.body_bytes / MIB:.0f} MB at a time")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limits.body_bytes:  # Python refuses to convert very long numbers
        raise too_large
    clock = asyncio.get_running_loop().time
    began, size, more = clock(), 0, True
    while more:
        patience = began + limits.body_seconds + size / limits.bytes_per_second - clock()
        try:
            message = await asyncio.wait_for(request.receive(), patience)
        except TimeoutError as error:
            raise HTTPException(408, "the photo came too slowly; try again", {"Connection": "close"}) from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > limits.body_bytes:
            raise too_large
        hold(len(piece))
        yield piece


def _busy() -> HTTPException:
    return HTTPException(503, "the server is busy; try again in a moment", {"Retry-After": "1"})
