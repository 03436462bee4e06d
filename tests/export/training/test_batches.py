"""What training sees: which photos, how often, and as what crops."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.data.data_set import read_data_set
from export.data.elsewhere import clear_skies
from export.data.outliers import ordinary_photos
from export.training import augment
from export.training.batches import ORDINARY_TIMES, Batch, Batches, TrainingSet, draw, training_sets
from export.training.recipe import Phase, Recipe


def test_sampling_gives_rare_genera_their_share() -> None:
    targets = np.zeros((100, 10), dtype=np.float32)
    targets[:95, 0] = targets[95:, 1] = 1
    phase = Phase(name="labels", images=4000, size=32, lr=1e-3, label=1.0)
    for balance, expected in ((0.0, 0.05), (1.0, 0.5)):
        order = draw(targets, replace(phase, balance=balance), seed=0)
        assert (order >= 95).mean() == pytest.approx(expected, abs=0.03)
    unlabelled = draw(targets, replace(phase, images=200, label=0.0, hint=1.0), seed=0)
    assert (np.bincount(unlabelled) == 2).all()


def test_outliers_are_learned_as_undecided_and_only_those_of_the_training_folds(
    recipe: Recipe, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root, tmp_path / "photos")
    manifest = tmp_path / "photos" / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",Cirrus,", ",Contrail,"), encoding="utf-8")

    photos = read_data_set(recipe, tmp_path / "photos")

    everything, labelled = training_sets(recipe, photos)

    contrails = sum(photo.genus == "Contrail" for photo in photos.training)
    undecided = (labelled.targets == np.float32(0.1)).all(axis=1)
    assert len(everything.targets) == len(photos.photos) == 80
    assert len(labelled.targets) == len(photos.training) + 4  # a drawing of each kind: one for each ten photos
    assert undecided.sum() == contrails + 4
    assert not np.isnan(labelled.targets).any()


def small_batches(phase: Phase) -> list[Batch]:
    rng = np.random.default_rng(0)
    targets = np.eye(10, dtype=np.float32)[np.arange(20) % 10]
    data = TrainingSet(rng.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8), targets, np.ones(20, dtype=np.float32))
    return list(Batches(data, phase, 7, torch.device("cpu")))


MIXED = Phase(name="labels", images=48, size=32, batch=4, lr=1e-3, mixup=0.5, noise=6.0, label=1.0)


def test_batches_without_the_later_augmentations_are_those_of_the_released_models() -> None:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    targets = torch.eye(10)[torch.arange(20) % 10]
    order = draw(targets.numpy(), MIXED, 7)
    found = small_batches(MIXED)
    for step, batch in enumerate(found):
        dice = torch.Generator().manual_seed(7 * 1_000_003 + step)
        chosen = order[step * 4 : step * 4 + 4]
        images, wanted = augment.normalise(augment.random_crops(pixels[chosen], (32, 32), 0.35, dice)), targets[chosen]
        if torch.rand((), generator=dice).item() < 0.5:
            images, wanted = augment.mixup(images, wanted, 1.0, dice)
        of_device = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=dice).item()))
        assert torch.equal(batch.images, images)
        assert torch.equal(batch.targets, wanted)
        assert torch.equal(batch.seen, augment.add_noise(images, 6.0, of_device))
    assert [batch.seen.mean().item() for batch in found[:3]] == pytest.approx(
        [0.0377189, 0.1048008, 0.1177920], abs=1e-4
    )
    assert found[0].images[:, 1, 3, 4].tolist() == pytest.approx([-0.119921, -0.133402, -0.568253, 0.396184], abs=1e-4)
    mixed = [bool((batch.targets.max(dim=1).values < 1).any()) for batch in found]
    assert any(mixed)
    assert not all(mixed)


def test_a_batch_is_mixed_or_cut_and_never_both() -> None:
    still = replace(MIXED, noise=0.0)
    plain, mixed, both = map(small_batches, (replace(still, mixup=0.0), still, replace(still, cutmix=0.5)))
    kinds = set()
    for whole, one, other in zip(plain, mixed, both, strict=True):
        if not torch.equal(whole.images, one.images):  # mixup: as without cutmix
            kinds.add("mixup")
            assert torch.equal(other.images, one.images)
        else:
            kinds.add("cutmix")
            found = (other.images[:, None] == whole.images[None]).all(dim=2)  # each pixel is one of the batch's there
            assert found.any(dim=1).all()
    assert kinds == {"mixup", "cutmix"}


def test_trivial_augment_changes_crops_by_the_seed_and_leaves_the_dice_of_the_process_alone() -> None:
    phase = replace(MIXED, mixup=0.0, noise=0.0)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    augmented = replace(phase, trivial_augment=True)
    first, second, plain = small_batches(augmented), small_batches(augmented), small_batches(phase)
    assert torch.equal(torch.rand(4), expected)
    changed = 0
    for one, other, whole in zip(first, second, plain, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.images.shape == whole.images.shape
        changed += sum(not torch.allclose(a, b, atol=0.05) for a, b in zip(one.images, whole.images, strict=True))
    assert changed > 24  # of 48


def test_clear_skies_from_elsewhere_and_ordinary_photos_are_learned_as_undecided(recipe: Recipe, root: Path) -> None:
    asking = replace(recipe, elsewhere=True)
    (_, without), (_, labelled) = (training_sets(r, read_data_set(r, root)) for r in (recipe, asking))
    seen = clear_skies(read_data_set(asking, root).elsewhere.calibration)
    assert 0 < len(seen) < 4  # the others are for the test
    more = len(labelled.targets) - len(without.targets)
    assert more == len(seen) + ORDINARY_TIMES * len(ordinary_photos())
    assert (labelled.targets[-more:] == np.float32(0.1)).all()


def test_each_batch_has_one_of_the_shapes_of_its_phase() -> None:
    phase = replace(MIXED, size=96, ratios=(1.0, 1.5, 0.667))
    batches = small_batches(phase)
    shapes = {tuple(batch.images.shape[-2:]) for batch in batches}
    assert shapes == {phase.crop_shape(ratio) for ratio in phase.ratios} == {(96, 96), (64, 128), (128, 64)}
    assert all(batch.seen.shape == batch.images.shape for batch in batches)
    half = small_batches(replace(phase, teacher_size=192))
    assert all(batch.seen.shape[-1] * 2 == batch.images.shape[-1] for batch in half)
    assert {tuple(batch.images.shape[-2:]) for batch in half} == {(192, 192), (160, 224), (224, 160)}


def test_a_crop_has_the_area_of_the_square_one_in_multiples_of_the_stride() -> None:
    phase = replace(MIXED, size=160)
    assert [phase.crop_shape(ratio) for ratio in (1.0, 1.5, 0.667, 1.75)] == [
        (160, 160),
        (128, 192),
        (192, 128),
        (128, 224),
    ]


def test_another_camera_takes_its_share_of_the_crops_and_leaves_the_others_alone() -> None:
    still = replace(MIXED, mixup=0.0, noise=0.0)
    pairs = zip(small_batches(still), small_batches(replace(still, camera=0.5)), strict=True)
    changed = [not torch.equal(a, b) for one, other in pairs for a, b in zip(one.images, other.images, strict=True)]
    assert 14 <= sum(changed) <= 34  # of 48
