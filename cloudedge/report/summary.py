"""What the captures of one camera add up to: the skies of each hour, the certain apart from the uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from cloudedge.phases import SKIES
from cloudedge.report.captures import FAILED, UNDATED, Bools, Columns

DARK, UNFAMILIAR = SKIES.index("dark"), SKIES.index("unfamiliar")
_ALL_SKIES = range(len(SKIES))

Counts = npt.NDArray[np.int64]  # captures by sky and by certain, uncertain: (..., 13, 2)


@dataclass(frozen=True, slots=True)
class Shown:
    """A capture to be shown: the number of its row, its sky as an index of SKIES, the probability of a genus."""

    number: int
    sky: int
    probability: float | None
    time: datetime | None  # as the clock beside the camera showed


@dataclass(frozen=True)
class Summary:
    """What the captures of one camera add up to."""

    captures: int
    failed: int
    undated: int  # of the others
    by_file_time: int
    totals: Counts  # (13, 2)
    hours: Counts  # since the year 0, in order, those with a capture
    of_hour: Counts  # (hours, 13, 2)
    nights: npt.NDArray[np.bool_]  # whether most captures of an hour were at night
    typical: list[list[Shown]]  # for each sky the surest captures, of different days
    doubtful: list[Shown]  # the least sure, of different days

    @property
    def lit(self) -> int:
        """The number of captures that show anything: neither failed nor dark. Shares are of these."""
        return int(self.totals.sum() - self.totals[DARK].sum())

    @property
    def days(self) -> list[int]:
        """The days with a capture, as ordinals."""
        return [int(day) for day in np.unique(self.hours // 24)]

    def by_hour(self) -> Counts:
        """Add up each hour of the day: (24, 13, 2)."""
        return _sums(self.hours % 24, self.of_hour, 24)

    def by_period(self) -> tuple[str, list[date], Counts]:
        """Add up each day, week or month, whichever gives a readable number of bars: (periods, 13, 2)."""
        days = self.hours // 24
        first, last = int(days[0]), int(days[-1])
        length = last - first + 1
        name = "day" if length <= 400 else "week" if length <= 2800 else "month"
        starts: dict[date, int] = {}
        number_of = np.zeros(length, np.int64)
        for ordinal in range(first, last + 1):
            day = date.fromordinal(ordinal)
            start = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[name]
            number_of[ordinal - first] = starts.setdefault(start, len(starts))
        return name, [*starts], _sums(number_of[days - first], self.of_hour, len(starts))


def summarise(captures: Columns) -> Summary:
    """Add up captures, in any order."""
    is_seen = captures.sky != FAILED
    is_dated = is_seen & (captures.minute != UNDATED)
    hours, hour_of = np.unique(captures.minute[is_dated] // 60, return_inverse=True)
    size = 2 * len(SKIES)
    kind = 2 * captures.sky + captures.is_unsure
    cells = np.bincount(hour_of * size + kind[is_dated], minlength=len(hours) * size)
    at_night = np.bincount(hour_of, captures.is_night[is_dated], len(hours))
    is_unsure, is_unfamiliar = is_seen & captures.is_unsure, captures.sky == UNFAMILIAR
    is_sure = ~is_unsure & ~is_unfamiliar
    return Summary(
        captures=len(is_seen),
        failed=len(is_seen) - int(is_seen.sum()),
        undated=int(is_seen.sum() - is_dated.sum()),
        by_file_time=int(captures.by_file_time[is_dated].sum()),
        totals=np.bincount(kind[is_seen], minlength=size).reshape(-1, 2),
        hours=hours.astype(np.int64),
        of_hour=cells.reshape(len(hours), len(SKIES), 2),
        nights=2 * at_night > np.bincount(hour_of, minlength=len(hours)),
        typical=[_best_of_days(captures, is_sure & (captures.sky == sky), 1) for sky in _ALL_SKIES],
        doubtful=_in_turns(*(_best_of_days(captures, chosen, -1) for chosen in (is_unfamiliar, is_unsure))),
    )


def _best_of_days(captures: Columns, chosen: Bools, sign: int) -> list[Shown]:
    """Return the capture of each day with the highest probability, or with a sign of -1 the lowest, the best first."""
    at = np.flatnonzero(chosen)
    day, rank = captures.minute[at] // 1440, -sign * captures.probability[at]
    order = np.lexsort((at, rank, day))
    is_first = np.ones(len(order), bool)
    is_first[1:] = day[order][1:] != day[order][:-1]
    best = order[is_first]
    return [_shown(captures, index) for index in at[best[np.argsort(rank[best], kind="stable")]]]


def _shown(captures: Columns, index: int) -> Shown:
    sky, minute = int(captures.sky[index]), int(captures.minute[index])
    probability = float(captures.probability[index]) or None
    time = None if minute == UNDATED else time_of(minute)
    return Shown(int(captures.number[index]), sky, probability, time)


def time_of(minute: int) -> datetime:
    """Return what a clock shows in this minute since the year 0."""
    return datetime.fromordinal(minute // 1440) + timedelta(minutes=minute % 1440)


def _in_turns(*lists: list[Shown]) -> list[Shown]:
    """Mix captures whose probabilities cannot be compared."""
    return [shown for row in zip_longest(*lists) for shown in row if shown]


def _sums(group: Counts, counts: Counts, number: int) -> Counts:
    sums = np.zeros((number, *counts.shape[1:]), np.int64)
    np.add.at(sums, group, counts)
    return sums
