"""Temperature and thresholds of a model file: so that its probabilities hold on photos of more than one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from cloudedge.model import Outputs
from export.release.evaluation import share, softmax

MISTAKEN_FOR_CLEAR = 0.005  # share of the clouds of a collection that may be taken for a clear sky
LEAST_CLEAR = 0.5  # however well the two are told apart
TARGET_PRECISION = 0.75
LEAST_CONFIDENCE = 0.5  # however easy the photos: a genus less likely than not is never certain


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """What a model says of N cloud photos of one source, and what reviews say of them.

    `logits` (N, 10), `familiarity` (N,), `clear` (N,); `targets` float64 (N, 10) are the reviewers' probabilities.
    """

    logits: npt.NDArray[np.float32]
    familiarity: npt.NDArray[np.float32]
    clear: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float64]

    @classmethod
    def of(cls, outputs: Outputs, targets: Sequence[npt.NDArray[np.float64] | None]) -> Collection:
        """Return the collection of photos, without those that have no target."""
        assert outputs.familiarity is not None
        assert outputs.clear is not None
        keep = np.array([target is not None for target in targets])
        known = np.array([target for target in targets if target is not None])
        return cls(outputs.logits[keep], outputs.familiarity[keep], outputs.clear[keep], known)


def sight_thresholds(scores: Sequence[npt.NDArray[np.float64]], unfamiliar: float) -> dict[str, float]:
    """Return the thresholds of "unfamiliar" and "clear" by the clouds of several collections.

    `scores` has familiarity and clear, float64 (2, N), of each collection, by heads that did not learn from it.
    `unfamiliar` is the share of the clouds of a collection that may be taken for unfamiliar.
    """
    familiar = min(float(np.quantile(familiarity, unfamiliar)) for familiarity, _ in scores)
    clear = max(float(np.quantile(clear, 1 - MISTAKEN_FOR_CLEAR)) for _, clear in scores)
    return {"unfamiliar": round(familiar, 4), "clear": round(max(LEAST_CLEAR, clear), 4)}


def calibrate(collections: Sequence[Collection], thresholds: Mapping[str, float], dark: float) -> dict[str, Any]:
    """Return temperature and thresholds that hold for each collection; all weigh the same, however large they are.

    Two temperatures are found, and the one between them is taken. By the first choices of the reviews, answers are as
    often right as they say. By the reviewers' own probabilities, they are where an expert labels the photo: these
    probabilities were right for experts' labels, see the model card.
    """
    firsts = [np.eye(c.targets.shape[1])[c.targets.argmax(axis=1)] for c in collections]
    by_first = fit_temperature([c.logits for c in collections], firsts)
    by_probability = fit_temperature([c.logits for c in collections], [c.targets for c in collections])
    temperature = round(float(np.sqrt(by_first * by_probability)), 4)
    judged = []
    for c in collections:
        kept = (c.familiarity >= thresholds["unfamiliar"]) & (c.clear < thresholds["clear"])
        probabilities = softmax(c.logits[kept], temperature)
        judged.append((probabilities.max(axis=1), probabilities.argmax(axis=1) == c.targets[kept].argmax(axis=1)))
    found = {"low_confidence": confidence_threshold(judged), "dark": dark}
    return {"temperature": temperature, "thresholds": {**found, **{k: thresholds[k] for k in ("unfamiliar", "clear")}}}


def fit_temperature(logits: Sequence[npt.NDArray[np.floating]], targets: Sequence[npt.NDArray[np.float64]]) -> float:
    """Return the temperature of the least cross-entropy, the mean over collections, of logits to targets (N, 10).

    Temperature scaling is Guo et al. 2017, arXiv:1706.04599.
    """

    def loss(log_temperature: float) -> float:
        losses = []
        for found, wanted in zip(logits, targets, strict=True):
            probabilities = softmax(found, float(np.exp(log_temperature)))
            losses.append(-(wanted * np.log(probabilities + 1e-12)).sum(axis=1).mean())
        return float(np.mean(losses))

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def confidence_threshold(judged: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]) -> float:
    """Return the lowest confidence from which on `TARGET_PRECISION` of the first choices are right; else 1.0.

    `judged` has for each collection the confidences (N,) and which first choices are right (N,). The precision counts
    by the lower end of the 95 % interval of all together: the lowest of many thresholds is a lucky one, and taken by
    the precision itself it would not hold on other photos. It is `LEAST_CONFIDENCE` at least. Photos too few to be sure
    of any leave it to the calibration: the confidence is that precision itself, unless they speak against it.
    """
    confidence, hit = (np.concatenate(values) for values in zip(*judged, strict=True))
    order = np.argsort(-confidence)
    enough = [
        index
        for k, index in enumerate(order, start=1)
        if share(hit[order[:k]]).low >= TARGET_PRECISION and _each_is_right(judged, float(confidence[index]))
    ]
    if enough:
        return max(LEAST_CONFIDENCE, round(float(confidence[enough[-1]]), 3))
    sure = hit[confidence >= TARGET_PRECISION]
    return 1.0 if sure.size and sure.mean() < TARGET_PRECISION else TARGET_PRECISION


def _each_is_right(judged: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]], least: float) -> bool:
    """Return whether in each collection `TARGET_PRECISION` of the first choices from a confidence on are right."""
    certain = [hit[confidence >= least] for confidence, hit in judged]
    return all(not hit.size or hit.mean() >= TARGET_PRECISION for hit in certain)
