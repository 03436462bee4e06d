"""Sights that are not one of the ten genera: drawn, found in the data set, or ordinary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.data import outliers
from export.data.catalogue import DROPPED, Photo
from export.data.data_set import DataSet, read_data_set
from export.data.elsewhere import Elsewhere
from export.data.folds import Split
from export.training.recipe import Recipe


@pytest.mark.parametrize("kind", list(outliers.DRAWN))
def test_drawings_are_the_same_for_a_seed_and_differ_from_each_other(kind: str) -> None:
    pictures = outliers.draw(kind, 6, seed=3)
    assert (pictures.shape, pictures.dtype) == ((6, outliers.SIDE, outliers.SIDE, 3), np.uint8)
    np.testing.assert_array_equal(pictures, outliers.draw(kind, 6, seed=3))
    assert len({picture.tobytes() for picture in [*pictures, *outliers.draw(kind, 6, seed=4)]}) == 12


def test_drawn_nights_are_dim_and_clear_skies_are_smooth() -> None:
    assert outliers.draw("night", 20, seed=0).mean(axis=(1, 2, 3)).max() < 70
    steps = np.abs(np.diff(outliers.draw("clear sky", 20, seed=0).astype(float), axis=2)).mean(axis=(1, 2, 3))
    assert steps.max() < 6


def test_an_outlier_is_a_contrail_or_what_the_reviews_mostly_take_for_no_genus() -> None:
    cirrus = Photo("a.jpg", "Cirrus", 0, False, {"1": {"Cirrus": 0.9}, "2": {"ClearSky": 0.7, "Cirrus": 0.3}})
    assert not outliers.is_outlier(cirrus)
    assert not outliers.is_outlier(replace(cirrus, reviews={}))
    assert not outliers.is_outlier(replace(cirrus, genus=DROPPED))
    assert outliers.is_outlier(replace(cirrus, reviews={"1": {"ClearSky": 0.8}, "2": {"NotSky": 0.9}}))
    assert outliers.is_outlier(replace(cirrus, genus="Contrail", reviews={}))


def data_set(root: Path, photos: list[Photo], tested: list[bool]) -> DataSet:
    test = np.array(tested)
    return DataSet(root, tuple(photos), tuple(photos), Split(~test, np.zeros_like(test), test), Elsewhere(root))


def test_sights_by_kind_come_from_the_test_photos(tmp_path: Path) -> None:
    photos = [
        Photo("a.jpg", "Contrail", 0, False, {}),
        Photo("b.jpg", "Cirrus", 1, False, {"1": {"ClearSky": 0.6, "Cirrus": 0.3}}),
        Photo("c.jpg", "Cumulus", 2, False, {"1": {"Cumulus": 0.9}}),
        Photo("d.jpg", "Contrail", 3, False, {}),
    ]
    sights = outliers.test_sights(data_set(tmp_path, photos, [True, True, True, False]))
    assert sights["contrail"] == [tmp_path / "a.jpg"]
    assert sights["clear sky"] == [tmp_path / "b.jpg"]
    assert {f"drawn {kind}" for kind in outliers.DRAWN} < set(sights)
    assert len(sights["ordinary photo"]) >= 10
    assert {"contrail", "clear sky", "clear sky elsewhere"}.isdisjoint(
        outliers.test_sights(data_set(tmp_path, photos, [False, False, True, False]))
    )


def test_clear_skies_from_elsewhere_are_those_of_its_test_half(recipe: Recipe, root: Path) -> None:
    data = read_data_set(replace(recipe, elsewhere=True), root)
    found = outliers.test_sights(data)["clear sky elsewhere"]
    wanted = [photo.file for photo in data.elsewhere.test if photo.genus == "ClearSky"]
    assert wanted
    assert found == [data.elsewhere.root / file for file in wanted]


def test_a_clear_sky_is_what_a_guided_review_takes_for_one() -> None:
    older = Photo("a.jpg", "Cirrus", 0, False, {"1": {"ClearSky": 0.9}, "3": {"Cirrus": 0.9}})
    guided = replace(older, reviews={"1": {"Cirrus": 0.9}, "3": {"Cirrus": 0.9}, "4": {"ClearSky": 0.6}})
    assert outliers.clear_skies([older, guided]) == [guided]


def test_ordinary_photos_are_halved_and_pictures_of_one_name_stay_together() -> None:
    learned, tested = outliers.ordinary_photos(), outliers.ordinary_photos(test=True)
    assert min(len(learned), len(tested)) >= 10
    names = [{path.stem.partition("_")[0] for path in half} for half in (learned, tested)]
    assert names[0].isdisjoint(names[1])
    assert sum("motorcycle" in path.stem for path in (*learned, *tested)) >= 2  # left and right
