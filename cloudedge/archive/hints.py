"""Hints at what may have changed in a folder: from the operating system, or from polling."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator

from cloudedge.archive.network import network_file_system
from cloudedge.signals import Stop

RESCAN_SECONDS = 600.0
_POLL_SECONDS = 30.0  # where there are no notifications

_INSTEAD = f"looking through it every {_POLL_SECONDS:.0f} seconds instead (--poll changes that)"

# What to look at now: files and folders that have changed, or None for everything.
Hints = Iterator[Iterable[str] | None]


def from_polling(root: str, seconds: float, tick: float, stop: Stop, say: Callable[[str], object]) -> Hints:
    """Look through the folder every `seconds` seconds: network shares send no notifications."""
    presence = _Presence(root, say)
    last = -seconds
    while not stop.is_set():
        is_due = time.monotonic() - last >= seconds
        if presence.check() and is_due:
            yield None
            last = time.monotonic()
        else:
            yield []
        stop.wait(tick)


def from_notifications(root: str, tick: float, stop: Stop, say: Callable[[str], object]) -> Hints:
    """Have the operating system report changes; poll where it cannot, as on a network file system."""
    presence = _Presence(root, say)
    while not stop.is_set():
        if presence.check() is None:
            yield []
            stop.wait(tick)
            continue
        if kind := network_file_system(root):
            say(f"is on a network file system ({kind}), which sends no notifications; {_INSTEAD}")
            yield from from_polling(root, _POLL_SECONDS, tick, stop, say)
            return
        try:
            yield from _while_it_stays(root, tick, stop, presence)
        except FileNotFoundError:  # it may disappear at any moment
            continue
        except (OSError, RuntimeError) as error:  # too many folders for inotify, say
            say(f"the system cannot report changes ({error}); {_INSTEAD}")
            yield from from_polling(root, _POLL_SECONDS, tick, stop, say)


def _while_it_stays(root: str, tick: float, stop: Stop, presence: _Presence) -> Hints:
    from watchfiles import watch

    identity, real, scanned = presence.check(), os.path.realpath(root), -RESCAN_SECONDS
    for changes in watch(
        real,
        watch_filter=None,
        debounce=200,
        rust_timeout=int(tick * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        if presence.check() != identity:  # gone, or created or mounted again: another folder of the same name
            return
        if time.monotonic() - scanned >= RESCAN_SECONDS:  # the first time too, now that changes are reported
            scanned = time.monotonic()
            yield None
        names = sorted(os.path.relpath(path, real) for _, path in changes)
        yield [os.path.join(root, name) for name in names if name != os.curdir]


class _Presence:
    """Whether a folder exists, and which one it is; reports when that changes."""

    def __init__(self, root: str, say: Callable[[str], object]) -> None:
        self._root, self._say, self._was_there = root, say, True

    def check(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._root)
        except OSError:
            status = None
        if self._was_there != (status is not None):
            self._was_there = status is not None
            self._say("is back" if self._was_there else "is not there; waiting for it")
        return (status.st_dev, status.st_ino) if status else None
