"""Labels, folds and pixels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloudedge.errors import CloudEdgeError
from cloudedge.packaged_models import sha256
from export.data.catalogue import CLASSES, DEFAULT_ROOT, Photo, corrected, load_catalogue
from export.data.decisions import PATH, read_decisions
from export.data.folds import assign_folds, folds_digest, split
from export.data.pixels import load_pixels
from export.data.targets import review_target, soft_target

from ..drawing import save, sky

WEIGHTS = {"manifest": 0.2, "1": 0.3, "2": 0.5}
PHOTO = Photo(
    "Cirrus/1.jpg", "Cirrus", 0, False, {"1": {"Cirrus": 0.8, "Cirrostratus": 0.2}, "2": {"Cirrostratus": 1.0}}
)


def test_a_target_mixes_the_manifest_and_the_reviews_by_weight() -> None:
    target = soft_target(PHOTO, WEIGHTS)
    assert target is not None
    assert target[CLASSES.index("Cirrus")] == pytest.approx(0.2 + 0.3 * 0.8)
    assert target[CLASSES.index("Cirrostratus")] == pytest.approx(0.3 * 0.2 + 0.5)
    assert target.sum() == pytest.approx(1)


def test_odds_multiply_the_probability_of_the_listed_genus() -> None:
    before, after = soft_target(PHOTO, WEIGHTS), soft_target(PHOTO, WEIGHTS, odds=4.0)
    assert before is not None
    assert after is not None
    cirrus, cirrostratus = CLASSES.index("Cirrus"), CLASSES.index("Cirrostratus")
    assert after[cirrus] / after[cirrostratus] == pytest.approx(4 * before[cirrus] / before[cirrostratus])
    assert after.sum() == pytest.approx(1)


def test_a_photo_without_reviews_is_what_the_manifest_says() -> None:
    target = soft_target(replace(PHOTO, reviews={}), {**WEIGHTS, "manifest": 0.0})
    assert target is not None
    assert target[CLASSES.index("Cirrus")] == 1


def test_what_a_reviewer_leaves_open_is_spread_over_the_genera() -> None:
    target = review_target(replace(PHOTO, reviews={"1": {"Cirrus": 0.5}}))
    assert target is not None
    assert target[CLASSES.index("Cumulus")] == pytest.approx(0.05)


def test_a_contradicted_photo_counts_by_its_reviews_alone() -> None:
    target = soft_target(replace(PHOTO, conflict=True, reviews={"1": {"Cumulus": 1.0}}), WEIGHTS)
    assert target is not None
    assert target[CLASSES.index("Cumulus")] == pytest.approx(1)
    assert soft_target(replace(PHOTO, conflict=True, reviews={}), WEIGHTS) is None


@pytest.mark.parametrize(
    "photo",
    [replace(PHOTO, genus="Contrail"), replace(PHOTO, reviews={"1": {"ClearSky": 0.9}, "2": {"ClearSky": 0.8}})],
)
def test_a_photo_without_a_genus_has_no_target(photo: Photo) -> None:
    assert soft_target(photo, WEIGHTS) is None


def test_guided_reviews_are_trusted_before_the_others() -> None:
    guided = {"Cumulus": 0.7, "Stratus": 0.3}
    photo = replace(PHOTO, reviews={**PHOTO.reviews, "3": guided})
    assert photo.trusted_reviews == [guided]
    assert replace(photo, reviews={**photo.reviews, "4": {"Cirrus": 1.0}}).trusted_reviews == [guided, {"Cirrus": 1.0}]
    assert PHOTO.trusted_reviews == list(PHOTO.reviews.values())
    target = review_target(photo)
    assert target is not None
    assert target[CLASSES.index("Cumulus")] == pytest.approx(0.7)


def test_a_photo_is_sure_where_all_of_several_trusted_reviews_agree() -> None:
    agreeing = replace(PHOTO, reviews={"3": {"Cumulus": 0.6}, "4": {"Cumulus": 0.9}})
    assert agreeing.sure
    assert not PHOTO.sure
    assert not replace(agreeing, reviews={"3": {"Cumulus": 0.6}}).sure
    assert not replace(agreeing, reviews={}).sure


def test_agreed_is_a_first_choice_that_confirms_the_manifest() -> None:
    assert PHOTO.agreed
    assert not replace(PHOTO, reviews={"2": {"Cirrostratus": 0.6, "Cirrus": 0.4}}).agreed
    assert not replace(PHOTO, reviews={"3": {"Cirrus": 1.0}, "4": {"Cirrus": 1.0}}).agreed  # these had a guide


def test_no_group_is_split_and_genera_are_spread_evenly() -> None:
    rng = np.random.default_rng(1)
    photos = [Photo(f"{k}", str(rng.choice(CLASSES)), int(rng.integers(0, 400)), False, {}) for k in range(600)]
    folds = assign_folds(photos, 5, seed=3)
    by_group: dict[int, set[int]] = {}
    for photo, fold in zip(photos, folds, strict=True):
        by_group.setdefault(photo.group, set()).add(int(fold))
    assert all(len(found) == 1 for found in by_group.values())
    assert np.ptp(np.bincount(folds)) <= 12
    for genus in CLASSES:
        counts = np.bincount(
            [fold for photo, fold in zip(photos, folds, strict=True) if photo.genus == genus], minlength=5
        )
        assert np.ptp(counts) <= 4
    assert (folds == assign_folds(photos, 5, seed=3)).all()
    assert (folds != assign_folds(photos, 5, seed=4)).any()


def test_a_split_uses_every_photo_once() -> None:
    photos = [Photo(f"{k}", CLASSES[k % 10], k, False, {}) for k in range(100)]
    parts = split(photos, folds=5, test_fold=0, validation_fold=1, seed=0)
    assert (parts.train.astype(int) + parts.validation + parts.test == 1).all()
    assert parts.test.sum() == parts.validation.sum() == 20


def test_pixels_come_in_one_size(root: Path) -> None:
    photos = load_catalogue(root)[:3]
    pixels, proportions = load_pixels(root, photos, 48)
    assert pixels.shape == (3, 48, 48, 3)
    assert proportions.tolist() == pytest.approx([72 / 64] * 3)
    assert pixels.dtype == np.uint8


MANIFEST = "file,genus,photo_group,label_conflict,sha256\na.png,Cirrus,0,0,\nb.png,Cumulus,1,1,\n"
REVIEW = "file,reviewer,first,p1,second,p2,third,p3\na.png,1,Cirrus,.9,Cirrostratus,.1,,\n"


def catalogue(folder: Path, manifest: str = MANIFEST, review: str = REVIEW) -> list[Photo]:
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    (folder / "review.csv").write_text(review, encoding="utf-8")
    return load_catalogue(folder)


def test_a_manifest_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    expected = catalogue(tmp_path)
    assert expected[0].reviews == {"1": {"Cirrus": 0.9, "Cirrostratus": 0.1}}
    marked = ("\ufeff" + text.replace("\n", "\r\n") for text in (MANIFEST, REVIEW))
    assert catalogue(tmp_path, *marked) == expected


def test_a_genus_may_be_written_as_the_name_of_a_folder_may(tmp_path: Path) -> None:
    photos = catalogue(tmp_path, MANIFEST.replace("Cirrus", "ci ").replace("Cumulus", "CUMULUS"))
    assert [photo.genus for photo in photos] == ["Cirrus", "Cumulus"]


def test_a_photo_that_is_not_the_one_of_the_manifest_is_refused(tmp_path: Path) -> None:
    path = save(sky(1), tmp_path / "a.png")
    photo = replace(PHOTO, file="a.png", sha256=sha256(path))
    assert load_pixels(tmp_path, [photo], 32)[0].shape == (1, 32, 32, 3)
    save(sky(2), path)
    with pytest.raises(CloudEdgeError, match=r"a\.png: is not the file that manifest\.csv lists"):
        load_pixels(tmp_path, [photo], 32)


def test_the_folds_have_a_digest_that_reviews_do_not_change() -> None:
    same = [PHOTO, replace(PHOTO, file="b")]
    assert folds_digest(same) == folds_digest([replace(photo, reviews={}) for photo in same])
    for other in (same[:1], [PHOTO, replace(same[1], genus="Stratus")], [PHOTO, replace(same[1], group=7)]):
        assert folds_digest(same) != folds_digest(other)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("photo_group", "group"), "manifest.csv: has no column 'photo_group'"),
        ((",1,1,", ",one,1,"), "manifest.csv: line 3: photo_group is 'one'; make it a whole number"),
        (("a.png,Cirrus,0,0,\nb.png,Cumulus,1,1,\n", ""), "manifest.csv: lists no photo of one of the ten genera"),
        ((MANIFEST, MANIFEST.replace("Cirrus", "one").replace("Cumulus", "two")), "python -m export data import"),
        (("p3", "p4"), "review.csv: has no column 'p3'"),
        ((",.9,", ",much,"), "review.csv: line 2: p1 is 'much'; make it a probability from 0 to 1"),
        ((",.9,", ",nan,"), "review.csv: line 2: p1 is 'nan'"),
        ((",.1,", ",1.1,"), "review.csv: line 2: p2 is '1.1'"),
        (("Cirrus,.9,Cirrostratus,.1", ",,,"), "review.csv: line 2: names nothing"),
        (("Cirrus,.9", "Ci,.9"), "review.csv: line 2: names 'Ci'; there are Cirrus, Cirrocumulus"),
        (("a.png,Cirrus,0,0,", "a.png,../Cirrus,0,0,"), "manifest.csv: line 2: genus is '../Cirrus'; make it the name"),
        (("a.png,Cirrus,0,0,", "a.png,,0,0,"), "manifest.csv: line 2: genus is ''; make it the name of a genus"),
        ((",1,1,", ",1,TRUE,"), "manifest.csv: line 3: label_conflict is 'TRUE'; make it 1, or 0"),
        (("b.png", "a.png"), "manifest.csv: lists a.png more than once"),
    ],
)
def test_a_bad_row_is_told_with_its_file_and_line(change: tuple[str, str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(CloudEdgeError) as refused:
        catalogue(tmp_path, MANIFEST.replace(*change), REVIEW.replace(*change))
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def real_root() -> Path:
    root = Path(os.environ.get("CLOUDEDGE_DATA", DEFAULT_ROOT))
    if not (root / "manifest.csv").exists():
        pytest.skip(f"no photos at {root}; set CLOUDEDGE_DATA to the folder with manifest.csv")
    return root


def test_the_real_catalogue_is_what_its_description_says(real_root: Path) -> None:
    photos = load_catalogue(real_root)
    assert len(photos) == 2194
    assert sum(photo.conflict for photo in photos) == 251
    parts = split(photos, folds=6, test_fold=0, validation_fold=1, seed=1)
    groups = [
        {p.group for p, kept in zip(photos, part, strict=True) if kept}
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_the_corrections_meet_photos_of_the_real_catalogue_and_let_copies_agree(real_root: Path) -> None:
    decided = read_decisions(PATH)
    photos = corrected(load_catalogue(real_root), decided)
    assert decided.keys() <= {(photo.file, photo.sha256) for photo in photos}
    groups = {photo.group for photo in photos if (photo.file, photo.sha256) in decided}
    names = {(photo.group, photo.genus) for photo in photos if photo.group in groups}
    assert len(names) == len(groups)
