"""The labelled photos: what the lists say of them, and what was corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from cloudedge.errors import CloudEdgeError
from cloudedge.genera import GENERA
from cloudedge.packaged_models import sha256
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
        """The manifest's genus, by which folds are made: a correction must not change the folds."""
        return self.listed or self.genus

    @property
    def trusted_reviews(self) -> list[dict[str, float]]:
        """The guided reviews; all reviews if none is guided."""
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
    """Read a value from a row of a CSV file; raises CloudEdgeError for a bad one."""
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
    """Return the genus that a name stands for; other names stay as they are, and are never trained on.

    Raises ValueError for one that cannot be a file name.
    """
    label = LABELS.get(name.strip().casefold(), name)
    check_file_name(label)
    return label


def load_catalogue(root: Path) -> list[Photo]:
    """Read `manifest.csv` (and `review.csv` where it exists) of `root`, labels uncorrected.

    Raises CloudEdgeError without a manifest, for one without a photo of the ten genera, and for a bad row.
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
        raise CloudEdgeError(f"lists {twice[0]} more than once; keep one of the lines", str(path))
    if not any(photo.genus in CLASSES for photo in photos):
        problem = "lists no photo of one of the ten genera; name the folders of the photos after the genera"
        raise CloudEdgeError(f"{problem}, move this file away, and `python -m export data import {root}`", str(path))
    return photos


def check_checksum(path: Path, photo: Photo, problem: str) -> None:
    """Raise CloudEdgeError, with `problem`, for a file that has another checksum than its photo; not all have one."""
    try:
        differs = bool(photo.sha256) and photo.sha256 != sha256(path)
    except OSError as error:
        raise CloudEdgeError(f"cannot be read ({error.strerror}); put the file there", str(path)) from error
    if differs:
        raise CloudEdgeError(problem, str(path))


def corrected(photos: Sequence[Photo], decided: Mapping[decisions.Key, str]) -> list[Photo]:
    """Apply what the cleaning decided. Training learns from corrected labels, figures are by uncorrected ones.

    A dropped photo stays in the list, without a genus, so that it has no target. Without it the folds would change, and
    older models would be tested on photos that they have seen.
    """
    return [_corrected(photo, decided.get((photo.file, photo.sha256), "")) for photo in photos]


def _corrected(photo: Photo, decision: str) -> Photo:
    if not decision:
        return photo
    if decision == decisions.KEEP:  # somebody looked at it and confirmed the genus
        return replace(photo, conflict=False)
    genus = DROPPED if decision == decisions.DROP else decision
    return replace(photo, genus=genus, listed=photo.genus, conflict=False)
