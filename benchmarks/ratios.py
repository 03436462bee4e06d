"""Ratios between what was measured in the same rounds, with intervals of 95 %."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

# Section, contender, quantity: the value of each round, None where nothing was measured.
Samples = dict[str, dict[str, dict[str, list[float | None]]]]

INFERENCE = "inference with "  # begins the names of what the limit tries
PARSE, KEYS = "json.loads", "loop of keys"
_RESAMPLES = 2000
_YARDSTICKS = {
    "process": "A int8, draft",
    "warm": "A int8, draft",
    "folder": "limit",
    "inference": "onnxruntime int8",
    "archive": PARSE,
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of medians, what it lies between with a probability of 95 %, and of how many rounds it is."""

    ratio: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One of cloudedge's figures, divided by that of another contender in the same rounds."""

    section: str
    ours: str
    other: str
    quantity: str
    interval: Interval


def is_ours(contender: str) -> bool:
    """Return whether it is cloudedge, or a command or an engine of it."""
    return contender.startswith("cloudedge")


def yardstick(section: str, contender: str) -> str | None:
    """Return the contender that a figure of cloudedge is held against: the nearest one without cloudedge's code."""
    if section == "archive" and "resume" in contender:
        return KEYS
    return next((name for prefix, name in _YARDSTICKS.items() if section.startswith(prefix)), None)


def ratios(samples: Samples) -> Iterator[Ratio]:
    """Yield each figure of cloudedge divided by those of the others; in `archive` only by its yardstick."""
    for section, contenders in samples.items():
        for ours in filter(is_ours, contenders):
            others = [yardstick(section, ours)] if section == "archive" else contenders
            for other in others:
                if other is None or is_ours(other) or other not in contenders:
                    continue
                for quantity, values in contenders[ours].items():
                    if pairs := paired(values, contenders[other].get(quantity, [])):
                        yield Ratio(section, ours, other, quantity, quotient(pairs))


def paired(values: Sequence[float | None], others: Sequence[float | None]) -> list[float]:
    """Return the ratio of each round in which both were measured."""
    return [value / other for value, other in zip(values, others, strict=False) if value is not None and other]


def measured(values: Sequence[float | None]) -> list[float]:
    """Return the values of the rounds in which there is one."""
    return [value for value in values if value is not None]


def quotient(values: Sequence[float], base: Sequence[float] = (1.0,)) -> Interval:
    """Return the median of values over the median of base, with its percentile bootstrap interval.

    Each is drawn anew, with replacement, 2000 times; see Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    chapter 13. Of fewer than five values the interval is too narrow.
    """
    chance = random.Random(0)

    def drawn(of: Sequence[float]) -> float:
        return median(chance.choices(of, k=len(of)))

    draws = sorted(drawn(values) / drawn(base) for _ in range(_RESAMPLES))
    cut = round(0.025 * _RESAMPLES)
    rounds = len(values) if len(base) == 1 else min(len(values), len(base))
    return Interval(median(values) / median(base), draws[cut], draws[-1 - cut], rounds)
