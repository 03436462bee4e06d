"""Add up the rows of months or years in one pass, into what a report shows."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from itertools import count

from cloudedge.genera import GENERA
from cloudedge.row import NAMELESS, Row
from cloudedge.row_key import capture_id, identity

# The skies in the order in which they are drawn: the genera from high to low, then those without a cloud's name.
SKIES = {**{genus.abbreviation: genus.name for genus in GENERA}, **NAMELESS}
LEVELS = {level: [g.abbreviation for g in GENERA if g.level == level] for level in ("high", "middle", "low")}
_DOUBTS = ("low_confidence", "unfamiliar")
_ABBREVIATIONS = {genus.name: genus.abbreviation for genus in GENERA}

_KEPT_FAILURES = 100
_KEPT_ERRORS = 1000


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """A single capture to be shown: the `worth` of showing it, then what its row says."""

    worth: float
    path: str
    captured_at: str
    sky: str
    probability: float | None  # of the genus


@dataclass
class Summary:
    """What the rows add up to. Days are proleptic ordinals, hours 0..23, both as the clock beside the camera showed."""

    captures: int = 0
    failed: int = 0
    undated: int = 0
    dated_by_file: int = 0  # by its time of change
    with_offset: int = 0  # of those with a time
    models: Counter[str] = field(default_factory=Counter)
    skies: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)  # by reason; dark and clear are not doubts
    by_hour_of_day: dict[tuple[int, int], Counter[str]] = field(default_factory=dict)
    uncertain_by_hour_of_day: Counter[tuple[int, int]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # numbers in the texts replaced by #
    failures: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_KEPT_FAILURES))  # path, error
    typical: dict[tuple[str, str], Capture] = field(default_factory=dict)  # the surest of each genus and day
    doubtful: dict[tuple[str, str], Capture] = field(default_factory=dict)  # the least sure of each reason and day

    @property
    def lit(self) -> int:
        """The number of captures that show anything: neither failed nor dark. Shares are of these."""
        return self.captures - self.failed - self.skies["dark"]

    @property
    def days(self) -> list[int]:
        """The days with a capture, in order."""
        return sorted({day for day, _ in self.by_hour_of_day})

    def by_day(self) -> dict[int, Counter[str]]:
        """Add up the skies of each day."""
        sums: dict[int, Counter[str]] = {}
        for (day, _), skies in self.by_hour_of_day.items():
            sums.setdefault(day, Counter()).update(skies)
        return sums

    def by_hour(self) -> dict[int, Counter[str]]:
        """Add up the skies of each hour of the day."""
        sums: dict[int, Counter[str]] = {}
        for (_, hour), skies in self.by_hour_of_day.items():
            sums.setdefault(hour, Counter()).update(skies)
        return sums

    def most_typical(self, sky: str) -> list[Capture]:
        """Return the surest captures of a sky, from different days, the surest first."""
        return sorted((capture for (name, _), capture in self.typical.items() if name == sky), reverse=True)

    def most_doubtful(self) -> list[Capture]:
        """Return the least sure captures, from different days where they have the same reason, the least sure first.

        Those of one reason take turns with those of another, because no probability compares them.
        """
        ranks = {reason: count() for reason in _DOUBTS}
        least_sure = sorted(self.doubtful.items(), key=lambda item: item[1], reverse=True)
        ranked = [(next(ranks[reason]), capture) for (reason, _), capture in least_sure]
        return [capture for _, capture in sorted(ranked, key=lambda pair: pair[0])]


def without_repeats(read: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """Yield the last row of each capture: one that was classified again, for example by another model, counts once.

    `read` gives all rows, each time it is called. A capture is identified by its path, however it is spelt, and its
    time; without a time of its own, by its path and the bytes or the key in a journal; without any of these each row is
    one. A failure whose photo was classified later is left out, unless the file has been overwritten since, as
    `latest.jpg` is.
    """
    last: dict[int, int] = {}
    answers: dict[str, dict[int | None, int]] = {}  # photo that has failed -> its first captures since -> last row
    for number, row in enumerate(read()):
        photo, capture = identity(row["path"]), capture_id(row)
        if capture is not None:
            last[capture] = number
        if row["status"] == "error":
            answers.setdefault(photo, {})
        elif photo in answers and (len(answers[photo]) < 2 or capture in answers[photo]):
            answers[photo][number if capture is None else capture] = number
    for number, row in enumerate(read()):
        capture = capture_id(row)
        cures = [*answers[identity(row["path"])].values()] if row["status"] == "error" else []
        is_cured = len(cures) == 1 and cures[0] > number
        if not is_cured and (capture is None or last.get(capture, number) == number):
            yield row


def summarise(rows: Iterable[Row], zone: tzinfo | None = None) -> Summary:
    """Add up rows, in any order.

    A time with an offset is shown in `zone`, or as it stands without one; a time without an offset stays as it is.
    """
    summary = Summary()
    for row in rows:
        summary.captures += 1
        summary.models[row["model"]] += 1
        moment = _moment(row["captured_at"], zone)
        if moment is None:
            summary.undated += 1
        elif moment.tzinfo:
            summary.with_offset += 1
        summary.dated_by_file += moment is not None and row.get("time_source") == "file"
        if row["status"] == "error":
            _add_failure(summary, row)
        else:
            _add(summary, row, moment)
    return summary


def _moment(text: str | None, zone: tzinfo | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(zone) if moment and moment.tzinfo and zone else moment
    except (ValueError, OverflowError):
        return None


def _add_failure(summary: Summary, row: Row) -> None:
    summary.failed += 1
    text = re.sub("[0-9]+", "#", row["error"] or "")
    if text in summary.errors or len(summary.errors) < _KEPT_ERRORS:
        summary.errors[text] += 1
    else:
        summary.errors["other errors"] += 1
    summary.failures.append((row["path"], row["error"] or ""))


def _add(summary: Summary, row: Row, moment: datetime | None) -> None:
    reason, probability = row["reason"], row["probability"]
    sky = _ABBREVIATIONS[row["genus"]] if row["genus"] else reason
    sureness = probability or 0.0  # the same for all without a cloud's name
    summary.skies[sky] += 1
    day = "" if moment is None else date.isoformat(moment)
    if moment is not None:
        hour = (moment.toordinal(), moment.hour)
        if hour not in summary.by_hour_of_day:
            summary.by_hour_of_day[hour] = Counter()
        summary.by_hour_of_day[hour][sky] += 1
        if reason in _DOUBTS:
            summary.uncertain_by_hour_of_day[hour] += 1
    if reason in _DOUBTS:
        summary.uncertain[reason] += 1
        best, key, worth = summary.doubtful, (reason, day), -sureness
    else:
        best, key, worth = summary.typical, (sky, day), sureness
    if key not in best or worth > best[key].worth:
        best[key] = Capture(worth, row["path"], row["captured_at"] or "", sky, probability)
