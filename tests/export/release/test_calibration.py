"""Temperature and thresholds hold on every collection that they were found by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cloudedge.model import Outputs
from export.release.calibration import (
    LEAST_CLEAR,
    LEAST_CONFIDENCE,
    MISTAKEN_FOR_CLEAR,
    TARGET_PRECISION,
    Collection,
    calibrate,
    confidence_threshold,
    fit_temperature,
    sight_thresholds,
)
from export.release.evaluation import share, softmax

UNFAMILIAR = 0.03


def scores(found: Collection) -> npt.NDArray[np.float64]:
    return np.stack([found.familiarity, found.clear]).astype(float)


def one_hot(labels: npt.NDArray[np.int64], count: int = 10) -> npt.NDArray[np.float64]:
    return np.eye(count)[labels]


def drawn(logits: npt.NDArray[np.float64], seed: int = 1) -> npt.NDArray[np.int64]:
    """Draw labels by the probabilities that logits (N, C) mean."""
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(logits.shape[1], p=row) for row in softmax(logits)])


def collection(seed: int, *, scale: float = 2.0, shift: float = 0.0, count: int = 2000) -> Collection:
    """Return a collection whose logits are calibrated for the reviews' first choices; `shift` moves its sights."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(count, 10))
    targets = 0.7 * one_hot(drawn(logits, seed)) + 0.03
    clear = 1 / (1 + np.exp(3 + shift + rng.normal(size=count)))
    return Collection(logits.astype("f4"), rng.normal(3 - shift, 1, count).astype("f4"), clear.astype("f4"), targets)


def test_the_temperature_undoes_overconfidence() -> None:
    logits = np.random.default_rng(0).normal(size=(4000, 5))
    labels = drawn(logits)
    assert fit_temperature([3 * logits], [one_hot(labels, 5)]) == pytest.approx(3, rel=0.1)


def test_collections_weigh_the_same_however_large_they_are() -> None:
    small, large = (np.random.default_rng(k).normal(size=(n, 5)) for k, n in ((0, 1000), (1, 4000)))
    targets = [one_hot(drawn(logits), 5) for logits in (small, large)]
    both = fit_temperature([4 * small, large], targets)
    turned = fit_temperature([large[:1000], 4 * small], [targets[1][:1000], targets[0]])
    assert both == pytest.approx(turned, rel=0.1)
    assert 1.2 < both < 4


def test_the_temperature_lies_between_the_readings_of_the_reviews() -> None:
    found = collection(3)
    hard = fit_temperature([found.logits], [one_hot(found.targets.argmax(axis=1))])
    soft = fit_temperature([found.logits], [found.targets])
    assert hard == pytest.approx(1, rel=0.1)
    assert soft > 1.3 * hard  # who doubts makes a model doubt
    thresholds = sight_thresholds([scores(found)], UNFAMILIAR)
    assert calibrate([found], thresholds, dark=20.0)["temperature"] == pytest.approx((hard * soft) ** 0.5, abs=1e-3)


def test_thresholds_hold_for_each_collection() -> None:
    collections = [collection(1, scale=4.0), collection(2, scale=1.5, shift=1.5), collection(4, scale=3.0, shift=-0.5)]
    found = calibrate(collections, sight_thresholds([scores(c) for c in collections], UNFAMILIAR), dark=20.0)
    thresholds, temperature = found["thresholds"], found["temperature"]
    assert thresholds["dark"] == 20.0
    for c in collections:
        unfamiliar, clear = c.familiarity < thresholds["unfamiliar"], c.clear >= thresholds["clear"]
        assert unfamiliar.mean() <= UNFAMILIAR + 1e-3
        assert clear.mean() <= MISTAKEN_FOR_CLEAR + 1e-3
        probabilities = softmax(c.logits, temperature)
        certain = (probabilities.max(axis=1) >= thresholds["low_confidence"] + 1e-3) & ~unfamiliar & ~clear
        assert certain.sum() > 50
        assert (probabilities.argmax(axis=1) == c.targets.argmax(axis=1))[certain].mean() >= TARGET_PRECISION
    alone = [sight_thresholds([scores(c)], UNFAMILIAR) for c in collections]
    assert thresholds["unfamiliar"] == min(one["unfamiliar"] for one in alone)
    assert thresholds["clear"] == max(one["clear"] for one in alone)


def test_a_clear_sky_is_never_less_likely_than_a_cloud() -> None:
    assert sight_thresholds([scores(collection(1, shift=9.0))], UNFAMILIAR)["clear"] == LEAST_CLEAR


def test_photos_without_a_target_are_left_out() -> None:
    targets = [one_hot(np.array([k]))[0] if k else None for k in range(3)]
    values = np.arange(3, dtype=np.float32)
    found = Collection.of(Outputs(values[:, None] * np.ones((3, 10), "f4"), None, values, values), targets)
    assert found.familiarity.tolist() == found.clear.tolist() == [1, 2]
    assert found.logits[:, 0].tolist() == [1, 2]
    assert found.targets.argmax(axis=1).tolist() == [1, 2]


def threshold(probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    return confidence_threshold([(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)])


def test_the_confidence_threshold_is_the_lowest_that_surely_keeps_the_precision() -> None:
    confidence = np.linspace(0.99, 0.5, 100)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.r_[np.zeros(60, dtype=np.int64), np.ones(40, dtype=np.int64)]
    kept = int((confidence >= threshold(probabilities, labels) - 1e-3).sum())
    assert share(labels[:kept] == 0).low >= 0.75 > share(labels[: kept + 1] == 0).low
    assert threshold(probabilities, np.ones(100, dtype=np.int64)) == 1.0


def test_easy_photos_do_not_make_certain_of_what_is_less_likely_than_not() -> None:
    probabilities = np.tile([0.3, 0.25, 0.25, 0.2], (100, 1))
    assert threshold(probabilities, np.zeros(100, dtype=np.int64)) == LEAST_CONFIDENCE == 0.5


def test_few_photos_leave_the_confidence_threshold_to_the_calibration_unless_they_speak_against_it() -> None:
    confidence = np.array([0.9, 0.85, 0.8, 0.78, 0.6])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    assert threshold(probabilities, np.array([0, 0, 1, 0, 1])) == 0.75
    assert threshold(probabilities, np.array([0, 1, 1, 0, 0])) == 1.0
    assert threshold(probabilities[4:], np.array([0])) == 0.75


def test_a_collection_that_errs_raises_the_threshold_of_all() -> None:
    confidence = np.linspace(0.99, 0.5, 300)
    easy = (confidence, np.ones(300, dtype=np.bool_))
    hard = (confidence[::3], confidence[::3] > 0.8)
    assert confidence_threshold([easy]) == LEAST_CONFIDENCE
    both = confidence_threshold([easy, hard])
    assert hard[1][hard[0] >= both].mean() == pytest.approx(TARGET_PRECISION, abs=0.02)
