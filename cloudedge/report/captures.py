"""The captures of RESULTS as columns of numbers: a year of minutes takes 25 bytes a row besides its path.

Rows come in any order, also while a page is live. Those of the newest captures are kept whole, for phases.
"""

from __future__ import annotations

import heapq
import marshal
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudedge import cameras
from cloudedge.cameras import camera_of, short_names
from cloudedge.phases import SKIES
from cloudedge.row import Row
from cloudedge.row_key import capture_id, identity

# The columns of flat rows that a report needs; a source that can leave out the others is faster.
COLUMNS = (*cameras.COLUMNS, "error", "base", "rain", "sun_phase", "model")
FAILED = len(SKIES)  # in place of a sky
UNDATED = -1  # in place of a minute
_LAST_MINUTE = 2**31 - 1  # in the year 4083

_NIGHTS = ("night", "astronomical", "nautical")  # the sun is so low that a sky without lamps is dark
_NOT_MATCHED = "other photos"  # whose path has no camera that the pattern finds
_BATCH = 1000
_MARSHAL = 2  # the version that does not look for what is the same, which takes time
_WHOLE_BATCHES = 45  # of each camera: 31 days of minutes
_NUMBERS = {name: number for number, name in enumerate(SKIES)}

Bools = npt.NDArray[np.bool_]


class Columns(NamedTuple):
    """What is counted of captures, an entry for each."""

    number: npt.NDArray[np.int32]  # of its row
    minute: npt.NDArray[np.int32]  # since the year 0, as the clock beside the camera showed; UNDATED without a time
    sky: npt.NDArray[np.int8]  # an index of SKIES; FAILED for an error
    is_unsure: Bools  # whether no genus stands out
    probability: npt.NDArray[np.float32]  # of the genus; 0 without one
    camera: npt.NDArray[np.int16]
    is_night: Bools
    by_file_time: Bools

    def where(self, chosen: Bools) -> Columns:
        """Return some of the captures."""
        return Columns._make(column[chosen] for column in self)

    def of_camera(self, number: int) -> Columns:
        """Return the captures of one camera."""
        chosen = self.camera == number
        return self if chosen.all() else self.where(chosen)


_KINDS = (np.int32, np.int32, np.int8, np.bool_, np.float32, np.int16, np.bool_, np.bool_)  # of the columns


class Paths:
    """Paths by the numbers of their rows, in a third of the memory of a list."""

    def __init__(self) -> None:
        self._folders: dict[str, int] = {}
        self._names = bytearray()
        self._ends, self._folder_of = array("Q", [0]), array("L")

    def __len__(self) -> int:
        return len(self._folder_of)

    def __getitem__(self, number: int) -> str:
        name = self._names[self._ends[number] : self._ends[number + 1]].decode(errors="surrogatepass")
        return self.folders[self._folder_of[number]] + name

    @property
    def folders(self) -> list[str]:
        """The folders, each with its last slash."""
        return [*self._folders]

    def append(self, folder: str, name: str) -> None:
        """Add a path."""
        self._folder_of.append(self._folders.setdefault(folder, len(self._folders)))
        self._names += name.encode(errors="surrogatepass")
        self._ends.append(len(self._names))


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
        self.models: Counter[str] = Counter()
        self.with_offset = 0  # times
        self._pattern = pattern
        self._models: list[str] = []
        self._cameras: dict[str | None, int] = {}
        self._batches: list[Columns] = []
        self._ids: list[npt.NDArray[np.int64]] = []
        self._whole: dict[int, list[tuple[int, int, list[bytes]]]] = {}  # camera -> heap of newest minute, number, rows
        self._places: dict[str, tuple[str, int | None]] = {}  # folder -> its full name, and its camera
        self._failed: list[tuple[int, str]] = []  # number, photo
        self._cures: dict[str, dict[int, int]] = {}  # photo that has failed -> its first captures since -> last row
        self._clock = lru_cache(maxsize=1 << 12)(self._read_clock)

    def extend(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows, nested or flat."""
        remaining = iter(rows)
        while self._take(islice(remaining, _BATCH)):
            pass

    @property
    def cameras(self) -> list[str | None]:
        """A name for each camera, in the order of their numbers; None where there is one alone and no pattern."""
        if self._pattern:
            return [name or _NOT_MATCHED for name in self._cameras]
        return [*short_names(self._cameras).values()]

    def columns(self) -> Columns:
        """Return what counts: each capture once, without the failures that were cured."""
        if len(self._batches) != 1:
            columns = zip(*self._batches, strict=True) if self._batches else [()] * len(_KINDS)
            every = [
                np.concatenate([np.array([], kind), *column]) for column, kind in zip(columns, _KINDS, strict=True)
            ]
            self._batches = [Columns._make(every)]
            self._ids = [np.concatenate([np.array([], np.int64), *self._ids])]
        captures, ids = self._batches[0], self._ids[0]
        order = np.argsort(ids, kind="stable")
        is_last = np.ones(len(ids), bool)
        is_last[:-1] = ids[order][1:] != ids[order][:-1]
        counts = np.zeros(len(ids), bool)
        counts[order[is_last]] = True
        for number, photo in self._failed:
            cures = [*self._cures[photo].values()]
            if len(cures) == 1 and cures[0] > number:
                counts[number] = False
        return captures.where(counts)

    def newest_rows(self, camera: int, days: int | None = None) -> Iterator[Row]:
        """Yield the rows of a camera's newest captures, at least those of 31 days of minutes, in the order they came.

        With a number of days, older rows may be left out.
        """
        batches = self._whole.get(camera, [])
        oldest = max((newest for newest, _, _ in batches), default=0) - 1440 * days if days else UNDATED
        for newest, _, rows in sorted(batches, key=lambda batch: batch[1]):
            if newest >= oldest:
                yield from map(marshal.loads, rows)

    def _take(self, rows: Iterable[dict[str, Any]]) -> int:
        """Add a batch, and return how many rows there were."""
        start = len(self.paths)
        ids, entries, whole = [], [], dict[int, list[bytes]]()
        sky, is_unsure, probability = FAILED, False, 0.0
        for number, row in enumerate(rows, start):
            path, time = row["path"], row["captured_at"]
            cut = path.rfind("/") + 1
            folder, name = path[:cut], path[cut:]
            photo, camera = self._place(path, folder, name)
            capture = capture_id(row, photo) or hash((photo, number))
            if row["status"] == "error":
                sky, is_unsure, probability = FAILED, False, 0.0
                self.errors[number] = row["error"] or ""
                self._failed.append((number, photo))
                self._cures.setdefault(photo, {})
            else:
                sky = _NUMBERS[row["genus"] or row["reason"]]
                is_unsure, probability = row["reason"] == "low_confidence", row["probability"] or 0.0
                if photo in self._cures:
                    self._cure(photo, capture, number)
            sun = row.get("sun")
            is_night = (sun["phase"] if sun else row.get("sun_phase")) in _NIGHTS
            minute = self._minute(time) if time else UNDATED
            is_by_file = row.get("time_source") == "file"
            ids.append(capture)
            entries.append((number, minute, sky, is_unsure, probability, camera, is_night, is_by_file))
            self.paths.append(folder, name)
            self._models.append(row["model"])
            if camera in whole:
                whole[camera].append(marshal.dumps(row, _MARSHAL))
            else:
                whole[camera] = [marshal.dumps(row, _MARSHAL)]
        if entries:
            columns = zip(*entries, strict=True)
            self._batches.append(Columns._make(map(np.array, columns, _KINDS)))
            self._ids.append(np.array(ids, np.int64))
            newest = int(self._batches[-1].minute.max())
            for camera, own in whole.items():
                self._keep_whole(camera, newest, start, own)
            self.models.update(self._models)
            self._models.clear()
        return len(entries)

    def _cure(self, photo: str, capture: int, number: int) -> None:
        cures = self._cures[photo]
        if len(cures) < 2 or capture in cures:
            cures[capture] = number

    def _keep_whole(self, camera: int, newest: int, start: int, rows: list[bytes]) -> None:
        heap = self._whole.setdefault(camera, [])
        if len(heap) < _WHOLE_BATCHES:
            heapq.heappush(heap, (newest, start, rows))
        else:
            heapq.heappushpop(heap, (newest, start, rows))

    def _place(self, path: str, folder: str, name: str) -> tuple[str, int]:
        """Return the identity of a photo, and the number of its camera."""
        place = self._places.get(folder)
        if place is None or not name.isprintable() or name in (".", ".."):
            photo = identity(path)
            is_by_folder = self._pattern is None and "://" not in path
            place = photo.removesuffix(name), self._number_of(camera_of(photo)) if is_by_folder else None
            self._places[folder] = place
        start, camera = place
        return start + name, self._number_of(camera_of(path, self._pattern)) if camera is None else camera

    def _number_of(self, camera: str | None) -> int:
        return self._cameras.setdefault(camera, len(self._cameras))

    def _minute(self, time: str) -> int:
        """Return the minute since the year 0, by the clock or in the zone; UNDATED without a time before 4083."""
        try:
            if self.zone is None and len(time) >= 19:  # an hour is read once
                minute, has_offset = self._clock(time[:13], time[19:])
                minute += int(time[14:16])
            else:
                minute, has_offset = self._clock(time, None)
        except (ValueError, OverflowError):
            return UNDATED
        self.with_offset += has_offset
        return minute if minute <= _LAST_MINUTE else UNDATED

    def _read_clock(self, time: str, rest: str | None) -> tuple[int, bool]:
        moment = datetime.fromisoformat(time if rest is None else f"{time}:00:00{rest}")
        if self.zone and moment.tzinfo:
            return minute_of(moment.astimezone(self.zone)), True
        return minute_of(moment), moment.tzinfo is not None


def minute_of(moment: datetime) -> int:
    """Return the minute since the year 0 that a clock shows."""
    return moment.toordinal() * 1440 + moment.hour * 60 + moment.minute
