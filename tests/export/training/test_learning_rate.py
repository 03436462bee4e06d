"""The sweep over learning rates, and what is read off its curve."""

from __future__ import annotations

import numpy as np
import pytest

from cloudedge.errors import CloudEdgeError
from export.training.learning_rate import Curve, suggest, sweep


def test_the_sweep_is_exponential_and_the_average_debiased() -> None:
    seen: list[float] = []

    def step(rate: float) -> float:
        seen.append(rate)
        return 3.0

    curve = sweep(step)
    assert len(seen) == 100
    assert seen[0] == pytest.approx(1e-7)
    assert np.diff(np.log10(seen)) == pytest.approx(0.08)
    assert curve.losses == pytest.approx(3.0)  # without the correction the first would be .06


def test_the_loss_is_smoothed() -> None:
    losses = iter([1.0, 2.0] + [1.0] * 98)
    curve = sweep(lambda _: next(losses))
    assert curve.losses[1] == pytest.approx((0.98 * 0.02 * 1 + 0.02 * 2) / (1 - 0.98**2))


def test_the_sweep_stops_at_four_times_the_best() -> None:
    count = 0

    def step(rate: float) -> float:
        nonlocal count
        count += 1
        return 1.0 if count <= 40 else 1000.0

    curve = sweep(step)
    assert len(curve.rates) == 41
    assert curve.losses[-1] > 4 * curve.losses.min()


def test_a_loss_that_is_no_number_ends_the_sweep() -> None:
    losses = iter([1.0] * 30 + [float("nan")])
    assert len(sweep(lambda _: next(losses)).rates) == 30


def test_the_suggestions_on_a_known_curve() -> None:
    # Level for 40 steps, falling by a parabola (steepest at its start's far end, step 69) to step 70, then rising.
    k = np.arange(100)
    rates = 1e-7 * 1e8 ** (k / 100)
    losses = np.where(k < 40, 2.0, np.where(k <= 70, 2.0 - ((k - 40) / 30) ** 2, 1.0 + (k - 70) * 0.1))
    found = suggest(Curve(rates, losses))
    assert found.minimum == pytest.approx(rates[70] / 10)
    assert found.steep == pytest.approx(rates[69])
    # The run falls over 31 points, 40 to 70; fastai counts its start from one before, then 10 and 5 points on.
    assert found.valley == pytest.approx(rates[39 + 10 + 5])


def test_the_ends_of_the_curve_do_not_count() -> None:
    k = np.arange(100)
    losses = np.where(k < 5, 0.0, np.where(k > 96, -1.0, 2.0 - k / 100))
    rates = 1e-7 * 1e8 ** (k / 100)
    assert suggest(Curve(rates, losses)).minimum == pytest.approx(rates[94] / 10)


def test_a_curve_that_is_too_short_is_told() -> None:
    with pytest.raises(CloudEdgeError, match="diverged after 20"):
        suggest(Curve(np.geomspace(1e-7, 1e-5, 20), np.ones(20)))
