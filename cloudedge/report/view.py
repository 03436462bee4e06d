"""What a page shows: for each camera what its captures add up to, its phases and its newest row."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from itertools import takewhile
from math import inf

import numpy as np

from cloudedge.phases import Capture, Phase, capture_of, instant_of, phases
from cloudedge.report.captures import FAILED, UNDATED, Captures, Paths
from cloudedge.report.summary import Summary, summarise
from cloudedge.row import Row
from cloudedge.row_formats import printable
from cloudedge.row_key import capture_id

DAYS_AS_STRIPS = 31  # a longer time is shown as a calendar of hours
_DAY = 86400.0  # seconds
_DAYS_FOR_THE_LAST = 3  # so many days of captures are looked at, to find the phases of the last one
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


def view_of(captures: Captures, every_phase: bool = True) -> View:
    """Add up what has come so far; without `every_phase`, only the phases of the last day are found."""
    columns = captures.columns()
    days = np.unique(columns.minute[(columns.minute != UNDATED) & (columns.sky != FAILED)] // 1440).tolist()
    every_phase = every_phase and bool(days) and days[-1] - days[0] < DAYS_AS_STRIPS
    names = enumerate(captures.cameras)
    cameras = [
        Camera(name, summarise(columns.of_camera(number)), *_newest(captures, number, name, every_phase))
        for number, name in sorted(names, key=lambda item: item[1] or "")
    ]
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


def _newest(captures: Captures, number: int, name: str | None, every_phase: bool) -> tuple[list[Phase], Row | None]:
    """Return the phases that are shown of a camera, all or those of its last day, and its newest row."""
    found: dict[int, Capture] = {}
    newest: tuple[float, Row] | None = None
    for index, row in enumerate(captures.newest_rows(number, None if every_phase else _DAYS_FOR_THE_LAST)):
        if row["status"] == "ok":
            capture = capture_of(row)
            instant = instant_of(capture) if capture else -inf
            if newest is None or instant >= newest[0]:
                newest = instant, row
            if capture:
                found[capture_id(row) or index] = capture
    ordered = sorted(found.values(), key=instant_of)
    if not every_phase and ordered:
        start = bisect_left(ordered, instant_of(ordered[-1]) - _DAY, key=instant_of)
        ordered = ordered[max(0, start - _BEFORE) :]
    return [*phases(ordered, name)], newest and newest[1]


def _shared_folder(folders: list[str]) -> str:
    """Return the folders that all paths begin with."""
    parts = zip(*(folder.split("/")[:-1] for folder in folders), strict=False)
    return "".join(f"{part[0]}/" for part in takewhile(lambda part: len({*part}) == 1, parts))
