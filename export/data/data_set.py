"""The photos that a command works with, read once and handed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cloudedge.errors import CloudEdgeError
from export.data import decisions
from export.data.catalogue import CLASSES, Photo, corrected, load_catalogue
from export.data.elsewhere import Elsewhere, load_elsewhere
from export.data.folds import Split, folds_digest, split
from export.data.targets import trusted


class Splitting(Protocol):
    """What a recipe says about the photos: the folds, and whether photos from elsewhere are used."""

    @property
    def folds(self) -> int: ...

    @property
    def test_fold(self) -> int: ...

    @property
    def validation_fold(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def elsewhere(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class DataSet:
    """Photos with their labels, and which of them are for training, validation and test.

    Figures are by the labels of `photos`, training by those of `learned`: the same photos, corrected. `elsewhere` holds
    photos of other sources; it is empty unless the recipe asks for them.
    """

    root: Path
    photos: tuple[Photo, ...]
    learned: tuple[Photo, ...]
    split: Split
    elsewhere: Elsewhere

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        """Return the paths of photos."""
        return [self.root / photo.file for photo in photos]

    def part(self, keep: npt.NDArray[np.bool_]) -> list[Photo]:
        """Return the photos where `keep` is true, contrails and other sights among them."""
        return _chosen(self.photos, keep)

    @property
    def training(self) -> list[Photo]:
        """The photos of the training folds, with corrected labels."""
        return _chosen(self.learned, self.split.train)

    @property
    def validation(self) -> list[Photo]:
        """The photos of the ten genera that calibration and gates use."""
        return genera(self.part(self.split.validation))

    @property
    def test(self) -> list[Photo]:
        """The photos of the ten genera that a model is measured on."""
        return genera(self.part(self.split.test))

    @property
    def digest(self) -> str:
        """A checksum of what decides the folds."""
        return folds_digest(self.photos)

    def for_recipe(self, recipe: Splitting) -> DataSet:
        """Return the same photos by the folds of another recipe, without `elsewhere` unless it asks for them."""
        elsewhere = self.elsewhere if recipe.elsewhere else Elsewhere(self.elsewhere.root)
        return replace(self, split=_split(recipe, self.photos), elsewhere=elsewhere)

    def check_enough(self) -> DataSet:
        """Return the data set; CloudEdgeError where a fold has too few photos to calibrate or to measure by."""
        if not (trusted(self.validation) >= 0).any():
            raise CloudEdgeError("holds too few photos: one fold has no labelled photo", str(self.root))
        if not self.test:
            raise CloudEdgeError("holds too few photos: the test fold has no photo of the ten genera", str(self.root))
        return self


def read_data_set(recipe: Splitting, root: Path) -> DataSet:
    """Read the photos of `root`, the corrections and, where the recipe asks for it, the folder `elsewhere` beside it.

    Raises CloudEdgeError for a folder that is not a data set.
    """
    photos = tuple(load_catalogue(root))
    learned = tuple(corrected(photos, decisions.read_decisions(decisions.PATH)))
    elsewhere = root.resolve().parent / "elsewhere"
    others = load_elsewhere(elsewhere) if recipe.elsewhere else Elsewhere(elsewhere)
    return DataSet(root, photos, learned, _split(recipe, photos), others)


def genera(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos that are labelled as one of the ten genera."""
    return [photo for photo in photos if photo.genus in CLASSES]


def _chosen(photos: Sequence[Photo], keep: npt.NDArray[np.bool_]) -> list[Photo]:
    return [photo for photo, kept in zip(photos, keep, strict=True) if kept]


def _split(recipe: Splitting, photos: Sequence[Photo]) -> Split:
    return split(
        photos, folds=recipe.folds, test_fold=recipe.test_fold, validation_fold=recipe.validation_fold, seed=recipe.seed
    )
