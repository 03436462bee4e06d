"""What a page shows: for each camera what its captures add up to, its phases and its newest row."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from itertools import takewhile
from math import inf
from typing import TypeAlias

import numpy as np

from cloudedge.errors import printable
from cloudedge.phases import Capture, Phase, capture_of, instant_of, phases
from cloudedge.report.captures import FAILED, UNDATED, Captures, Columns
from cloudedge.report.paths import Paths
from cloudedge.report.summary import Summary, summarise
from cloudedge.row import Row

DAYS_AS_STRIPS = 31  # a longer time is shown as a calendar of hours
# Reads rows again, by their numbers, in this order. Those that are gone are left out.
RowsAgain: TypeAlias = Callable[[Sequence[int]], Iterable[Row]]
_DAY = 86400.0  # seconds
_MOST = DAYS_AS_STRIPS * 1440  # captures of each camera whose phases are found: those of a month of minutes
_MINUTES_FOR_THE_LAST = 3 * 1440  # are looked at to find the phases of the last day, whatever the clock was set to
_BEFORE = 500  # captures before the first phase that is wanted: they tell how likely each sky is
_LAST_FAILURES = 100


@dataclass(frozen=True)
class Camera:
    """A camera: its name (None where there is one alone), its sums, its newest phases in order, its newest row."""

    name: str | None
    summary: Summary
    phases: list[Phase]
    newest: Row | None  # without failures

    @property
    def since(self) -> datetime | None:
        """From when on the sky has been what the newest row says; None where its photo has no time."""
        if self.newest is None or not self.phases:
            return None
        last = self.phases[-1]
        return last.start if last.sky == state_of(self.newest) else last.end


@dataclass(frozen=True)
class View:
    """All that a page shows."""

    cameras: list[Camera]
    models: list[str]  # the most frequent first
    folder: str  # what the paths of all photos begin with; it is left out of those that are shown
    paths: Paths  # by the number of a row
    errors: Counter[str]  # how often; numbers in the texts are replaced by dots
    failures: list[tuple[str, str]]  # path and problem of the last ones
    days: list[int]  # those with a capture, as ordinals
    zone: tzinfo | None

    @property
    def as_strips(self) -> bool:
        """Whether each day is shown as a strip of phases."""
        return bool(self.days) and self.days[-1] - self.days[0] < DAYS_AS_STRIPS

    @property
    def captures(self) -> int:
        """The number of captures."""
        return sum(camera.summary.captures for camera in self.cameras)

    @property
    def failed(self) -> int:
        """The number of captures that could not be read."""
        return sum(camera.summary.failed for camera in self.cameras)

    @property
    def by_file_time(self) -> int:
        """The number of captures that are placed by the time at which their file was changed."""
        return sum(camera.summary.by_file_time for camera in self.cameras)

    @property
    def first(self) -> date:
        """The first day with a capture."""
        return date.fromordinal(self.days[0])

    @property
    def last(self) -> date:
        """The last day with a capture."""
        return date.fromordinal(self.days[-1])

    def short(self, path: str) -> str:
        """Return a path without what all have in common."""
        return printable(path.removeprefix(self.folder))

    def clock(self, moment: datetime) -> datetime:
        """Return what the clock beside the camera showed, or one in the zone that was asked for."""
        return (moment.astimezone(self.zone) if self.zone and moment.tzinfo else moment).replace(tzinfo=None)


def state_of(row: Row) -> str:
    """Return the state of the sky in one word: the genus, else the reason why no genus is named."""
    state: str = row["genus"] or row["reason"]
    return state


def view_of(captures: Captures, rows: RowsAgain, every_phase: bool = True) -> View:
    """Add up what has come so far; without `every_phase`, only the phases of the last day are found.

    `rows` reads the newest rows again.
    """
    columns = captures.columns()
    days = np.unique(columns.minute[(columns.minute != UNDATED) & (columns.sky != FAILED)] // 1440).tolist()
    every_phase = every_phase and bool(days) and days[-1] - days[0] < DAYS_AS_STRIPS
    names = enumerate(captures.cameras)
    cameras = []
    for number, name in sorted(names, key=lambda item: item[1] or ""):
        own = columns.of_camera(number)
        newest = rows(_newest_numbers(own, every_phase))
        cameras.append(Camera(name, summarise(own), *_newest(newest, name, every_phase)))
    failed = columns.number[columns.sky == FAILED].tolist()
    return View(
        cameras=cameras,
        models=[name for name, _ in captures.models.most_common()],
        folder=_shared_folder(captures.paths.folders),
        paths=captures.paths,
        errors=Counter(re.sub("[0-9]+", "…", captures.errors[number]) for number in failed),
        failures=[(captures.paths[number], captures.errors[number]) for number in failed[-_LAST_FAILURES:]],
        days=days,
        zone=captures.zone,
    )


def _newest_numbers(columns: Columns, every_phase: bool) -> list[int]:
    """Return the numbers of the rows that phases are made of, in the order in which the rows came."""
    seen = columns.where(columns.sky != FAILED)
    order = np.argsort(seen.minute, kind="stable")
    start = max(0, len(order) - _MOST)
    if not every_phase and len(order):
        minutes = seen.minute[order]
        start = max(start, int(np.searchsorted(minutes, minutes[-1] - _MINUTES_FOR_THE_LAST)) - _BEFORE)
    return sorted(seen.number[order[start:]].tolist())


def _newest(rows: Iterable[Row], name: str | None, every_phase: bool) -> tuple[list[Phase], Row | None]:
    """Return the phases that are shown of a camera, all or those of its last day, and its newest row."""
    found: list[Capture] = []
    newest: tuple[float, Row] | None = None
    for row in rows:
        if row["status"] == "ok":  # it may have changed since its number was found
            capture = capture_of(row)
            instant = instant_of(capture) if capture else -inf
            if newest is None or instant >= newest[0]:
                newest = instant, row
            if capture:
                found.append(capture)
    found.sort(key=instant_of)
    if not every_phase and found:
        start = bisect_left(found, instant_of(found[-1]) - _DAY, key=instant_of)
        found = found[max(0, start - _BEFORE) :]
    return [*phases(found, name)], newest and newest[1]


def _shared_folder(folders: list[str]) -> str:
    """Return the folders that all paths begin with."""
    parts = zip(*(folder.split("/")[:-1] for folder in folders), strict=False)
    return "".join(f"{part[0]}/" for part in takewhile(lambda part: len({*part}) == 1, parts))
