"""Tell systemd how a service fares: a datagram to the socket that it names; see sd_notify(3)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def notify(state: str) -> None:
    """Send a state such as READY=1; does nothing where systemd did not start this program."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    import socket  # takes a while to load

    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watched(items: Iterable[T]) -> Iterator[T]:
    """Iterate; with each item, tell the watchdog that the loop is alive."""
    for item in items:
        notify("WATCHDOG=1")
        yield item
