"""Classify each capture of a folder once it is complete, for as long as the program runs.

Notifications of the file system are only hints; the truth is what lies in the folder. It is scanned at the start, when
the folder comes back, and every ten minutes, because hints can get lost.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from cloudedge.archive.hints import Hints
from cloudedge.archive.ledger import Ledger, signature
from cloudedge.archive.photos import EVERY_PHOTO, Selection, is_wanted, photos_below
from cloudedge.cameras import camera_of
from cloudedge.phases import Smoothed, Smoother, capture_of
from cloudedge.row import Classification

PATIENCE_SECONDS = 60.0  # how long an unreadable file may take to become a photo
_AT_ONCE = 10_000  # captures to wait for at a time, so that a large archive does not fill the memory
_NEVER = float("inf")
_RESTLESS = 5  # settle times after which a file that is rewritten all the time is read in whatever state it is in


@dataclass(frozen=True, slots=True)
class _Arrival:
    state: tuple[int, int]
    inode: int
    met: float  # when it was first seen since its last row
    since: float  # when this state was first seen
    due: float  # when to read the file
    overdue: float = _NEVER  # from when on not to wait any longer for it to settle
    tried: bool = False


class Watch:
    """The captures of a folder as they come, each exactly once.

    `classify` turns paths into results, in order; `ledger` knows what is done; a capture is complete when its size and
    its modification time have not changed for `settle` seconds and it can be decoded. One that cannot is tried again,
    at growing intervals, and becomes a failure after `patience` seconds without change. One that is rewritten before it
    settles is read after a few settle times, in the newest state that can be decoded; one that only grows is waited
    for. `on_unreadable` is called once for each folder that cannot be read.
    """

    def __init__(
        self,
        root: str,
        classify: Callable[[Iterable[str]], Iterable[Classification]],
        ledger: Ledger,
        settle: float = 2.0,
        patience: float = PATIENCE_SECONDS,
        selection: Selection = EVERY_PHOTO,
        clock: Callable[[], float] = time.monotonic,
        on_unreadable: Callable[[OSError], object] = lambda error: None,
    ) -> None:
        self._root, self._classify, self._ledger = root, classify, ledger
        self._settle, self._patience, self._clock = settle, patience, clock
        self._selection = selection
        self._on_unreadable, self._unreadable = on_unreadable, set[str]()
        self._waiting: dict[str, _Arrival] = {}
        self._folders: dict[str, float] = {}  # new ones, to be scanned once more: their first files give no hint
        self._more = False  # whether there are more captures than are waited for
        self._awaited = False  # whether what the folder holds when it first appears is done

    def mark_existing_done(self) -> None:
        """Mark everything in the folder as done, so that only later captures count.

        If the folder does not exist yet, this happens when it first appears.
        """
        self._awaited = not os.path.isdir(self._root)
        for path in self._photos(self._root):
            self._ledger.mark(path, signature(path))

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
            if self._more and self._room() > _AT_ONCE // 2:
                self._look_at([self._root])
            yield from self._complete()

    def _look_at(self, paths: Iterable[str], new: bool = True) -> None:
        for path in paths:
            if os.path.isdir(path):
                if new and path != self._root:
                    self._folders[path] = self._clock() + max(self._settle, 1.0)
                room = self._room()
                found = list(islice(filter(self._is_new, self._photos(path)), room))
                for photo in found:
                    self._meet(photo)
                self._more = len(found) == room or (self._more and path != self._root)
            elif self._is_new(path):
                self._meet(path)

    def _room(self) -> int:
        """Return how many more captures may be waited for; those that could not be read do not hold up others."""
        return max(0, _AT_ONCE - sum(not arrival.tried for arrival in self._waiting.values()))

    def _photos(self, path: str) -> Iterator[str]:
        return photos_below(path, self._selection, on_error=self._tell_once, root=self._root)

    def _tell_once(self, error: OSError) -> None:
        if error.filename not in self._unreadable and not isinstance(error, FileNotFoundError):
            self._unreadable.add(error.filename)
            self._on_unreadable(error)

    def _is_new(self, path: str) -> bool:
        state = signature(path)
        if state is None or (path in self._waiting and self._waiting[path].state == state):
            return False
        return not self._ledger.has(path, state)

    def _meet(self, path: str) -> None:
        """Wait for a capture that is new or has changed; one that is gone is dropped, unless it was asked for."""
        try:
            status = os.stat(path)
        except OSError:
            status = None
        if status is None or not is_wanted(path, self._root, self._selection):
            self._waiting.pop(path, None)
            return
        state, now = (status.st_size, status.st_mtime_ns), self._clock()
        new = _Arrival(state, status.st_ino, met=now, since=now, due=now + self._settle)
        if before := self._waiting.get(path):
            overdue = min(before.overdue, before.met + self._longest(before, new))
            new = replace(new, met=before.met, overdue=overdue, due=min(new.due, max(now, overdue)))
        self._waiting[path] = new

    def _afresh(self, arrival: _Arrival) -> _Arrival:
        now = self._clock()
        return replace(arrival, met=now, since=now, due=now + self._settle, overdue=_NEVER)

    def _longest(self, before: _Arrival, new: _Arrival) -> float:
        """Return how long to wait for a capture that has changed: for one that only grows, without end."""
        if new.inode != before.inode or new.state[0] < before.state[0]:
            return _RESTLESS * self._settle
        return _NEVER if new.state[0] > before.state[0] else max(self._patience, _RESTLESS * self._settle)

    def _complete(self) -> Iterator[tuple[Classification, str]]:
        begun: deque[tuple[str, _Arrival, str]] = deque()
        for result in self._classify(self._steady(begun)):
            path, read, key = begun.popleft()
            if signature(path) == read.state:
                waited = self._clock() - (read.met if self._clock() >= read.overdue else read.since)
                if result.status == "error" and waited < self._patience:
                    due = self._clock() + min(waited, self._patience - waited)
                    self._waiting[path] = replace(self._waiting[path], due=due, tried=True)
                    continue
                del self._waiting[path]
            else:
                self._meet(path)  # it changed while it was read, or is gone
                if not self._is_good_anyway(path, read, result):
                    continue
                self._waiting[path] = self._afresh(self._waiting[path])
            yield result, key

    def _is_good_anyway(self, path: str, read: _Arrival, result: Classification) -> bool:
        """Return whether to take the result of a photo that has another state now.

        If another file has taken its place, what was read is whole. If it was written over, it may be a mixture, and
        counts only when nothing better can be had.
        """
        now, arrival = self._clock(), self._waiting.get(path)
        if arrival is None or result.status == "error" or now < read.overdue:
            return False
        return arrival.inode != read.inode or now - read.met >= self._patience

    def _steady(self, begun: deque[tuple[str, _Arrival, str]]) -> Iterator[str]:
        """Yield the captures that are complete, and add to `begun` what each was when it was about to be read."""
        now = self._clock()
        for path in sorted((path for path, arrival in self._waiting.items() if arrival.due <= now), key=self._age):
            if self._is_steady(path):
                arrival = self._waiting[path]
                key = self._ledger.key(path, arrival.state)
                if self._ledger.holds(path, key):  # only its time has changed
                    self._ledger.mark(path, arrival.state)
                    del self._waiting[path]
                else:
                    begun.append((path, arrival, key))
                    yield path

    def _age(self, path: str) -> tuple[int, str]:
        return self._waiting[path].state[1], path

    def _is_steady(self, path: str) -> bool:
        """Return whether to read a file now: it has not changed since it was found, or is overdue."""
        if signature(path) != self._waiting[path].state:
            self._meet(path)
        return path in self._waiting and self._waiting[path].due <= self._clock()


class Changes:
    """Tells when the sky of a camera has changed: when a number of captures in a row show the same new sky.

    The skies are those of `cloudedge.phases`, smoothed, but with the captures so far: what comes later is not known
    yet. Failures count for nothing. `pattern` tells cameras apart, see `cloudedge.cameras.camera_of`.
    """

    def __init__(self, number: int, pattern: str | None = None) -> None:
        self._number, self._pattern = number, pattern
        self._smoothers: dict[str | None, Smoother] = {}
        self._decided: dict[str | None, list[Smoothed]] = {}
        self.skies: dict[str | None, str] = {}  # of each camera, as of its last change

    def changed(self, row: dict[str, Any]) -> bool:
        """Take the next row, and return whether the sky of its camera has changed with it."""
        capture = capture_of(row)
        if capture is None:
            return False
        camera = camera_of(capture.path, self._pattern)
        smoother = self._smoothers.setdefault(camera, Smoother(self._number))
        decided = self._decided.get(camera, []) + smoother.add(capture)
        self._decided[camera] = decided[-self._number :]
        skies = [found.sky for found in decided + smoother.waiting()][-self._number :]
        if len(skies) < self._number or len(set(skies)) > 1 or skies[0] == self.skies.get(camera):
            return False
        self.skies[camera] = skies[0]
        return True
