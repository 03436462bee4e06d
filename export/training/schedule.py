"""Learning-rate schedules, as pure functions of the progress."""

from __future__ import annotations

import math


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def one_cycle(
    progress: float, peak: float, *, warmup: float = 0.25, div: float = 25.0, div_final: float = 1e5
) -> float:
    """Return the rate at `progress` (0..1) of a one-cycle run: from peak/div to peak, then to peak/div_final.

    Both halves are cosines, as in fastai's `fit_one_cycle` (Smith 2018, arXiv:1803.09820).
    """
    if progress < warmup:
        return _cosine(peak / div, peak, progress / warmup)
    return _cosine(peak, peak / div_final, (progress - warmup) / (1 - warmup))


def discriminative(first: float, last: float, groups: int) -> list[float]:
    """Return the rates of `groups` > 1 layer groups, spaced geometrically, as fastai's `slice(first, last)` does."""
    return [first * (last / first) ** (k / (groups - 1)) for k in range(groups)]
