"""Phases of the sky: consecutive captures of one camera that show the same sky, smoothed over time.

The sky is the hidden state of a Markov chain (Rabiner 1989, doi:10.1109/5.18626) with thirteen states: the ten genera,
clear, dark and unfamiliar. It changes at random, at a fixed rate per hour, to any of the states alike (the chain of
Jukes and Cantor 1969), so that captures a minute apart rarely differ and captures an hour apart often do. What a row
says of the sky is the evidence: the probabilities of its `top`. The forward-backward algorithm gives the probability of
each state at each capture, from the captures before and after it; the most probable one is the sky of the capture. A
phase is a longest run of captures of one sky; a gap of more than two hours ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import exp
from typing import NamedTuple

from cloudedge.genera import GENERA
from cloudedge.row import NAMELESS, Row

SKIES = (*(genus.name for genus in GENERA), *NAMELESS)
GAP = timedelta(hours=2)  # of what the sky did in a longer one, nothing is known

CHANGES_PER_HOUR = 0.5
SHORTEST_STEP = 1.0  # seconds; captures of one moment may differ too
DOUBT = 0.1  # of each answer: the share that goes to all skies alike, so that no capture outvotes all others
# How much of the evidence goes to the sky that a row without a genus names; the rest goes to its guesses. That it is
# dark is a measurement, the others are judgements.
TRUST = {"clear": 0.7, "dark": 1.0, "unfamiliar": 0.7}

_INDEX = {sky: index for index, sky in enumerate(SKIES)}
_EVEN = [1 / len(SKIES)] * len(SKIES)
_LOOK_AHEAD = 500  # captures after which later ones no longer change a sky
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Phase:
    """Consecutive captures of one camera that show the same sky.

    `sky` is the name of a genus, or clear, dark or unfamiliar. `start` and `end` are the times of the first and the
    last capture, `captures` their number; `certain` is the number of those whose own answer is certain and names this
    sky. `probability` is the mean probability (0..1) of the sky after smoothing. `path` is the capture that shows it
    best, `camera` the name of the camera, None where there is only one.
    """

    sky: str
    start: datetime
    end: datetime
    captures: int
    certain: int
    probability: float | None
    path: str
    camera: str | None


class Capture(NamedTuple):
    """What counts of a row with a time; a year of captures fits into memory."""

    moment: datetime
    sky: int  # what the row itself says, as an index of SKIES
    certain: bool
    path: str
    guesses: bytes  # an index of SKIES and a probability (0..255), in turns


class Smoothed(NamedTuple):
    """A capture with its smoothed sky."""

    capture: Capture
    sky: str
    probability: float  # of the sky, given the captures before and after
    evidence: float  # 0..1, how much the capture itself speaks for it


class Smoother:
    """Smooths the skies of one camera's captures as they come: each is known when `lag` later captures are.

    Later captures than these do not count. With a lag of 0 only a capture itself and those before it do. `batch` is the
    number of captures that are decided at once; more at once take less time.
    """

    def __init__(self, lag: int, batch: int = 1) -> None:
        self._lag, self._batch = lag, batch
        self._waiting: list[_Step] = []
        self._likely = _EVEN  # the probabilities of the skies, given the captures so far

    def add(self, capture: Capture) -> list[Smoothed]:
        """Take the next capture, and return those that are decided with it; all earlier ones if there was a gap."""
        decided = []
        seconds = seconds_between(self._waiting[-1].capture, capture) if self._waiting else None
        if seconds is None or seconds > GAP.total_seconds():
            decided, self._likely, seconds = self.finish(), _EVEN, SHORTEST_STEP
        stay = exp(-CHANGES_PER_HOUR / 3600 * max(seconds, SHORTEST_STEP))
        move = (1 - stay) / len(SKIES)
        evidence = _evidence(capture.sky, capture.guesses)
        joint = [(stay * before + move) * e for before, e in zip(self._likely, evidence, strict=True)]
        scale = 1 / sum(joint)
        self._likely = [value * scale for value in joint]
        self._waiting.append(_Step(capture, stay, evidence, self._likely))
        if len(self._waiting) >= self._lag + self._batch:
            decided += self._decide(len(self._waiting) - self._lag)
        return decided

    def waiting(self) -> list[Smoothed]:
        """Return the captures that are not decided yet, with their skies as far as they are known."""
        return self._first(len(self._waiting))

    def finish(self) -> list[Smoothed]:
        """Return the captures that are not decided yet, and forget them."""
        return self._decide(len(self._waiting))

    def _decide(self, number: int) -> list[Smoothed]:
        found = self._first(number)
        del self._waiting[:number]
        return found

    def _first(self, number: int) -> list[Smoothed]:
        """Return the first captures that wait, with their skies given all that wait."""
        later = [1.0] * len(SKIES)  # what the captures after say for each sky; its scale does not matter
        found = []
        for index in range(len(self._waiting) - 1, -1, -1):
            step = self._waiting[index]
            if index < number:
                both = [a * b for a, b in zip(step.likely, later, strict=True)]
                best = max(both)
                sky = both.index(best)
                found.append(Smoothed(step.capture, SKIES[sky], best / sum(both), step.evidence[sky]))
            if index:
                seen = [e * b for e, b in zip(step.evidence, later, strict=True)]
                stay, total = step.stay, sum(seen)
                stay /= total
                move = (1 - step.stay) / len(SKIES)
                later = [stay * value + move for value in seen]
        return found[::-1]


class _Step(NamedTuple):
    capture: Capture
    stay: float  # the probability that the sky has not changed since the capture before
    evidence: list[float]
    likely: list[float]


def capture_of(row: Row) -> Capture | None:
    """Return what counts of a row, nested or flat; None for an error and for a row without a time."""
    if row["status"] == "error" or not row["captured_at"]:
        return None
    try:
        moment = datetime.fromisoformat(row["captured_at"])
    except ValueError:
        return None
    sky = _INDEX[row["genus"] or row["reason"]]
    guesses = bytes(byte for genus, p in _guesses(row) for byte in (_INDEX[genus], round(255 * p)))
    return Capture(moment, sky, bool(row["certain"]), row["path"], guesses)


def phases_of(rows: Iterable[Row], camera: str | None = None) -> Iterator[Phase]:
    """Yield the phases of one camera, whose rows are in order of time; errors and rows without a time are left out."""
    return phases(filter(None, map(capture_of, rows)), camera)


def phases(captures: Iterable[Capture], camera: str | None = None) -> Iterator[Phase]:
    """Yield the phases of one camera, whose captures are in order of time."""
    run: list[Smoothed] = []
    for found in _smoothed(captures):
        if run and (found.sky != run[-1].sky or is_gap(run[-1].capture, found.capture)):
            yield _phase(run, camera)
            run = []
        run.append(found)
    if run:
        yield _phase(run, camera)


def instant_of(capture: Capture) -> float:
    """Return the time of a capture as a number to sort by; one without an offset is taken as UTC."""
    moment = capture.moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def seconds_between(earlier: Capture, later: Capture) -> float:
    """Return the time between two captures; by the clock, where one has an offset and the other has none."""
    first, second = earlier.moment, later.moment
    if (first.tzinfo is None) != (second.tzinfo is None):
        first, second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    return (second - first).total_seconds()


def is_gap(earlier: Capture, later: Capture) -> bool:
    """Return whether the time between two captures is too long to be of one phase."""
    return seconds_between(earlier, later) > GAP.total_seconds()


def _smoothed(captures: Iterable[Capture]) -> Iterator[Smoothed]:
    smoother = Smoother(_LOOK_AHEAD, _BATCH)
    for capture in captures:
        yield from smoother.add(capture)
    yield from smoother.finish()


def _phase(run: list[Smoothed], camera: str | None) -> Phase:
    best = max(run, key=lambda found: found.evidence * found.probability)
    sky = run[0].sky
    return Phase(
        sky=sky,
        start=run[0].capture.moment,
        end=run[-1].capture.moment,
        captures=len(run),
        certain=sum(found.capture.certain and SKIES[found.capture.sky] == sky for found in run),
        probability=sum(found.probability for found in run) / len(run),
        path=best.capture.path,
        camera=camera,
    )


def _guesses(row: Row) -> list[tuple[str, float]]:
    """Return the genera and probabilities of a row's `top`, also of a flat one, as a CSV has it."""
    if "top" in row:
        return [(entry["genus"], entry["probability"]) for entry in row["top"]]
    ranks = range(1, len(GENERA) + 1)
    cells = [(row.get(f"top{rank}_genus"), row.get(f"top{rank}_probability")) for rank in ranks]
    return [(genus, float(probability)) for genus, probability in cells if genus and probability]


@lru_cache(maxsize=1 << 14)
def _evidence(sky: int, guesses: bytes) -> list[float]:
    """Return how much a row speaks for each sky, 0..1, 1 in all."""
    trust = TRUST.get(SKIES[sky], 0.0)
    found = {index: byte / 255 for index, byte in zip(guesses[::2], guesses[1::2], strict=True)}
    rest = max(0.0, 1 - sum(found.values())) / max(1, len(GENERA) - len(found))
    shares = [(1 - trust) * found.get(index, rest) for index in range(len(GENERA))]
    shares += [trust if index == sky else 0.0 for index in range(len(GENERA), len(SKIES))]
    even = DOUBT / len(SKIES)
    return [even + (1 - DOUBT) * share for share in shares]
