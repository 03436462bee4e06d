"""The photos of a command: read once, and parted by the folds of a recipe."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudedge.errors import CloudEdgeError
from export.data import decisions
from export.data.data_set import DataSet, genera, read_data_set
from export.training.recipe import Recipe


def files(photos: object) -> set[str]:
    return {photo.file for photo in photos}  # type: ignore[attr-defined]


def test_each_photo_is_for_training_validation_or_the_test(photos: DataSet) -> None:
    parts = [files(part) for part in (photos.training, photos.validation, photos.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 80
    assert photos.files(photos.test)[0] == photos.root / photos.test[0].file


def test_training_learns_from_corrected_labels_and_figures_do_not(
    recipe: Recipe, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "PATH", tmp_path / "decisions.csv")
    text = "file,sha256,decision\nCirrus/0.png,,Cumulus\nCirrus/2.png,,drop\n"
    (tmp_path / "decisions.csv").write_text(text, encoding="utf-8")
    data = read_data_set(recipe, root)
    learned, judged = ({photo.file: photo.genus for photo in part} for part in (data.learned, data.photos))
    assert (learned["Cirrus/0.png"], learned["Cirrus/2.png"]) == ("Cumulus", "Dropped")
    assert (judged["Cirrus/0.png"], judged["Cirrus/2.png"]) == ("Cirrus", "Cirrus")
    monkeypatch.undo()
    plain = read_data_set(recipe, root)
    assert data.digest == plain.digest
    assert all((a == b).all() for a, b in zip(vars_of(data), vars_of(plain), strict=True))


def vars_of(data: DataSet) -> tuple[object, ...]:
    return data.split.train, data.split.validation, data.split.test


def test_other_folds_part_the_same_photos(photos: DataSet, recipe: Recipe) -> None:
    turned = photos.for_recipe(replace(recipe, test_fold=1, validation_fold=2))
    assert turned.photos is photos.photos
    assert files(turned.test) == files(photos.validation)
    assert turned.digest == photos.digest


def test_photos_from_elsewhere_are_for_the_recipes_that_ask_for_them(recipe: Recipe, root: Path) -> None:
    asking = replace(recipe, elsewhere=True)
    data = read_data_set(asking, root)
    assert len(data.elsewhere.calibration) + len(data.elsewhere.test) == 10
    assert data.for_recipe(asking).elsewhere == data.elsewhere
    for without in (data.for_recipe(recipe), read_data_set(recipe, root)):
        assert without.elsewhere.calibration == without.elsewhere.test == ()


def test_photos_from_elsewhere_that_are_not_there_are_told(recipe: Recipe, root: Path, tmp_path: Path) -> None:
    for name in ("manifest.csv", "review.csv"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / "photos" / name)
    assert read_data_set(recipe, tmp_path / "photos").photos
    with pytest.raises(CloudEdgeError, match=r"elsewhere.sources\.csv: cannot be read"):
        read_data_set(replace(recipe, elsewhere=True), tmp_path / "photos")


def test_contrails_are_in_a_part_but_not_among_its_genera(photos: DataSet) -> None:
    contrails = replace(photos, photos=tuple(replace(photo, genus="Contrail") for photo in photos.photos))
    assert len(contrails.part(contrails.split.test)) == 20
    assert genera(contrails.photos) == contrails.test == contrails.validation == []
    with pytest.raises(CloudEdgeError, match="one fold has no labelled photo"):
        contrails.check_enough()
