from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from export.judge import FLAGGED, Judge

from export import outliers
from export.dataset import DROPPED, Photo

DIMENSIONS = 128


def embeddings(mean: float, count: int, seed: int, axis: int = 0) -> np.ndarray:
    """Draw embeddings around a mean along one axis; the axes differ much in how they spread."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0, np.geomspace(3, 0.03, DIMENSIONS), (count, DIMENSIONS))
    found[:, axis] += mean
    return found.astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> Judge:
    clouds = np.concatenate([embeddings(10.0 * k, 1000, k) for k in range(3)])
    genera = np.repeat(np.arange(3), 1000)
    return Judge(clouds, genera, embeddings(4.0, 500, 7, axis=40), embeddings(4.0, 500, 8, axis=60))


def run(judge: Judge, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    familiarity, clear = judge(torch.from_numpy(found))
    return familiarity.numpy(), clear.numpy()


def test_clouds_are_familiar_and_not_clear(judge: Judge) -> None:
    familiarity, clear = run(judge, embeddings(10.0, 500, 20))
    assert (familiarity < 0).mean() < 4 * FLAGGED
    assert (clear > 0.5).mean() < 0.05


def test_a_clear_sky_is_familiar_and_clear(judge: Judge) -> None:
    familiarity, clear = run(judge, embeddings(4.0, 500, 21, axis=40))
    assert (clear > 0.5).mean() > 0.95
    assert (familiarity < 0).mean() < 0.1


def test_a_known_strange_sight_is_unfamiliar(judge: Judge) -> None:
    assert (run(judge, embeddings(4.0, 500, 22, axis=60))[0] < 0).mean() > 0.9


def test_a_sight_far_from_all_that_was_seen_is_unfamiliar(judge: Judge) -> None:
    for axis in (1, 80, 127):
        assert (run(judge, embeddings(-60.0, 100, 23, axis=axis))[0] < 0).all()


def test_the_distance_is_that_of_mahalanobis(judge: Judge) -> None:
    kept, variances, rest = judge.kept.double(), judge.variances.double(), judge.rest.double()
    covariance = (kept * variances) @ kept.T + rest * (torch.eye(DIMENSIONS) - kept @ kept.T)
    found = torch.from_numpy(embeddings(0.0, 5, 24))
    offsets = (found[:, None, :] - judge.means).double()
    expected = torch.einsum("nkd,de,nke->nk", offsets, torch.linalg.inv(covariance), offsets).amin(dim=1)
    torch.testing.assert_close(-judge._scores(found)[:, 0].double(), expected, rtol=1e-4, atol=1e-3)


def test_photos_fewer_than_the_directions_leave_distances_that_a_model_file_can_tell() -> None:
    clouds = embeddings(10.0, 14, 30)
    judge = Judge(clouds, np.arange(14) % 10, embeddings(4.0, 5, 31, axis=40), embeddings(4.0, 5, 32, axis=60))
    familiarity, _ = run(judge, embeddings(10.0, 100, 33))
    assert np.isfinite(familiarity).all()
    assert abs(familiarity).max() < 1e9


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


def test_sights_by_kind_come_from_the_given_photos(tmp_path: Path) -> None:
    photos = [
        Photo("a.jpg", "Contrail", 0, False, {}),
        Photo("b.jpg", "Cirrus", 1, False, {"1": {"ClearSky": 0.6, "Cirrus": 0.3}}),
        Photo("c.jpg", "Cumulus", 2, False, {"1": {"Cumulus": 0.9}}),
    ]
    sights = outliers.unseen(tmp_path, photos)
    assert sights["contrail"] == [tmp_path / "a.jpg"]
    assert sights["clear sky"] == [tmp_path / "b.jpg"]
    assert {f"drawn {kind}" for kind in outliers.DRAWN} < set(sights)
    assert len(sights["ordinary photo"]) >= 20
    assert "contrail" not in outliers.unseen(tmp_path, photos[2:])
