"""Phases of the sky: consecutive captures of one camera that show the same sky, smoothed over time.

The sky is the hidden state of a Markov chain (Rabiner 1989, doi:10.1109/5.18626) with thirteen states: the ten genera,
clear, dark and unfamiliar. It changes at random, at a fixed rate per hour, to any of the states alike (the chain of
Jukes and Cantor 1969), so that captures a minute apart rarely differ and captures an hour apart often do. What a row
says of the sky is the evidence: the probabilities of its `top`. Captures a minute apart look alike, errors included, so
the evidence of each counts as that of a fraction of a capture. The forward-backward algorithm gives the probability of
each state at each capture, from the captures before and after it; the most probable one is the sky of the capture. A
phase is a longest run of captures of one sky; a gap of more than two hours ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from math import exp, inf
from operator import mul
from typing import NamedTuple, TypeAlias

from cloudedge.genera import GENERA
from cloudedge.row import NAMELESS, Row, guesses_of

SKIES = (*(genus.name for genus in GENERA), *NAMELESS)
GAP_HOURS = 2.0  # of what the sky did in a longer one, nothing is known

# Chosen by benchmarks/phases.py on simulated days.
CHANGES_PER_HOUR = 0.5
ALIKE_HOURS = 7 / 60  # a capture counts as 1 - exp(-hours since the one before / this) of one on its own
DOUBT = 0.05  # of each answer: the share that goes to all skies alike, so that no capture outvotes all others
# How much of the evidence goes to the sky that a row without a genus names; the rest goes to its guesses. That it is
# dark is a measurement; the others are judgements, which count as much as all guesses together.
TRUST = {"clear": 0.5, "dark": 1.0, "unfamiliar": 0.5}

# A capture, the probability that its sky is still that of the one before, the probability of each sky that has come
# instead, the evidence for each sky, and how probable each is given the captures so far.
_Step: TypeAlias = tuple["Capture", float, float, list[float], list[float]]

_INDEX = {sky: index for index, sky in enumerate(SKIES)}
_EVEN = [1 / len(SKIES)] * len(SKIES)
_SHORTEST_HOURS = 1 / 3600  # captures of one moment may differ too
_LOOK_AHEAD = 500  # captures after which later ones no longer change a sky
_BATCH = 2000
_PARTS = 64  # finer probabilities would change nothing, and rarely be met twice


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
    guesses: bytes  # an index of SKIES and a probability in parts of _PARTS, in turns


class Smoothed(NamedTuple):
    """A capture with its smoothed sky."""

    capture: Capture
    sky: str
    probability: float  # of the sky, given the captures before and after


class Smoother:
    """Smooths the skies of one camera's captures as they come: each is known when `lag` later captures are.

    Later captures than these do not count. With a lag of 0 only a capture itself and those before it do. `batch` is the
    number of captures that are decided at once; more at once take less time.
    """

    def __init__(self, lag: int, batch: int = 1) -> None:
        self._lag, self._batch = lag, batch
        self._waiting: list[_Step] = []  # the captures that are not decided yet
        self._last: Capture | None = None
        self._likely = _EVEN  # how probable the skies are, given the captures so far; in proportion

    def add(self, capture: Capture) -> list[Smoothed]:
        """Take the next capture, and return those that are decided with it; all earlier ones if there was a gap."""
        decided = []
        hours = max(_hours_between(self._last, capture), _SHORTEST_HOURS) if self._last else inf
        if hours > GAP_HOURS:
            decided, self._likely = self.finish(), _EVEN
        self._last = capture
        stay, weight = exp(-CHANGES_PER_HOUR * hours), 1 - exp(-hours / ALIKE_HOURS)
        evidence = _evidence(capture.sky, capture.guesses, round(weight, 3))
        move = (1 - stay) / len(SKIES)
        scale = stay / sum(self._likely)
        self._likely = list(map(mul, [scale * value + move for value in self._likely], evidence))
        self._waiting.append((capture, stay, move, evidence, self._likely))
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
        later = _EVEN  # how much the captures after speak for each sky; in proportion
        found = []
        for index in range(len(self._waiting) - 1, -1, -1):
            capture, stay, move, evidence, likely = self._waiting[index]
            if index < number:
                both = list(map(mul, likely, later))
                best = max(both)
                found.append(Smoothed(capture, SKIES[both.index(best)], best / sum(both)))
            seen = list(map(mul, evidence, later))
            scale = stay / sum(seen)
            later = [scale * value + move for value in seen]
        return found[::-1]


def capture_of(row: Row) -> Capture | None:
    """Return what counts of a row, nested or flat; None for an error and for a row without a time."""
    if row["status"] == "error" or not row["captured_at"]:
        return None
    try:
        moment = datetime.fromisoformat(row["captured_at"])
    except ValueError:
        return None
    if (offset := moment.utcoffset()) is not None:
        moment = moment.replace(tzinfo=_zone(offset))
    guesses = guesses_of(row)
    if row["genus"] and not guesses:  # a CSV whose columns somebody has cut out
        guesses = [(row["genus"], row["probability"])]
    numbers = bytes(number for genus, p in guesses for number in (_INDEX[genus], round(_PARTS * p)))
    return Capture(moment, _INDEX[row["genus"] or row["reason"]], bool(row["certain"]), row["path"], numbers)


def phases_of(rows: Iterable[Row], camera: str | None = None) -> Iterator[Phase]:
    """Yield the phases of one camera, whose rows are in order of time; errors and rows without a time are left out."""
    return phases(filter(None, map(capture_of, rows)), camera)


def phases(captures: Iterable[Capture], camera: str | None = None) -> Iterator[Phase]:
    """Yield the phases of one camera, whose captures are in order of time."""
    run: list[Smoothed] = []
    for found in _smoothed(captures):
        if run and (found.sky != run[-1].sky or _hours_between(run[-1].capture, found.capture) > GAP_HOURS):
            yield _phase(run, camera)
            run = []
        run.append(found)
    if run:
        yield _phase(run, camera)


def instant_of(capture: Capture) -> float:
    """Return the time of a capture as a number to sort by; one without an offset is taken as UTC."""
    moment = capture.moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _hours_between(earlier: Capture, later: Capture) -> float:
    """Return the time between two captures; by the clock, where one has an offset and the other has none."""
    first, second = earlier.moment, later.moment
    if (first.tzinfo is None) != (second.tzinfo is None):
        first, second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    return (second - first).total_seconds() / 3600


def _smoothed(captures: Iterable[Capture]) -> Iterator[Smoothed]:
    smoother = Smoother(_LOOK_AHEAD, _BATCH)
    for capture in captures:
        yield from smoother.add(capture)
    yield from smoother.finish()


def _phase(run: list[Smoothed], camera: str | None) -> Phase:
    sky = run[0].sky
    best = max(run, key=lambda found: (_own_probability(found.capture, sky), found.probability))
    return Phase(
        sky=sky,
        start=run[0].capture.moment,
        end=run[-1].capture.moment,
        captures=len(run),
        certain=sum(found.capture.certain and found.capture.sky == _INDEX[sky] for found in run),
        probability=sum(found.probability for found in run) / len(run),
        path=best.capture.path,
        camera=camera,
    )


def _own_probability(capture: Capture, sky: str) -> int:
    """Return the probability, in parts, that a capture gives to a sky if that is its own answer, else 0."""
    if SKIES[capture.sky] != sky:
        return 0
    return _PARTS if sky in NAMELESS else capture.guesses[1]


@lru_cache
def _zone(offset: timedelta) -> timezone:
    """Return one object for each offset, where each time that is read has one of its own."""
    return timezone(offset)


@lru_cache(maxsize=1 << 14)
def _evidence(sky: int, guesses: bytes, weight: float) -> list[float]:
    """Return how much a row speaks for each sky, 0..1."""
    found = {index: part / _PARTS for index, part in zip(guesses[::2], guesses[1::2], strict=True)}
    rest = max(0.0, 1 - sum(found.values())) / max(1, len(GENERA) - len(found))
    trust = TRUST.get(SKIES[sky], 0.0)
    of_genera, even = (1 - DOUBT) * (1 - trust), DOUBT / len(SKIES)
    evidence = [(even + of_genera * rest) ** weight] * len(GENERA) + [even**weight] * len(NAMELESS)
    for index, probability in found.items():
        evidence[index] = (even + of_genera * probability) ** weight
    if trust:
        evidence[sky] = (even + (1 - DOUBT) * trust) ** weight
    return evidence
