"""What a photo's labels and reviews mean as a distribution over the ten genera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from export.data.catalogue import CLASSES, Photo


def _spread(choices: dict[str, float]) -> npt.NDArray[np.float64]:
    """Turn a reviewer's choices into a distribution over the genera; what the choices leave is spread evenly."""
    target = np.zeros(len(CLASSES))
    for name, probability in choices.items():
        if name in CLASSES:
            target[CLASSES.index(name)] = probability
    rest = max(0.0, 1.0 - sum(choices.values()))
    return target + rest / len(CLASSES)


def review_target(photo: Photo) -> npt.NDArray[np.float64] | None:
    """Return the mean of the trusted reviews over the ten genera, float64 (10,).

    None without reviews, or if they mostly see something else.
    """
    if not photo.reviews:
        return None
    mean = np.mean([_spread(choices) for choices in photo.trusted_reviews], axis=0)
    return mean / mean.sum() if mean.sum() > 0.5 else None


def trusted_target(photo: Photo) -> npt.NDArray[np.float64] | None:
    """Return the probabilities that settings are made by, float64 (10,): the reviews', else the data set's genus.

    None for a photo that shows no genus, or a contradicted one.
    """
    if photo.genus not in CLASSES:
        return None
    if photo.reviews:
        return review_target(photo)
    return None if photo.conflict else np.eye(len(CLASSES))[CLASSES.index(photo.genus)]


def trusted(photos: Sequence[Photo]) -> npt.NDArray[np.int64]:
    """Return the labels that settings are made by, int64 (N,), -1 for none."""
    targets = [trusted_target(photo) for photo in photos]
    return np.array([-1 if target is None else int(target.argmax()) for target in targets])


def soft_target(photo: Photo, weights: dict[str, float], odds: float = 1.0) -> npt.NDArray[np.float64] | None:
    """Return a mixture of the manifest's genus and the reviews by `weights`, float64 (10,).

    The keys of `weights` are `manifest` and the reviewers.

    Then the manifest's genus becomes `odds` times likelier, as an independent witness makes it by Bayes' rule. A
    contradicted photo counts by its reviews alone, one without reviews by the manifest alone. None for a photo that is
    no cloud of the ten genera.
    """
    if photo.genus not in CLASSES or (photo.reviews and review_target(photo) is None):
        return None
    target = np.zeros(len(CLASSES))
    for reviewer, choices in photo.reviews.items():
        target += weights[reviewer] * _spread(choices)
    if not photo.conflict:
        listed = CLASSES.index(photo.genus)
        target[listed] = odds * (target[listed] + (weights["manifest"] if photo.reviews else 1.0))
    return target / target.sum() if target.sum() > 0 else None
