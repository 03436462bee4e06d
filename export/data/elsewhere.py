"""Photos of other sources than the training's: one half to calibrate by, the other to test with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudedge.errors import CloudEdgeError
from export.data.catalogue import CLASSES, OTHER_SIGHTS, Photo, check_checksum, read_reviews
from export.data.targets import review_target
from export.files import read_csv

COLUMNS = ("file", "source", "group", "sha256")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Reviewed photos of other sources; the photos of one group are all in `calibration` or all in `test`."""

    root: Path
    calibration: tuple[Photo, ...] = ()
    test: tuple[Photo, ...] = ()

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        """Return the paths of photos."""
        return [self.root / photo.file for photo in photos]


def clouds(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos whose reviews take them for one of the ten genera."""
    return [photo for photo in photos if photo.genus in CLASSES]


def clear_skies(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos whose reviews take them for a clear sky."""
    return [photo for photo in photos if photo.genus == "ClearSky"]


def load_elsewhere(root: Path) -> Elsewhere:
    """Read `sources.csv` and `review.csv` of `root`, and halve each source by groups.

    A photo's genus is what its reviews take it for. Raises CloudEdgeError for a photo without a review, and for a file
    that is not the listed one.
    """
    reviews = read_reviews(root / "review.csv")
    rows = read_csv(root / "sources.csv", COLUMNS)
    groups = {name: number for number, name in enumerate(dict.fromkeys(row["group"] for row in rows))}
    photos = []
    for row in rows:
        if row["file"] not in reviews:
            raise CloudEdgeError(f"has no review of {row['file']}; add one", str(root / "review.csv"))
        photo = Photo(row["file"], "", groups[row["group"]], False, reviews[row["file"]], row["sha256"])
        check_checksum(root / photo.file, photo, "is not the file that sources.csv lists; put that file back")
        photos.append(Photo(photo.file, _seen_in(photo), photo.group, False, photo.reviews, photo.sha256))
    tested = _every_other(sorted({(row["source"], _shuffled(row["group"]), groups[row["group"]]) for row in rows}))
    return Elsewhere(
        root,
        calibration=tuple(photo for photo in photos if photo.group not in tested),
        test=tuple(photo for photo in photos if photo.group in tested),
    )


def _seen_in(photo: Photo) -> str:
    target = review_target(photo)
    if target is not None:
        return CLASSES[int(target.argmax())]
    return max(OTHER_SIGHTS, key=lambda name: sum(review.get(name, 0.0) for review in photo.trusted_reviews))


def _shuffled(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()


def _every_other(groups: Sequence[tuple[str, str, int]]) -> set[int]:
    """Return the numbers of every other group of each source."""
    return {number for k, (_, _, number) in enumerate(groups) if k % 2}
