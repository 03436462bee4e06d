"""Augmentation of whole batches on the device that trains: random crops, light changes, mixup, CutMix and noise."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F
from torchvision.transforms import v2

# ImageNet statistics, as torchvision's weights use them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

MOST_ZOOMED_OUT = 2.0  # times the area of the photo
ROTATED, MOST_DEGREES = 0.25, 10.0  # the share of crops that are turned, and by how much at most
RELIT, MOST_LIGHT, MOST_HUE = 0.75, 0.2, 0.01  # the share whose lighting changes; hue is a share of the full circle
LUMA = (0.299, 0.587, 0.114)
MOST_EXPOSURE, MOST_CAST, MOST_HAZE, LEAST_QUALITY = 0.4, 0.1, 0.3, 25  # of another camera; the first two are log
TO_YIQ = torch.tensor([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])  # NTSC's colours: luma and two of hue


def random_crops(
    pixels: torch.Tensor,
    shape: tuple[int, int],
    min_scale: float,
    generator: torch.Generator,
    *,
    proportions: torch.Tensor | None = None,
    stretch: float = 16 / 9,
    zoomed_out: float = 0.0,
) -> torch.Tensor:
    """Draw one crop of each photo, uint8 (N, 3, H, W) to float32 grey levels (N, 3, *shape), on their device.

    The crop's area is uniform from `min_scale` to 1 of the largest crop with the proportions of `shape`, its own
    proportions differ from these by the factor `stretch` at most. A share `zoomed_out` of the crops shows up to twice
    the photo's area, mirrored at the edges. `proportions`, float32 (N,) on the CPU, are width to height of the photos
    before they were squashed to (H, W), by default those of squares.

    Hue hardly moves: the colour of the sky is signal. Rotation and lighting have the magnitudes of fastai's
    `aug_transforms`. `generator` is one of the CPU, so that every device draws the same crops.
    """
    count, (height, width) = len(pixels), shape
    ratios = width / height / (torch.ones(count) if proportions is None else proportions)
    places = _places(ratios, min_scale, generator, stretch, zoomed_out).to(pixels.device)
    # Sampled twice as finely, or fine clouds would turn into patterns.
    grid = F.affine_grid(places, [count, 3, 2 * height, 2 * width], align_corners=False)
    sampled = F.grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)
    return _relight(F.avg_pool2d(sampled, 2), generator)


def _places(
    ratios: torch.Tensor, min_scale: float, generator: torch.Generator, stretch: float, zoomed_out: float
) -> torch.Tensor:
    """Draw where crops lie, as `affine_grid` wants it, float32 (N, 2, 3); `ratios` (N,) are those of square pixels."""
    count = len(ratios)

    def uniform(low: float | torch.Tensor, high: float | torch.Tensor) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    area = uniform(min_scale, 1.0)
    if zoomed_out:
        area = torch.where(uniform(0.0, 1.0) < zoomed_out, uniform(1.0, MOST_ZOOMED_OUT), area)
    most = torch.minimum(torch.tensor(math.log(stretch)), (-area.log()).clamp(min=0))  # no side longer than the photo's
    ratio = uniform(-most, most).exp()
    width = ratios.clamp(max=1) * (area * ratio).sqrt()
    height = (1 / ratios).clamp(max=1) * (area / ratio).sqrt()
    x, y = uniform(width - 1, 1 - width), uniform(height - 1, 1 - height)
    flip = torch.where(uniform(0.0, 1.0) < 0.5, -1.0, 1.0)
    angle = torch.where(uniform(0.0, 1.0) < ROTATED, uniform(-1.0, 1.0) * math.radians(MOST_DEGREES), 0.0)
    rows = [width * flip * angle.cos(), -width * angle.sin(), x, height * flip * angle.sin(), height * angle.cos(), y]
    return torch.stack(rows, dim=1).view(count, 2, 3)


def _relight(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of most of the images, float32 grey levels."""
    count = len(images)
    chosen = torch.rand(count, 1, generator=generator) < RELIT
    change = chosen * (2 * torch.rand(count, 4, generator=generator) - 1)
    brightness, contrast, saturation = (1 + MOST_LIGHT * change[:, :3]).T
    angle = 2 * math.pi * MOST_HUE * change[:, 3]
    zero, one = torch.zeros(count), torch.ones(count)
    sine, cosine = saturation * angle.sin(), saturation * angle.cos()
    turn = torch.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine], dim=1).view(count, 3, 3)
    colours = (TO_YIQ.inverse() @ turn @ TO_YIQ * brightness.view(-1, 1, 1)).to(images.device)
    images = torch.einsum("nij,njhw->nihw", colours, images)
    luma = torch.tensor(LUMA, device=images.device)
    grey = torch.einsum("j,nj->n", luma, images.mean(dim=(2, 3))).view(-1, 1, 1, 1)
    contrasted: torch.Tensor = grey + contrast.view(-1, 1, 1, 1).to(images.device) * (images - grey)
    return contrasted.clamp(0, 255)


def other_camera(images: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Let a share of images, float32 grey levels (N, 3, H, W), look as a cheaper camera in worse air takes them.

    Exposure (as gamma), a cast of each channel, haze towards a light grey, and for half of them JPEG of low quality.
    """
    count = len(images)
    chosen = torch.rand(count, generator=generator) < share
    dice = torch.rand(count, 7, generator=generator)
    gamma = ((2 * dice[:, 0] - 1) * MOST_EXPOSURE).exp().view(-1, 1, 1, 1).to(images.device)
    cast = ((2 * dice[:, 1:4] - 1) * MOST_CAST).exp().view(count, 3, 1, 1).to(images.device)
    haze = (dice[:, 4] * MOST_HAZE).view(-1, 1, 1, 1).to(images.device)
    changed = ((images / 255) ** gamma * 255 * cast * (1 - haze) + 210 * haze).clamp(0, 255)
    for k in (chosen & (dice[:, 5] < 0.5)).nonzero()[:, 0].tolist():
        quality = int(LEAST_QUALITY + dice[k, 6].item() * (90 - LEAST_QUALITY))
        picture = changed[k].round().to(torch.uint8).cpu()
        changed[k] = v2.functional.jpeg(picture, quality).to(changed)
    return torch.where(chosen.view(-1, 1, 1, 1).to(images.device), changed, images)


def normalise(batch: torch.Tensor) -> torch.Tensor:
    """Turn grey levels (N, 3, H, W) into normalised float32."""
    mean, std = _statistics(batch.device)
    return (batch.float() / 255 - mean) / std


def to_pixels(batch: torch.Tensor) -> torch.Tensor:
    """Turn normalised images (N, 3, H, W) back into uint8."""
    mean, std = _statistics(batch.device)
    return ((batch * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return mean, std


def shrink(batch: torch.Tensor, share: float) -> torch.Tensor:
    """Resize float (N, 3, H, W) to a share of its sides, smoothed; the batch itself where that is all."""
    if share == 1:
        return batch
    size = [round(side * share) for side in batch.shape[-2:]]
    return F.interpolate(batch, size=size, mode="bilinear", antialias=True)


def add_noise(batch: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """Add noise to normalised images (N, 3, H, W), of a deviation drawn for each from 0 to `most` grey levels.

    `generator` is that of their device: drawn elsewhere, noise would take longer than the training.
    """
    deviation = torch.rand(len(batch), 1, 1, 1, generator=generator, device=batch.device) * most / 255
    noise = deviation * torch.randn(batch.shape, generator=generator, device=batch.device)
    return batch + noise / _statistics(batch.device)[1]


def mixup(
    images: torch.Tensor, targets: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each image and its target with another of the batch (Zhang et al. 2018, arXiv:1710.09412)."""
    concentration = torch.full((2,), alpha)
    share = torch._sample_dirichlet(concentration, generator=generator)[0].item()
    order = torch.randperm(len(images), generator=generator).to(images.device)
    return share * images + (1 - share) * images[order], share * targets + (1 - share) * targets[order]


def cutmix(
    images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Put a box of another image of the batch into each, and of its target the same share (arXiv:1905.04899).

    The box, one for the whole batch, has the image's shape, an area by Beta(1, 1), and its centre anywhere: what of it
    lies outside is cut off, and does not count.
    """
    height, width = images.shape[-2:]
    area, x, y = torch.rand(3, generator=generator).tolist()  # uniform is Beta(1, 1)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    (top, bottom), (left, right) = _stretch(y, area**0.5, height), _stretch(x, area**0.5, width)
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[order, :, top:bottom, left:right]
    share = (bottom - top) * (right - left) / (height * width)
    return mixed, (1 - share) * targets + share * targets[order]


def _stretch(centre: float, length: float, side: int) -> tuple[int, int]:
    """Return the first pixel of a stretch and the one after its last; centre and length are shares of the side."""
    first, last = (round((centre + half * length) * side) for half in (-0.5, 0.5))
    return max(0, first), min(side, last)


def trivial_augment(crops: torch.Tensor, seed: int) -> torch.Tensor:
    """Change each crop, grey levels (N, 3, H, W), by one operation of random kind and strength, or none.

    TrivialAugment (Müller & Hutter 2021, arXiv:2103.10158) as torchvision has it, with its wide space.
    """
    change = v2.TrivialAugmentWide()
    with torch.random.fork_rng(devices=[]):  # torchvision uses the generator of the process only
        torch.default_generator.manual_seed(seed)
        changed = [change(crop) for crop in crops.round().to(torch.uint8)]
    return torch.stack(changed).float()
