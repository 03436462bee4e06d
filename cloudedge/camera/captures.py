"""Classify the picture of a camera at fixed times, for as long as the program runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cloudedge.camera.fetch import Fetcher, Picture
from cloudedge.camera.keep import Keep
from cloudedge.classifier import CloudClassifier, with_sun
from cloudedge.errors import ImageError
from cloudedge.row import Classification
from cloudedge.signals import Stop
from cloudedge.sun import Location

FROZEN_AFTER = 30  # fetches with the same picture in a row
_LONGEST_BACKOFF = 600.0  # seconds between two tries, unless the captures are further apart anyway


class Keys(Protocol):
    """What a camera asks the ledger."""

    def key_of_bytes(self, data: bytes, fetched_ns: int) -> str:
        """Return the key of a picture, or without bytes of a failure."""

    def holds(self, path: str, key: str) -> bool:
        """Return whether the picture with this key is done."""


class Camera:
    """The captures of a camera: each new picture, and each kind of failure once until the camera is back.

    A picture is fetched every `every` seconds; times that were missed are left out. After failures it is tried less and
    less often, at last every ten minutes. A picture with the same bytes as before is not a new capture. With `keep`
    each classified picture is saved, and its row has the path of the saved file; any other row has the address. `say`
    takes a line for people, `stop` ends a fetch; `clock` gives seconds, `now` the local time with its offset.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        classifier: CloudClassifier,
        ledger: Keys,
        every: float,
        stop: Stop,
        say: Callable[[str], object],
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._fetcher, self._classifier, self._ledger = fetcher, classifier, ledger
        self._every, self._stop, self._say, self._keep = every, stop, say, keep
        self._clock, self._now = clock, now
        self._path = (keep and keep.latest()) or fetcher.address.shown  # of the row before
        self._validators: Mapping[str, str] = {}
        self.picture: bytes | None = None  # of the last capture that could be classified
        self._can_keep = True
        self._unchanged = self._failures = 0
        self._told: set[str] = set()  # the kinds of failures since the camera last gave a picture

    def captures(self, hints: Iterable[object]) -> Iterator[tuple[Classification, str]]:
        """Yield the result and the key of each capture; the caller writes both to the ledger.

        With each of `hints` the clock is looked at.
        """
        start = due = self._clock()
        for _ in hints:
            if self._clock() < due:
                continue
            if capture := self._capture():
                yield capture
            due = start + (int((self._clock() - start) // self._every) + self._times_to_wait()) * self._every

    def _times_to_wait(self) -> int:
        longest = max(1, int(_LONGEST_BACKOFF // self._every))
        return min(1 << min(max(self._failures - 1, 0), 30), longest)

    def _capture(self) -> tuple[Classification, str] | None:
        """Return the result and the key of what the camera sends now; None if that is not news."""
        moment = self._now()
        try:
            picture = self._fetcher.fetch(self._validators, self._stop.is_set)
            if self._stop.is_set():
                return None
            key = self._ledger.key_of_bytes(picture.data, _ns(moment)) if picture else ""
            if picture is None or self._ledger.holds(self._path, key):
                self._count_same()
                return None
            result = self._classifier.classify(picture.data)
        except ImageError as error:
            return self._failure(error, moment)
        self.picture, self._validators = picture.data, picture.validators
        self._path = self._kept(picture, moment)
        self._is_back()
        if self._unchanged >= FROZEN_AFTER:
            self._say("sends new pictures again")
        self._unchanged = 0
        return dated(result, self._path, moment, self._classifier.location), key

    def _count_same(self) -> None:
        self._is_back()
        self._unchanged += 1
        if self._unchanged == FROZEN_AFTER:
            self._say(f"has sent the same picture {FROZEN_AFTER + 1} times; it may be frozen")

    def _failure(self, error: ImageError, moment: datetime) -> tuple[Classification, str] | None:
        self._failures += 1
        kind = re.sub("[0-9]+", "#", error.problem)
        if kind in self._told:
            return None
        self._told.add(kind)
        result = self._classifier.error_row(b"", error)
        result = dated(result, self._fetcher.address.shown, moment, self._classifier.location)
        return result, self._ledger.key_of_bytes(b"", _ns(moment))

    def _is_back(self) -> None:
        if self._failures:
            self._say("is back")
        self._failures = 0
        self._told.clear()

    def _kept(self, picture: Picture, moment: datetime) -> str:
        address = self._fetcher.address.shown
        if self._keep is None:
            return address
        try:
            path = self._keep.save(picture.data, moment)
            self._can_keep = True
            return path
        except OSError as error:
            if self._can_keep:
                self._say(f"its pictures cannot be kept: {error.strerror}")
            self._can_keep = False
            return address


def dated(result: Classification, path: str, fetched: datetime, location: Location | None) -> Classification:
    """Return a result with the path for its row, and where the picture has no time, with that of fetching it."""
    if result.captured_at is not None:
        return replace(result, path=path)
    time = fetched.isoformat(timespec="seconds")
    return with_sun(replace(result, path=path, captured_at=time, time_source="fetched"), location)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
