"""Fetch a picture from a camera, within limits of size and time.

A fetch runs in a thread of its own, because looking up a name or a connection that drips cannot be ended from inside.
The thread that waits for it can give up at any moment: it then shuts the connection down.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2

from cloudedge.camera.address import Address
from cloudedge.errors import ImageError, brief
from cloudedge.signals import Stop

_WAIT = 0.2  # seconds after which a waiting thread looks whether it must stop

E = TypeVar("E", bound=BaseException)

_AHEAD = ("Digest", "Basic")  # the schemes of authentication, the one that hides the password first


class FetchError(ImageError):
    """A camera does not give a picture."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take."""

    connect_seconds: float = 5.0
    seconds: float = 30.0
    bytes: int = 64 << 20
    redirects: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a camera sent, and the headers with which it can be asked for a newer one."""

    data: bytes
    validators: Mapping[str, str]


class Fetcher:
    """Fetches the picture at an address, again and again.

    `verify` is the SSL context with the trusted certificates, True for those of the system, False to trust any.
    `address.user` and `address.password` go to the address's own host alone, and only when it asks for them.
    """

    def __init__(self, address: Address, verify: ssl.SSLContext | bool = True, limits: Limits | None = None) -> None:
        self.address = address
        self._limits = limits or Limits()
        self._context = httpx2.create_ssl_context(verify)  # made once: it reads all trusted certificates

    def fetch(
        self, validators: Mapping[str, str] | None = None, must_stop: Callable[[], bool] = lambda: False
    ) -> Picture | None:
        """Return the picture; None if it is the one that `validators` belong to, or as soon as `must_stop` is true.

        Raises FetchError.
        """
        transfer = _Transfer(self.address, self._context, self._limits, validators or {})
        end = time.monotonic() + self._limits.seconds
        threading.Thread(target=transfer.run, name="cloudedge-fetch", daemon=True).start()
        while not transfer.is_done.is_set():
            if must_stop():
                transfer.abort()
                return None
            if time.monotonic() > end:
                transfer.abort()
                raise self._too_slow()
            transfer.is_done.wait(_WAIT)
        if transfer.error is None:
            return transfer.picture
        if isinstance(transfer.error, httpx2.ReadTimeout | httpx2.WriteTimeout):
            raise self._too_slow()
        raise _in_words(transfer.error, self._limits) from transfer.error

    def _too_slow(self) -> FetchError:
        return FetchError(
            f"did not send a whole picture within {self._limits.seconds:g} seconds; check the camera and the network"
        )


@dataclass(slots=True, eq=False)
class _Transfer:
    """One fetch: `run` in a thread of its own sets `picture` or `error`, then `is_done`."""

    address: Address
    context: ssl.SSLContext
    limits: Limits
    validators: Mapping[str, str]
    picture: Picture | None = None
    error: Exception | None = None
    is_done: Stop = field(default_factory=Stop)
    _is_aborted: bool = False
    _socket: socket.socket | None = None

    def run(self) -> None:
        try:
            self.picture = self._picture()
        except Exception as error:
            self.error = error
        self.is_done.set()

    def abort(self) -> None:
        """End the thread soon, wherever it is."""
        self._is_aborted = True
        self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # of the connection itself: TLS would wait for the other side
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _note(self, event: str, info: dict[str, Any]) -> None:
        """Take note of the connection, to be able to shut it down."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_aborted:
                self._shut_down()

    def _picture(self) -> Picture | None:
        timeout = httpx2.Timeout(self.limits.seconds, connect=self.limits.connect_seconds)
        home = url = httpx2.URL(self.address.url)
        headers = {"Accept": "image/*, */*;q=0.1", "Accept-Encoding": "identity", "User-Agent": "cloudedge"}
        with httpx2.Client(verify=self.context, timeout=timeout, headers=headers) as client:
            for _ in range(self.limits.redirects + 1):
                request = client.build_request("GET", url, headers=self.validators, extensions={"trace": self._note})
                response = client.send(request, stream=True, auth=None)
                if response.status_code == HTTPStatus.UNAUTHORIZED and _is_at(url, home):
                    response = self._answered(client, request, response)
                if not response.has_redirect_location:
                    return self._body(response)
                response.close()
                url = url.join(response.headers["location"]).copy_with(username=None, password=None)
        raise FetchError("redirects again and again; give the address to which it leads")

    def _answered(self, client: httpx2.Client, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """Send a request once more, with the user and the password, if there are any that the camera takes."""
        if self.address.user is None or self.address.password is None:
            return response
        for challenge in _challenges(response):
            if _authorize(request, challenge, self.address.user, self.address.password):
                response.close()
                return client.send(request, stream=True, auth=None)
        return response

    def _body(self, response: httpx2.Response) -> Picture | None:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return None
        if response.status_code != HTTPStatus.OK:
            raise FetchError(_problem_of_status(response.status_code, self.address.user is not None))
        if response.headers.get("content-type", "").lower().startswith("multipart/"):
            raise FetchError(
                "is a video stream, not a picture; give the address of a single picture (often called a snapshot)"
            )
        data, declared = bytearray(), response.headers.get("content-length", "")
        too_large = FetchError(f"is larger than {self.limits.bytes >> 20} MB; is it a photo?")
        if declared.isdecimal() and int(declared[:20]) > self.limits.bytes:
            raise too_large
        for piece in response.iter_bytes():
            data += piece
            if len(data) > self.limits.bytes:
                raise too_large
        if not data:
            raise FetchError("sent nothing; check the address")
        asked = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
        newer = {ask: response.headers[name] for name, ask in asked.items() if name in response.headers}
        return Picture(bytes(data), newer)


def _is_at(url: httpx2.URL, home: httpx2.URL) -> bool:
    """Return whether an address is at the host that the user named, over a connection that is at least as safe."""
    if (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port):
        return True
    return url.host == home.host and (home.scheme, home.port, url.scheme, url.port) == ("http", None, "https", None)


def _challenges(response: httpx2.Response) -> Iterator[str]:
    """Yield the challenges of an answer, Digest before Basic; each header may hold several."""
    headers = response.headers.get_list("www-authenticate")
    found = [one for header in headers for one in re.split(r",\s*(?=(?:digest|basic)\s)", header, flags=re.IGNORECASE)]
    for scheme in _AHEAD:
        yield from (one.strip() for one in found if one.strip().lower().startswith(scheme.lower()))


def _authorize(request: httpx2.Request, challenge: str, user: str, password: str) -> bool:
    """Add the answer to a challenge to a request; return False for a challenge that cannot be answered."""
    scheme = httpx2.BasicAuth if challenge.lower().startswith("basic") else httpx2.DigestAuth
    flow = scheme(user, password).auth_flow(request)
    try:
        next(flow)
        if scheme is httpx2.DigestAuth:
            flow.send(httpx2.Response(401, headers={"WWW-Authenticate": challenge}, request=request))
    except (httpx2.ProtocolError, NotImplementedError, LookupError, ValueError):  # an algorithm of its own, or nonsense
        return False
    return True


def _problem_of_status(status: int, has_user: bool) -> str:
    if status == HTTPStatus.UNAUTHORIZED and has_user:
        return "does not accept the user and the password (401); check --user and the password"
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            "asks for a user and a password (401); give --user NAME, and the password in CLOUDEDGE_CAMERA_PASSWORD or "
            "with --password-file"
        )
    if status == HTTPStatus.FORBIDDEN:
        return "refuses access (403); check what this user may see"
    if status == HTTPStatus.NOT_FOUND:
        return "has no picture at this address (404); check the address"
    with suppress(ValueError):
        return f"answers {status} ({HTTPStatus(status).phrase}); check the address and the camera"
    return f"answers {status}; check the address and the camera"


def _in_words(error: Exception, limits: Limits) -> FetchError:
    """Return the error that says what went wrong and what to do."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, httpx2.ConnectTimeout):
        return FetchError(f"does not answer within {limits.connect_seconds:g} seconds; check its address and its power")
    if certificate := _cause(error, ssl.SSLCertVerificationError):
        why = certificate.verify_message
        return FetchError(f"has a certificate that is not trusted ({why}); give it with --ca FILE, or use --insecure")
    of_system = _cause(error, OSError)
    why = (of_system and of_system.strerror) or brief(error)
    if isinstance(error, httpx2.ConnectError):
        return FetchError(f"cannot be reached ({why}); check its address and the network")
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL):
        return FetchError(f"does not send a whole picture ({why}); check the address and the camera")
    raise error


def _cause(error: BaseException | None, kind: type[E]) -> E | None:
    """Return the error of a kind that is behind an error."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
