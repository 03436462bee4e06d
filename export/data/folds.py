"""Folds: which photos are for training, validation and the test, with no copy in two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.data.catalogue import Photo


def assign_folds(photos: Sequence[Photo], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return each photo a fold 0..count-1, int64 (N,): groups stay whole and genera are spread evenly.

    Greedy, as scikit-learn's StratifiedGroupKFold does it: large groups first, each to the fold that has fewest photos
    of its genera.
    """
    rng = np.random.default_rng(seed)
    members: dict[int, list[int]] = {}
    for index, photo in enumerate(photos):
        members.setdefault(photo.group, []).append(index)
    order = list(members)
    rng.shuffle(order)
    order.sort(key=lambda group: -len(members[group]))
    genera = sorted({photo.stratum for photo in photos})
    load = np.zeros((count, len(genera)))
    folds = np.zeros(len(photos), dtype=np.int64)
    for group in order:
        labels = [genera.index(photos[index].stratum) for index in members[group]]
        cost = load[:, labels].sum(axis=1) + 1e-3 * load.sum(axis=1)
        fold = int(np.argmin(cost))
        folds[members[group]] = fold
        for label in labels:
            load[fold, label] += 1
    return folds


def folds_digest(photos: Sequence[Photo]) -> str:
    """Return a checksum of what decides the folds: the photos, their groups, and the genera they are filed under."""
    return digest([(photo.file, photo.sha256, photo.group, photo.stratum) for photo in photos])


def digest(content: object) -> str:
    """Return a checksum of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Split:
    """Which photos are in which part, bool (N,) each; no photo_group is in two of them."""

    train: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]


def split(photos: Sequence[Photo], *, folds: int, test_fold: int, validation_fold: int, seed: int) -> Split:
    """Split into one fold for the test, one for validation and the rest for training."""
    fold = assign_folds(photos, folds, seed)
    test, validation = fold == test_fold, fold == validation_fold
    return Split(train=~(test | validation), validation=validation, test=test)
