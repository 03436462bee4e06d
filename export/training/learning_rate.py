"""Find a learning rate: train a few steps at ever higher rates, and see where the loss falls.

After Smith 2015 (arXiv:1506.01186), with the steps, the smoothing and the suggestions of fastai's `lr_find`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cloudedge.errors import CloudEdgeError

START, END, STEPS = 1e-7, 10.0, 100
SMOOTHING = 0.98
DIVERGED = 4.0  # times the best loss
FEWEST = 10  # points that the suggestions need, after the first tenth and the last five are left out

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The smoothed losses at the rates, float64 (N,) each, as far as the sweep got."""

    rates: Array
    losses: Array


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Three learning rates, by fastai's `minimum`, `steep` and `valley`."""

    minimum: float
    steep: float
    valley: float


def sweep(step: Callable[[float], float]) -> Curve:
    """Raise the rate exponentially from 1e-7 to 10 in 100 steps; `step(rate)` trains once and returns its loss.

    The loss is smoothed by a debiased moving average (.98); the sweep stops when it is 4 times the best, or not finite.
    """
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    for k in tqdm(range(STEPS), desc="learning rates", mininterval=5):
        rate = START * (END / START) ** (k / STEPS)
        average = SMOOTHING * average + (1 - SMOOTHING) * step(rate)
        smooth = average / (1 - SMOOTHING ** (k + 1))
        if not np.isfinite(smooth):
            break
        rates.append(rate)
        losses.append(smooth)
        if smooth > DIVERGED * min(losses):
            break
    return Curve(np.array(rates), np.array(losses))


def suggest(curve: Curve) -> Suggestions:
    """Read three rates off the curve, without its first 10 and last 5 points.

    Raises CloudEdgeError if too few points remain because the loss diverged at once.
    """
    rates, losses = curve.rates[STEPS // 10 : -5], curve.losses[STEPS // 10 : -5]
    if len(rates) < FEWEST:
        raise CloudEdgeError(
            f"the loss diverged after {len(curve.rates)} of {STEPS} steps, too early to suggest a rate"
        )
    slope = np.diff(losses) / np.diff(np.log(rates))
    return Suggestions(
        minimum=float(rates[losses.argmin()] / 10),
        steep=float(rates[slope.argmin()]),
        valley=float(rates[_valley(losses)]),
    )


def _valley(losses: Array) -> int:
    """Return the index a third plus a sixth into the longest falling run, gaps allowed, rounded as fastai does."""
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        lengths[i] = 1 + max((int(lengths[j]) for j in range(i) if losses[j] > losses[i]), default=0)
    end = int(lengths.argmax())
    start = end - int(lengths[end])
    third = (end - start) / 3
    return max(0, start + int(third) + int(third / 2))
