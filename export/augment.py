"""Augmentation: random crops and light changes of uint8 photos, and mixup of whole batches."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torchvision.transforms import v2

# ImageNet statistics, as torchvision's weights use them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def training_transform(size: int, min_scale: float) -> v2.Compose:
    """Build the training transform: uint8 (3, H, W) to uint8 (3, size, size).

    The crop's aspect ratio goes from 9:16 to 16:9 because inference squashes whole photos to a square. Hue hardly
    moves: the colour of the sky is signal. Rotation and lighting have the magnitudes of fastai's `aug_transforms`.
    """
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(min_scale, 1.0), ratio=(9 / 16, 16 / 9), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomRotation(10, interpolation=v2.InterpolationMode.BILINEAR)], p=0.25),
            v2.RandomApply([v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.01)], p=0.75),
        ]
    )


def normalise(batch: torch.Tensor) -> torch.Tensor:
    """Turn uint8 (N, 3, S, S) into normalised float32."""
    mean, std = _statistics(batch.device)
    return (batch.float() / 255 - mean) / std


def to_pixels(batch: torch.Tensor) -> torch.Tensor:
    """Turn normalised images (N, 3, S, S) back into uint8."""
    mean, std = _statistics(batch.device)
    return ((batch * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return mean, std


def shrink(batch: torch.Tensor, size: int) -> torch.Tensor:
    """Resize float (N, 3, S, S) to (N, 3, size, size), smoothed; the batch itself where that is its size."""
    if batch.shape[-1] == size:
        return batch
    return F.interpolate(batch, size=(size, size), mode="bilinear", antialias=True)


def add_noise(batch: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """Add noise to normalised images (N, 3, S, S), of a deviation drawn for each from 0 to `most` grey levels."""
    deviation = torch.rand(len(batch), 1, 1, 1, generator=generator) * most / 255
    noise = deviation * torch.randn(batch.shape, generator=generator)
    return batch + noise.to(batch.device) / _statistics(batch.device)[1]


def mixup(
    images: torch.Tensor, targets: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each image and its target with another of the batch (Zhang et al. 2018, arXiv:1710.09412)."""
    concentration = torch.full((2,), alpha)
    share = torch._sample_dirichlet(concentration, generator=generator)[0].item()
    order = torch.randperm(len(images), generator=generator)
    return share * images + (1 - share) * images[order], share * targets + (1 - share) * targets[order]
