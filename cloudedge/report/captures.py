"""The captures of RESULTS as columns of numbers: a year of minutes takes 32 bytes a row besides its path.

Rows come in any order, also while a page is live. They are taken in column by column, not row by row, which is several
times as fast. A row itself is not kept; it has a number, by which it can be read again.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudedge.cameras import short_names
from cloudedge.phases import SKIES
from cloudedge.report.paths import Numbers, Paths, Photos
from cloudedge.row import Row, Table, cells_of, joined
from cloudedge.row_key import mark_of

# The columns of the table that a report is made of, and those that come as one: what is the same for many rows.
COLUMNS = ("path", "error", "probability", "captured_at", "key")
KIND = ("status", "genus", "reason", "time_source", "sun_phase", "model")
FAILED = len(SKIES)  # in place of a sky
UNDATED = -1  # in place of a minute
_FIRST_MINUTE, _LAST_MINUTE = 1440, 2**31 - 1  # from the year 1 until 4083
_MINUTE_1970 = 719163 * 1440

_NIGHTS = ("night", "astronomical", "nautical")  # the sun is so low that a sky without lamps is dark
_NOT_MATCHED = "other photos"  # whose path has no camera that the pattern finds
_BATCH = 200
_NUMBERS = {name: number for number, name in enumerate(SKIES)}

Bools = npt.NDArray[np.bool_]


class Columns(NamedTuple):
    """What is counted of captures, an entry for each."""

    number: npt.NDArray[np.int32]  # of its row
    minute: npt.NDArray[np.int32]  # since the year 0, as the clock beside the camera showed; UNDATED without a time
    sky: npt.NDArray[np.int8]  # an index of SKIES; FAILED for an error
    is_unsure: Bools  # whether no genus stands out
    probability: npt.NDArray[np.float32]  # of the genus; 0 without one
    camera: npt.NDArray[np.int32]
    is_night: Bools
    by_file_time: Bools

    def where(self, chosen: Bools) -> Columns:
        """Return some of the captures."""
        return Columns._make(column[chosen] for column in self)

    def of_camera(self, number: int) -> Columns:
        """Return the captures of one camera."""
        chosen = self.camera == number
        return self if chosen.all() else self.where(chosen)


class _Kind(NamedTuple):
    """What is the same for many rows: the values of KIND."""

    status: str
    genus: str | None
    reason: str | None
    time_source: str | None
    sun_phase: str | None
    model: str

    @property
    def sky(self) -> int:
        """An index of SKIES; FAILED for an error."""
        return FAILED if self.status == "error" else _NUMBERS[self.genus or self.reason or ""]


class Captures:
    """The captures of all rows so far, each once.

    Of a capture that was classified again, the last row counts. A failure whose photo was classified later is left out,
    unless the file has been overwritten since, as `latest.jpg` is. A time with an offset is shown in `zone`, or as it
    stands without one; a time without an offset stays as it is. `pattern` finds the camera in a path, as in
    `camera_of`.
    """

    def __init__(self, pattern: str | None = None, zone: tzinfo | None = None) -> None:
        self.zone = zone
        self.paths = Paths()
        self.errors: dict[int, str] = {}  # number of a row -> what is wrong with its photo
        self.has_offset = False  # whether any time has one
        self._pattern = pattern
        self._photos = Photos(pattern)
        self._kind_numbers = Numbers[Any]()  # of kinds as they come: as a tuple or a JSON array
        self._kinds: list[_Kind] = []
        self._minute, self._kind, self._probability, self._camera = array("i"), array("i"), array("f"), array("i")
        self._photo_ids, self._capture_ids = array("q"), array("q")

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows, nested or flat; those before an exception too."""
        batch: list[Sequence[Any]] = []
        try:
            for row in rows:
                batch.append(cells_of(row, [*COLUMNS, *KIND]))
                if len(batch) == _BATCH:
                    self._add_cells(batch)
                    batch.clear()
        finally:
            if batch:
                self._add_cells(batch)

    def add(self, table: Table) -> None:
        """Add rows: a table of the COLUMNS, and of KIND as one column, of tuples or of JSON arrays."""
        paths, errors, probabilities, times, keys, kinds = table
        start = len(self.paths)
        numbers = [*map(self._kind_numbers.__getitem__, kinds)]
        for kind in [*self._kind_numbers][len(self._kinds) :]:
            self._kinds.append(_Kind(*(json.loads(kind) if isinstance(kind, str) else kind)))
        cuts = [path.rfind("/") + 1 for path in paths]
        folders = [path[:cut] for path, cut in zip(paths, cuts, strict=True)]
        names = [path[cut:] for path, cut in zip(paths, cuts, strict=True)]
        photos, cameras = self._photos.find(paths, folders, names)
        self.paths.extend(folders, names)
        self._minute.extend(self._minutes(times))
        self._kind.extend(numbers)
        self._probability.extend([float(found or 0) for found in probabilities])
        self._camera.extend(cameras)
        self._photo_ids.extend(map(hash, photos))
        sources = [self._kinds[number].time_source for number in numbers]
        marks = [mark or number for number, mark in enumerate(map(mark_of, times, sources, keys), start)]
        self._capture_ids.extend(map(hash, zip(photos, marks, strict=True)))
        failed = {number for number in {*numbers} if self._kinds[number].status == "error"}
        if failed:
            found = (index for index, number in enumerate(numbers) if number in failed)
            self.errors.update((start + index, errors[index] or "") for index in found)

    def _add_cells(self, rows: Sequence[Sequence[Any]]) -> None:
        self.add(joined([*zip(*rows, strict=True)], len(COLUMNS)))

    @property
    def cameras(self) -> list[str | None]:
        """A name for each camera, in the order of their numbers; None where there is one alone and no pattern."""
        if self._pattern:
            return [name or _NOT_MATCHED for name in self._photos.cameras]
        return [*short_names(self._photos.cameras).values()]

    @property
    def models(self) -> Counter[str]:
        """The models of the rows, and how many rows each has."""
        found: Counter[str] = Counter()
        for kind, number in zip(self._kinds, np.bincount(np.array(self._kind)).tolist(), strict=False):
            found[kind.model] += number
        return found

    def columns(self) -> Columns:
        """Return what counts: each capture once, without the failures that were cured."""
        kinds, of_row = self._kinds, np.array(self._kind)
        captures = Columns(
            number=np.arange(len(of_row), dtype=np.int32),
            minute=np.array(self._minute),
            sky=np.array([kind.sky for kind in kinds], np.int8)[of_row],
            is_unsure=np.array([kind.reason == "low_confidence" for kind in kinds], bool)[of_row],
            probability=np.array(self._probability),
            camera=np.array(self._camera),
            is_night=np.array([kind.sun_phase in _NIGHTS for kind in kinds], bool)[of_row],
            by_file_time=np.array([kind.time_source == "file" for kind in kinds], bool)[of_row],
        )
        photos, ids = np.array(self._photo_ids), np.array(self._capture_ids)
        counts = _last_of_each(ids)
        counts[_cured(captures.sky == FAILED, photos, ids)] = False
        return captures.where(counts)

    def _minutes(self, times: Sequence[str | None]) -> list[int]:
        """Return the minutes since the year 0, by the clock or in the zone; UNDATED without a time before 4083."""
        if _are_plain(times):
            with suppress(ValueError):
                minutes = np.array(times, "datetime64[s]").astype(int) // 60 + _MINUTE_1970
                if minutes.min() >= _FIRST_MINUTE and minutes.max() <= _LAST_MINUTE:
                    return list(minutes.tolist())
        return [*map(self._minute_in, times)]

    def _minute_in(self, time: str | None) -> int:
        try:
            moment = datetime.fromisoformat(time or "")
            self.has_offset |= moment.tzinfo is not None
            minute = minute_of(moment.astimezone(self.zone) if self.zone and moment.tzinfo else moment)
        except (ValueError, OverflowError):
            return UNDATED
        return minute if minute <= _LAST_MINUTE else UNDATED


def minute_of(moment: datetime) -> int:
    """Return the minute since the year 0 that a clock shows."""
    return moment.toordinal() * 1440 + moment.hour * 60 + moment.minute


def _are_plain(times: Sequence[Any]) -> bool:
    """Return whether all times are like 2024-06-01T12:00:00, which numpy reads many times as fast as `datetime`."""
    return all(times) and {*map(len, times)} == {19} and "".join(times)[16::19] == ":" * len(times)


def _last_of_each(ids: npt.NDArray[np.int64]) -> Bools:
    """Return which entries have no equal one after them."""
    order = np.argsort(ids, kind="stable")
    is_last = np.ones(len(ids), bool)
    is_last[order[:-1]] = ids[order[1:]] != ids[order[:-1]]
    return is_last


def _cured(is_failed: Bools, photos: npt.NDArray[np.int64], captures: npt.NDArray[np.int64]) -> list[int]:
    """Return the failures whose photo was classified later, as the one capture that it has shown since it failed."""
    failed = np.flatnonzero(is_failed)
    first = {photo: number for number, photo in zip(failed[::-1].tolist(), photos[failed[::-1]].tolist(), strict=True)}
    since: dict[int, dict[int, int]] = {photo: {} for photo in first}  # photo -> its captures -> the last row of each
    for number in np.flatnonzero(np.isin(photos, photos[failed]) & ~is_failed).tolist():
        if number > first[photos[number]]:
            since[photos[number]][captures[number]] = number
    return [
        number
        for number, found in zip(failed.tolist(), map(since.__getitem__, photos[failed].tolist()), strict=True)
        if len(found) == 1 and max(found.values()) > number
    ]
