"""Run the application: listen, wait for no client forever, and answer every photo before the end."""

from __future__ import annotations

import asyncio
import socket

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from cloudedge.serve.headers import NOBODY, security_headers

_CONNECTIONS = 256
_SECONDS_TO_END = 30


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to listen on; raise OSError if that fails."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.create_server(address[:2], family=family, backlog=128)
    # Connections inherit it. asyncio sets it only where the socket names its protocol; without it, a small answer on a
    # connection that is kept waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def make_server(app: Starlette, header_seconds: float, frame_ancestors: str = NOBODY) -> uvicorn.Server:
    """Return a server that runs until SIGINT or SIGTERM; running requests then have `_SECONDS_TO_END` to finish.

    Every answer has the security headers, also those that are not the application's: after a crash, or when the server
    is too busy.
    """

    class Protocol(_PatientProtocol):
        patience = header_seconds

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,  # warnings go to standard error as they are, and nobody's loggers are changed
        access_log=False,
        server_header=False,
        headers=list(security_headers(frame_ancestors).items()),
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; where a signal has come before, end the application again, which uvicorn would leave running."""
        await super().startup(sockets)
        if self.should_exit and self.started:
            await self.shutdown(sockets)


class _PatientProtocol(H11Protocol):
    """Closes a connection whose request line and headers do not come in time; uvicorn would wait forever.

    The rest of a request that was answered early is read and dropped for as long, so that its sender gets the answer.
    """

    patience: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP: as uvicorn does, but with the headers."""
        body = msg.encode("ascii", "replace")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        length = (b"content-length", str(len(body)).encode())
        answer = h11.Response(status_code=400, headers=[*self.server_state.default_headers, *headers, length])
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
