"""The labelled photos: catalogue with corrections, soft targets, group-safe folds and the pixels, all of one size."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge.errors import CloudEdgeError
from cloudedge.genera import GENERA
from cloudedge.image import read
from cloudedge.model import sha256
from export.data import decisions
from export.files import check_file_name, numbered_rows

CLASSES: tuple[str, ...] = tuple(genus.name for genus in GENERA)
GUIDED = ("3", "4")  # the reviewers who followed a written guide; the others came before
OTHER_SIGHTS = ("Contrail", "ClearSky", "NotSky")  # what a reviewer may see instead
# The names that a label may have, in any case: of the genera and of Contrail, or their abbreviations.
LABELS = {
    **{name.casefold(): genus.name for genus in GENERA for name in (genus.name, genus.abbreviation)},
    "contrail": "Contrail",
    "ct": "Contrail",
}
DEFAULT_ROOT = Path("../shared/data/ccsn")
MANIFEST_COLUMNS = ("file", "genus", "photo_group", "label_conflict", "sha256")
CHOICES = (("first", "p1"), ("second", "p2"), ("third", "p3"))  # columns of a reviewer's names and their probabilities
DROPPED = "Dropped"
PIXELS = 256  # the side of the photos that training crops from
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Photo:
    """One labelled file; `reviews` holds a distribution over all names a reviewer used, by reviewer.

    `genus` is the label after corrections, `listed` the manifest's own where that is another.
    """

    file: str
    genus: str
    group: int
    conflict: bool
    reviews: dict[str, dict[str, float]]
    sha256: str = ""
    listed: str = ""

    @property
    def stratum(self) -> str:
        """The manifest's genus, by which folds are made: a correction must not move other photos to other folds."""
        return self.listed or self.genus

    @property
    def trusted_reviews(self) -> list[dict[str, float]]:
        """The guided reviews; where there are none, all reviews."""
        guided = [self.reviews[reviewer] for reviewer in GUIDED if reviewer in self.reviews]
        return guided or list(self.reviews.values())

    @property
    def sure(self) -> bool:
        """Whether there are several trusted reviews, and all have the same first choice."""
        reviews = self.trusted_reviews
        return len(reviews) > 1 and len({first_choice(review) for review in reviews}) == 1

    @property
    def agreed(self) -> bool:
        """Whether the first choice of a reviewer without a guide confirms the manifest's genus.

        The guided ones do not count, so that this column of figures stays comparable over the years.
        """
        return any(first_choice(review) == self.genus for name, review in self.reviews.items() if name not in GUIDED)


def first_choice(review: Mapping[str, float]) -> str:
    """Return what a reviewer most likely takes a photo for."""
    return max(review, key=review.__getitem__)


def read_reviews(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    reviews: dict[str, dict[str, dict[str, float]]] = {}
    if not path.exists():
        return reviews
    needed = ("file", "reviewer", *(column for pair in CHOICES for column in pair))
    for number, row in numbered_rows(path, needed):
        named = [(row[name], p) for name, p in CHOICES if row[name]]
        if not named:
            raise CloudEdgeError(f"line {number}: names nothing; fill in first and p1, or delete the line", str(path))
        if unknown := {name for name, _ in named}.difference(CLASSES, OTHER_SIGHTS):
            names = ", ".join((*CLASSES, *OTHER_SIGHTS))
            raise CloudEdgeError(f"line {number}: names {min(unknown)!r}; there are {names}", str(path))
        choices = {name: _parse(path, number, row, p, _probability, "a probability from 0 to 1") for name, p in named}
        reviews.setdefault(row["file"], {})[row["reviewer"]] = choices
    return reviews


def _parse(
    path: Path, line: int, row: Mapping[str, str], column: str, parse: Callable[[str], _Value], wanted: str
) -> _Value:
    """Read a value from a row of a CSV file; CloudEdgeError for what is none."""
    try:
        return parse(row[column])
    except ValueError as error:
        raise CloudEdgeError(f"line {line}: {column} is {row[column]!r}; make it {wanted}", str(path)) from error


def _truth(text: str) -> bool:
    return bool(int(text))


def _probability(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


def label_of(name: str) -> str:
    """Give the genus that a name stands for; a name that is none stays as it is, and is never trained on.

    Raises ValueError for one that could not be a file's.
    """
    label = LABELS.get(name.strip().casefold(), name)
    check_file_name(label)
    return label


def load_catalogue(root: Path) -> list[Photo]:
    """Read `manifest.csv` (and `review.csv` where it exists) of `root`, labels uncorrected.

    Raises CloudEdgeError without a manifest, for one without a photo of the ten genera, and for a row that makes no
    sense.
    """
    path = root / "manifest.csv"
    if not path.exists():
        raise CloudEdgeError(f"has no manifest.csv; make one with `python -m export data import {root}`", str(root))
    reviews = read_reviews(root / "review.csv")
    photos = [
        Photo(
            file=row["file"],
            genus=_parse(path, line, row, "genus", label_of, "the name of a genus"),
            group=_parse(path, line, row, "photo_group", int, "a whole number"),
            conflict=_parse(path, line, row, "label_conflict", _truth, "1, or 0"),
            reviews=reviews.get(row["file"], {}),
            sha256=row["sha256"],
        )
        for line, row in numbered_rows(path, MANIFEST_COLUMNS)
    ]
    twice = [file for file, number in Counter(photo.file for photo in photos).items() if number > 1]
    if twice:
        raise CloudEdgeError(f"lists {twice[0]} more than once; delete the lines too many", str(path))
    if not any(photo.genus in CLASSES for photo in photos):
        problem = "lists no photo of one of the ten genera; name the folders of the photos after them"
        raise CloudEdgeError(f"{problem}, move this file away, and `python -m export data import {root}`", str(path))
    return photos


def corrected(photos: Sequence[Photo], decided: Mapping[decisions.Key, str]) -> list[Photo]:
    """Apply what the cleaning decided. Training learns from corrected labels, figures are by uncorrected ones.

    A dropped photo keeps its place in the list, under no genus, so that no target comes from it: without it the folds
    would be others, and a model trained before would be tested on photos that it has seen.
    """
    return [_corrected(photo, decided.get((photo.file, photo.sha256), "")) for photo in photos]


def _corrected(photo: Photo, decision: str) -> Photo:
    if not decision:
        return photo
    if decision == decisions.KEEP:  # somebody has seen it and says that this genus is right
        return replace(photo, conflict=False)
    genus = DROPPED if decision == decisions.DROP else decision
    return replace(photo, genus=genus, listed=photo.genus, conflict=False)


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

    None where there are no reviews, or where they mostly see no genus.
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


def assign_folds(photos: Sequence[Photo], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Give each photo a fold 0..count-1, int64 (N,): groups stay whole and genera are spread evenly.

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
    """Give a checksum of what decides the folds: the photos, their groups, and the genera they are filed under."""
    return digest([(photo.file, photo.sha256, photo.group, photo.stratum) for photo in photos])


def digest(content: object) -> str:
    """Give a checksum of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Split:
    """Which photos are for what, bool (N,) each; no photo_group stands in two of them."""

    train: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]


def split(photos: Sequence[Photo], *, folds: int, test_fold: int, validation_fold: int, seed: int) -> Split:
    """Split into one fold for the test, one for validation and the rest for training."""
    fold = assign_folds(photos, folds, seed)
    test, validation = fold == test_fold, fold == validation_fold
    return Split(train=~(test | validation), validation=validation, test=test)


def load_pixels(root: Path, photos: Sequence[Photo], size: int = PIXELS) -> npt.NDArray[np.uint8]:
    """Decode every photo to one size, uint8 (N, size, size, 3).

    One size for all, before anything else: in this data set the resolution goes with the genus, and a network would
    learn it. Raises ImageError for what cannot be read, CloudEdgeError for a file that is not the manifest's.
    """
    pixels = np.empty((len(photos), size, size, 3), dtype=np.uint8)
    for index, photo in enumerate(photos):
        path = root / photo.file
        decoded = read(path, size).pixels
        if photo.sha256 and photo.sha256 != sha256(path):
            problem = "is not the file that manifest.csv lists; move manifest.csv away, and import the folder anew"
            raise CloudEdgeError(problem, str(path))
        pixels[index] = square_pixels(decoded, size)
    return pixels


def square_pixels(pixels: npt.NDArray[np.uint8], size: int = PIXELS) -> npt.NDArray[np.uint8]:
    """Squash pixels uint8 (H, W, 3) to (size, size, 3), antialiased."""
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))
