"""Each augmentation of a batch changes what it says, as much as it says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.training import augment


def test_mixup_keeps_the_mass_of_the_targets() -> None:
    images, targets = torch.rand(6, 3, 8, 8), torch.eye(10)[:6]
    mixed, mixed_targets = augment.mixup(images, targets, 1.0, torch.Generator().manual_seed(1))
    assert mixed.shape == images.shape
    torch.testing.assert_close(mixed_targets.sum(dim=1), torch.ones(6))
    assert (mixed_targets.max(dim=1).values < 1).any()


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_shares_the_target_as_it_cuts_the_image(seed: int) -> None:
    targets = torch.eye(10)[:6]
    images = targets.argmax(dim=1).float().view(-1, 1, 1, 1).expand(6, 3, 24, 40)  # each pixel tells whose it is
    mixed, mixed_targets = augment.cutmix(images, targets, torch.Generator().manual_seed(seed))
    for image, target in zip(mixed, mixed_targets, strict=True):
        assert torch.equal(image[0], image[1])
        shares = torch.bincount(image[0].long().flatten(), minlength=10) / (24 * 40)
        torch.testing.assert_close(shares, target)
    assert images.max() == 5  # the batch itself is left alone


def test_the_boxes_of_cutmix_lie_anywhere_and_have_any_size() -> None:
    pair = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 32, 32)
    cuts = [
        augment.cutmix(pair, torch.eye(10)[:2], torch.Generator().manual_seed(seed))[0][0, 0] for seed in range(400)
    ]
    boxes = torch.stack([cut for cut in cuts if cut.any()])
    assert len(boxes) > 150  # in half of the draws each gets a box of itself
    assert boxes.mean(dim=(1, 2)).min() < 0.05
    assert boxes.mean(dim=(1, 2)).max() > 0.7
    assert boxes.mean(dim=0).min() > 0.05  # it reaches into every corner


def test_noise_has_another_deviation_for_each_image_and_the_same_for_the_same_dice() -> None:
    images = torch.zeros(200, 3, 16, 16)
    noisy = augment.add_noise(images, 8.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(augment.add_noise(images, 8.0, torch.Generator().manual_seed(1)), noisy)
    levels = noisy * torch.tensor(augment.STD).view(1, 3, 1, 1) * 255
    deviations = levels.std(dim=(1, 2, 3))
    assert deviations.mean().item() == pytest.approx(4, abs=0.5)
    assert deviations.min() < 1
    assert 7 < deviations.max() < 8.8


def crops_of(picture: torch.Tensor, size: int = 48, min_scale: float = 0.2, seed: int = 1) -> torch.Tensor:
    photos = picture.to(torch.uint8).expand(100, -1, -1, -1)
    return augment.random_crops(photos, (size, size), min_scale, torch.Generator().manual_seed(seed))


def test_crops_are_grey_levels_of_the_asked_size_and_fall_with_the_dice() -> None:
    picture = torch.randint(0, 256, (3, 80, 100), generator=torch.Generator().manual_seed(0))
    crops = crops_of(picture)
    assert crops.shape == (100, 3, 48, 48)
    assert (crops.min() >= 0, crops.max() <= 255, crops.max() > 100) == (True, True, True)
    torch.testing.assert_close(crops_of(picture), crops)
    assert not torch.equal(crops_of(picture, seed=2), crops)


def test_crops_show_the_asked_share_of_the_photo_at_every_allowed_aspect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ROTATED", 0.0)
    monkeypatch.setattr(augment, "RELIT", 0.0)
    ramp = torch.linspace(0, 255, 200).expand(200, 200)
    crops = crops_of(torch.stack([ramp, ramp.T, ramp]), size=50, min_scale=0.3)
    across, down = crops[:, 0].mean(dim=1), crops[:, 1].mean(dim=2)
    width, height = ((levels[:, -1] - levels[:, 0]) / 255 * 50 / 49 for levels in (across, down))
    assert (width < 0).float().mean() == pytest.approx(0.5, abs=0.15)  # mirrored, and never upside down
    assert height.min() > 0
    area, aspect = width.abs() * height, width.abs() / height
    assert area.min() == pytest.approx(0.3, abs=0.04)
    assert 0.9 < area.max() < 1.01
    assert 0.55 < aspect.min() < 0.7
    assert 1.4 < aspect.max() < 1.8


def test_light_changes_within_bounds_and_grey_stays_grey() -> None:
    crops = crops_of(torch.full((3, 64, 64), 120))
    assert (crops.amax(dim=(1, 2, 3)) - crops.amin(dim=(1, 2, 3))).max() < 0.5
    assert 120 * 0.8 - 1 <= crops.min() < 105
    assert 135 < crops.max() <= 120 * 1.2 + 1
    assert ((crops - 120).abs().amax(dim=(1, 2, 3)) < 0.5).float().mean() == pytest.approx(0.25, abs=0.12)


def test_the_colour_of_the_sky_hardly_turns() -> None:
    sky = torch.tensor([90.0, 140.0, 220.0]).view(3, 1, 1).expand(3, 64, 64)
    red, green, blue = crops_of(sky).mean(dim=(2, 3)).T
    assert (red < green).all()
    assert (green < blue).all()
    assert ((blue - red) / 130).std() > 0.05  # but its saturation changes


def test_what_is_finer_than_the_crop_turns_grey() -> None:
    checks = 255 * (torch.arange(256).view(-1, 1) + torch.arange(256)).remainder(2)
    assert crops_of(checks.expand(3, -1, -1), size=128, min_scale=0.9).std(dim=(1, 2, 3)).median() < 25  # of 127


def test_square_crops_are_those_of_the_models_before_there_were_others() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)
    dice = torch.Generator().manual_seed(5)
    crops = augment.random_crops(torch.from_numpy(pixels).permute(0, 3, 1, 2), (32, 32), 0.35, dice)
    means, levels = crops.mean(dim=(1, 2, 3)).tolist(), crops[:, 0, 7, 21].tolist()
    assert means == pytest.approx([144.67371, 122.88499, 128.38158, 125.57043, 127.41937, 144.43690], abs=1e-3)
    assert levels == pytest.approx([85.68635, 151.08472, 138.93759, 129.23682, 143.33969, 70.77295], abs=1e-3)
    assert torch.rand((), generator=dice).item() == pytest.approx(0.42039555)  # and they have used as many dice


def shown(shape: tuple[int, int], **kinds: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the shares of a square photo's width and height, both (200,), that crops without rotation show."""
    ramp = torch.linspace(0, 255, 200).expand(200, 200)
    photos = torch.stack([ramp, ramp.T, ramp]).to(torch.uint8).expand(200, -1, -1, -1)
    crops = augment.random_crops(photos, shape, 0.3, torch.Generator().manual_seed(3), **kinds)
    assert crops.shape == (200, 3, *shape)
    height, width = shape
    across, down = crops[:, 0].mean(dim=1), crops[:, 1].mean(dim=2)
    return (
        (across[:, -1] - across[:, 0]).abs() / 255 * width / (width - 1),
        (down[:, -1] - down[:, 0]) / 255 * height / (height - 1),
    )


@pytest.mark.parametrize("shape", [(48, 80), (80, 48), (64, 64)])
def test_crops_have_the_proportions_of_their_shape_but_for_the_stretch(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augment, "ROTATED", 0.0)
    monkeypatch.setattr(augment, "RELIT", 0.0)
    width, height = shown(shape, stretch=1.15)
    proportion = width / height / (shape[1] / shape[0])
    assert 1 / 1.15 - 0.03 < proportion.min() < 0.93
    assert 1.07 < proportion.max() < 1.15 + 0.03
    largest = min(shape) / max(shape)
    assert (width * height / largest).min() == pytest.approx(0.3, abs=0.04)
    assert 0.9 < (width * height / largest).max() < 1.02


def test_a_share_of_the_crops_shows_more_than_the_photo_mirrored_at_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ROTATED", 0.0)
    monkeypatch.setattr(augment, "RELIT", 0.0)
    ramp = torch.linspace(0, 255, 100).to(torch.uint8).expand(400, 3, 100, 100)
    crops = augment.random_crops(ramp, (64, 64), 0.3, torch.Generator().manual_seed(3), zoomed_out=0.3)
    rows = crops[:, 0, 32]
    turns = (rows.diff(dim=1).sign().diff(dim=1).abs() > 1).any(dim=1)
    assert turns.float().mean() == pytest.approx(0.3, abs=0.07)
    assert rows[turns].amin(dim=1).max() < 10  # the whole photo is there,
    assert rows[turns].amax(dim=1).min() > 245
    assert (rows[turns].diff(dim=1).abs().amax(dim=1) < 8).all()  # and continues without a seam
    assert not (crops_beyond(rows[~turns])).any()


def crops_beyond(rows: torch.Tensor) -> torch.Tensor:
    """Return for each row of a ramp whether it turns back."""
    return (rows.diff(dim=1) > 0.5).any(dim=1) & (rows.diff(dim=1) < -0.5).any(dim=1)


def pictures(count: int = 200) -> torch.Tensor:
    dice = torch.Generator().manual_seed(0)
    return 40 + 170 * torch.rand(count, 3, 24, 32, generator=dice)


def test_another_camera_changes_the_chosen_share_and_leaves_the_others_alone() -> None:
    before = pictures()
    after = augment.other_camera(before, 0.4, torch.Generator().manual_seed(1))
    changed = (after != before).flatten(1).any(dim=1)
    assert changed.float().mean() == pytest.approx(0.4, abs=0.1)
    assert (after.min() >= 0, after.max() <= 255) == (True, True)
    assert ((after - before).abs().mean(dim=(1, 2, 3))[changed] > 1).float().mean() > 0.9
    assert torch.equal(after, augment.other_camera(before, 0.4, torch.Generator().manual_seed(1)))
    assert torch.equal(before, pictures())
    assert torch.equal(augment.other_camera(before, 0.0, torch.Generator().manual_seed(1)), before)


def test_half_of_the_other_cameras_write_jpeg_of_low_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_EXPOSURE", "MOST_CAST", "MOST_HAZE"):
        monkeypatch.setattr(augment, name, 0.0)
    before, qualities, jpeg = pictures(), [], augment.v2.functional.jpeg

    def counted(picture: torch.Tensor, quality: int) -> torch.Tensor:
        qualities.append(quality)
        return jpeg(picture, quality)

    monkeypatch.setattr(augment.v2.functional, "jpeg", counted)
    difference = (augment.other_camera(before, 1.0, torch.Generator().manual_seed(1)) - before).abs()
    compressed = difference.mean(dim=(1, 2, 3)) > 1  # noise of every colour: no quality keeps it
    assert compressed.sum() == len(qualities)
    assert len(qualities) / 200 == pytest.approx(0.5, abs=0.12)
    assert difference[~compressed].max() < 0.01
    assert augment.LEAST_QUALITY <= min(qualities) < 35
    assert 80 < max(qualities) <= 90


def test_shrinking_keeps_the_proportions_and_a_whole_batch_is_left_alone() -> None:
    batch = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 64, 96)
    small = augment.shrink(batch, 0.5)
    assert small.shape == (4, 3, 32, 48)
    torch.testing.assert_close(small[:, 0, 5, 5], torch.arange(4.0))
    assert augment.shrink(batch, 1) is batch
