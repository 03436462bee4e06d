"""What a released model says beside the logits: whether a photo is a familiar sight, and whether it shows a cloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

from export.training.augment import LUMA, MEAN, STD
from export.training.network import CloudNetwork

Array = npt.NDArray[np.float32]
REGULARISATION = 0.01  # scikit-learn's C; the features are standardised
COLOUR_WEIGHT = 3.0  # of a colour against a feature of the network, which are a hundred times as many
COLOURS = 12  # that `colours_of` finds
PATCH = 16  # pixels: the side of the patches whose differences tell a plain sky from one with structure


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """Features float32 (N, D) of what the heads learn from.

    `clouds` and `layers` are skies with clouds, the grey layers once more by themselves; `clear` skies without a cloud;
    `strange` sights that are not a sky.
    """

    clouds: Array
    layers: Array
    clear: Array
    strange: Array


class SightHeads(nn.Module):
    """Two linear heads on the pooled features (N, D) of a trained network and on colours (N, C) of its input.

    `familiarity` is the logit that a photo shows a sky, of whatever camera, and not a strange sight; or the logit of a
    clear sky, where that is larger: a plain one is like few others. `clear` is the probability that there is no cloud.
    """

    sky_weight: torch.Tensor
    sky_bias: torch.Tensor
    clear_weight: torch.Tensor
    clear_bias: torch.Tensor

    def __init__(self, sights: Sights) -> None:
        super().__init__()
        skies = np.concatenate([sights.clouds, sights.clear])
        cloudy = np.concatenate([sights.clouds, sights.layers, sights.strange])
        self._register("sky", *_linear(sights.strange, skies))
        self._register("clear", *_linear(cloudy, sights.clear))

    def _register(self, name: str, weight: Array, bias: float) -> None:
        self.register_buffer(f"{name}_weight", torch.from_numpy(weight))
        self.register_buffer(f"{name}_bias", torch.tensor(bias, dtype=torch.float32))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return `familiarity` (N,) and `clear` (N,) of features (N, D + C) as `features_of` makes them."""
        sky = features @ self.sky_weight + self.sky_bias
        clear = features @ self.clear_weight + self.clear_bias
        return torch.maximum(sky, clear), torch.sigmoid(clear)


def _linear(without: Array, having: Array) -> tuple[Array, float]:
    """Fit a logistic regression, both sides weighing the same; return weight (D,) and bias for raw features."""
    features = np.concatenate([without, having]).astype(np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    deviation[-COLOURS:] /= COLOUR_WEIGHT
    labels = np.arange(len(features)) >= len(without)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit((features - mean) / deviation, labels)
    weight = regression.coef_[0] / deviation
    return weight.astype(np.float32), float(regression.intercept_[0] - weight @ mean)


def colours_of(images: torch.Tensor) -> torch.Tensor:
    """Return colours and structure of normalised images (N, 3, h, w), float32 (N, COLOURS), in shares of white.

    Mean and deviation of each channel; mean, deviation and extremes over patches of blue minus red; the deviation of
    luma over patches, and its mean difference from its neighbours.
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    rgb = images * std + mean
    luma = (rgb * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    blueness = rgb[:, 2:] - rgb[:, :1]
    patches = F.avg_pool2d(torch.cat([luma, blueness], dim=1), PATCH)
    deviations = (rgb - rgb.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3)).sqrt()
    spread = (patches - patches.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3)).sqrt()
    roughness = (luma - F.avg_pool2d(luma, 3, stride=1, padding=1, count_include_pad=False)).abs().mean(dim=(2, 3))
    return torch.cat(
        [
            rgb.mean(dim=(2, 3)),
            deviations,
            spread,
            roughness,
            blueness.mean(dim=(2, 3)),
            patches[:, 1:].amax(dim=(2, 3)),
            patches[:, 1:].amin(dim=(2, 3)),
        ],
        dim=1,
    )


def features_of(maps: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return the pooled last maps (N, D, h, w) and the colours of their images, float32 (N, D + COLOURS)."""
    return torch.cat([maps.mean(dim=(2, 3)), colours_of(images)], dim=1)


def embed(network: CloudNetwork, inputs: Iterable[Array]) -> Array:
    """Return the features of inputs (1, 3, h, w), float32 (N, D + COLOURS)."""
    network.eval().cpu()
    found = np.zeros((0, network.channels[32] + COLOURS), dtype=np.float32)  # for no input
    with torch.inference_mode():
        images = map(torch.from_numpy, inputs)
        return np.concatenate([found, *(features_of(network.maps(image)[32], image).numpy() for image in images)])


class Released(nn.Module):
    """A trained network with all the outputs of a model file: logits, evidence, familiarity, clear."""

    def __init__(self, network: CloudNetwork, heads: SightHeads) -> None:
        super().__init__()
        self.network = network
        self.heads = heads

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run normalised images (N, 3, H, W); the logits are the mean of the evidence (N, 10, h, w) plus the bias."""
        maps = self.network.maps(images)[32]
        head = self.network.head
        evidence = nn.functional.conv2d(maps, head.weight[:, :, None, None])
        logits = evidence.mean(dim=(2, 3)) + head.bias
        return logits, evidence, *self.heads(features_of(maps, images))
