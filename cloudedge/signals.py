"""Ctrl-C, SIGTERM and SIGHUP as a KeyboardInterrupt that is raised where it does no harm.

Python's own handler raises it between any two instructions, also while the main thread waits for another one: a lock is
then released twice, which ends the program with a RuntimeError, or never, which lets it hang. Here a signal that comes
while results are waited for is raised just after; and once raised, no second one disturbs the tidying up.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

# Ctrl-C, the end of a service, and the end of the terminal or connection (not on Windows).
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_arrived: int | None = None
_held = _raised = False


class Interruption(KeyboardInterrupt):
    """Ctrl-C, or a signal like it.

    Of exactly KeyboardInterrupt Python remembers that it went through an `exec` of a text, as dataclasses are made by,
    and at its exit ends itself by SIGINT in place of the exit code, though the interruption was dealt with.
    """


def install() -> None:
    """Turn the signals into interruptions."""
    handle_with(_note)
    sys.unraisablehook = _raise_again


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Raise an interruption once more that came in a finalizer or a weak reference's callback, where Python drops it.

    A moment later the program is elsewhere. Otherwise it would never end: all signals are ignored by then.
    """
    global _raised
    if not isinstance(lost.exc_value, Interruption):
        sys.__unraisablehook__(lost)
    elif hasattr(signal, "setitimer"):
        _raised = False
        signal.signal(signal.SIGALRM, _note)
        signal.setitimer(signal.ITIMER_REAL, 0.01)


def handle_with(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let a function handle the signals, except those that the program was started to ignore, as by `nohup`."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


class Stop:
    """What a handler sets and a loop waits for.

    `threading.Event` will not do: `set` takes the lock that the interrupted `wait` may hold, and so never returns.
    """

    def __init__(self) -> None:
        import socket  # takes a while to load

        self._reader, self._writer = socket.socketpair()  # on Windows `select` accepts no pipe
        self._writer.setblocking(False)
        self._is_set = False

    def set(self) -> None:
        """End the waiting, now and from now on; takes no lock."""
        self._is_set = True
        with suppress(BlockingIOError):  # full: it is readable anyway
            self._writer.send(b"\0")

    def is_set(self) -> bool:
        """Return whether `set` has been called."""
        return self._is_set

    def wait(self, seconds: float) -> None:
        """Wait for `set`, but at most so long."""
        import select

        select.select([self._reader], [], [], seconds)


def arrived() -> int | None:
    """Return the number of the first signal, if one has arrived: it may be why something has gone wrong since."""
    return _arrived


def held(items: Iterable[T]) -> Iterator[T]:
    """Iterate; a signal that comes while an item is made is raised when it is there."""
    return _with(items, True)


def let_through(items: Iterable[T]) -> Iterator[T]:
    """Iterate inside `held`; a signal that has come, or comes while an item is made, is raised at once."""
    return _with(items, False)


def _with(items: Iterable[T], hold: bool) -> Iterator[T]:
    global _held
    iterator = iter(items)
    while True:
        before, _held = _held, hold
        try:
            _raise_if_due()
            item = next(iterator)
        except StopIteration:
            break
        finally:
            _held = before
        _raise_if_due()
        yield item
    _raise_if_due()


def _note(number: int, frame: object) -> None:
    global _arrived
    _arrived = _arrived or number  # not SIGALRM, which only raises it again
    _raise_if_due()


def _raise_if_due() -> None:
    global _raised
    if _arrived and not _held and not _raised:
        _raised = True
        for number in SIGNALS:  # Python would let one end the program while it takes itself down
            signal.signal(number, signal.SIG_IGN)
        raise Interruption
