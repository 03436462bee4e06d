"""Which broker, and how to get into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:  # it takes a while to load
    from ssl import SSLContext

PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Broker:
    """The address of a broker, the account to use, and how to check its certificate (None: no TLS)."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(address: str) -> Broker:
    """Return the broker at an address such as mqtt://user@host:1883.

    Raises ValueError for anything else. Its text never repeats the address, because a password may stand in it.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise ValueError("has the wrong form") from None
    if parts.scheme not in PORTS:
        raise ValueError("does not begin with mqtt:// or mqtts://")
    if parts.password is not None:
        raise ValueError("has a password, which every user of this computer could read")
    if not host or port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has the wrong form")
    user = None if parts.username is None else unquote(parts.username)
    return Broker(parts.scheme, host, port or PORTS[parts.scheme], user)
