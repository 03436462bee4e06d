"""Classify each capture of a folder once it is complete, for as long as the program runs.

Notifications of the file system are only hints; the truth is what lies in the folder. It is scanned at the start, when
the folder comes back, and every ten minutes, because hints can get lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cloudedge.archive.hints import Hints
from cloudedge.archive.journal import Ledger, Signature, signature
from cloudedge.archive.photos import is_wanted, photos_below
from cloudedge.row import Classification

PATIENCE_SECONDS = 60.0  # how long an unreadable file may take to become a photo
_AT_ONCE = 10_000  # captures to wait for at a time, so that a large archive does not fill the memory


@dataclass(slots=True)
class _Arrival:
    state: Signature
    since: float  # when that state was first seen
    due: float  # when to read the file


class Watch:
    """The captures of a folder as they come, each exactly once.

    `classify` turns paths into results, in order; `ledger` knows what is done; a capture is complete when its size and
    its modification time have not changed for `settle` seconds and it can be decoded. One that cannot is tried again,
    at growing intervals, and becomes a failure after `patience` seconds without change.
    """

    def __init__(
        self,
        root: str,
        classify: Callable[[Iterable[str]], Iterable[Classification]],
        ledger: Ledger,
        settle: float = 2.0,
        patience: float = PATIENCE_SECONDS,
        glob: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        exclude: Sequence[str] = (),
    ) -> None:
        self._root, self._classify, self._ledger = root, classify, ledger
        self._settle, self._patience, self._clock = settle, patience, clock
        self._glob, self._exclude = glob, exclude
        self._waiting: dict[str, _Arrival] = {}
        self._folders: dict[str, float] = {}  # new ones, to be scanned once more: their first files give no hint
        self._more = False
        self._awaited = False  # whether what the folder holds when it first appears is done

    def mark_existing_done(self) -> None:
        """Mark everything in the folder as done, so that only later captures count.

        If the folder does not exist yet, this happens when it first appears.
        """
        self._awaited = not os.path.isdir(self._root)
        for path in self._photos(self._root):
            self._ledger.write({}, self._ledger.key(path, signature(path)))

    def captures(self, hints: Hints) -> Iterator[tuple[Classification, str]]:
        """Yield the result and the key of each complete capture; the caller writes both to the ledger."""
        for paths in hints:
            if paths is None and self._awaited:
                self.mark_existing_done()
            self._look_at([self._root] if paths is None else paths)
            again = [path for path, due in self._folders.items() if due <= self._clock()]
            for path in again:
                del self._folders[path]
            self._look_at(again, new=False)
            if self._more and not self._waiting:
                self._look_at([self._root])
            yield from self._complete()

    def _look_at(self, paths: Iterable[str], new: bool = True) -> None:
        for path in paths:
            if os.path.isdir(path):
                if new and path != self._root:
                    self._folders[path] = self._clock() + max(self._settle, 1.0)
                found = (photo for photo in self._photos(path) if self._is_new(photo))
                for photo in islice(found, max(0, _AT_ONCE - len(self._waiting))):
                    self._meet(photo)
                self._more = len(self._waiting) >= _AT_ONCE
            elif self._is_new(path):
                self._meet(path)

    def _photos(self, path: str) -> Iterator[str]:
        return photos_below(path, glob=self._glob, exclude=self._exclude, root=self._root)

    def _is_new(self, path: str) -> bool:
        state = signature(path)
        if state is None or (path in self._waiting and self._waiting[path].state == state):
            return False
        return not self._ledger.holds(self._ledger.key(path, state))

    def _meet(self, path: str) -> None:
        if is_wanted(path, self._root, self._glob, self._exclude):
            now = self._clock()
            self._waiting[path] = _Arrival(signature(path), now, now + self._settle)

    def _complete(self) -> Iterator[tuple[Classification, str]]:
        now = self._clock()
        due = sorted((path for path, arrival in self._waiting.items() if arrival.due <= now), key=self._age)
        steady = [path for path in due if self._is_steady(path)]
        states = {path: self._waiting[path].state for path in steady}
        for result, path in zip(self._classify(steady), steady, strict=True):
            if not self._is_steady(path):  # it changed while it was read, or is gone
                continue
            arrival = self._waiting[path]
            waited = self._clock() - arrival.since
            if result.status == "error" and waited < self._patience:
                arrival.due = self._clock() + min(waited, self._patience - waited)
                continue
            del self._waiting[path]
            yield result, self._ledger.key(path, states[path])

    def _age(self, path: str) -> tuple[int, str]:
        state = self._waiting[path].state
        return (state[1] if state else 0), path

    def _is_steady(self, path: str) -> bool:
        """Return whether a file has not changed since it was found; one that has is waited for again."""
        state = signature(path)
        if state is None:
            del self._waiting[path]  # gone, and it was not asked for by name
            return False
        if state != self._waiting[path].state:
            now = self._clock()
            self._waiting[path] = _Arrival(state, now, now + self._settle)
            return False
        return True


class Changes:
    """Tells when the sky has changed: when a number of captures in a row agree on something new.

    They agree when they name the same genus, certain or not, or have the same reason to name none (dark, clear,
    unfamiliar). Failures count for nothing.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._sky: str | None = None
        self._candidate, self._agreeing = "", 0

    def changed(self, row: dict[str, Any]) -> bool:
        """Take the next row, and return whether the sky has changed with it."""
        if row["status"] == "error":
            return False
        sky = row["genus"] or row["reason"]
        self._agreeing = self._agreeing + 1 if sky == self._candidate else 1
        self._candidate = sky
        if sky == self._sky or self._agreeing < self._number:
            return False
        self._sky = sky
        return True
