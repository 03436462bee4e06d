"""The learning rate over a run."""

from __future__ import annotations

import pytest

from export.training.schedule import discriminative, one_cycle


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 0.04), (0.25, 1.0), (0.125, 0.52), (1.0, 1e-5), (0.625, 0.500005)]
)
def test_one_cycle_follows_fastai(progress: float, expected: float) -> None:
    assert one_cycle(progress, 1.0) == pytest.approx(expected)


def test_the_warm_up_may_be_shorter() -> None:
    assert one_cycle(0.1, 2.0, warmup=0.1) == pytest.approx(2.0)


def test_discriminative_rates_are_spaced_geometrically() -> None:
    assert discriminative(1e-4, 1e-2, groups=3) == pytest.approx([1e-4, 1e-3, 1e-2])
    assert discriminative(1e-2, 1e-2, groups=3) == [1e-2] * 3
