"""What a released model says beside the logits: whether a photo is a familiar sight, and whether it shows a cloud."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from export.network import CloudNetwork

Array = npt.NDArray[np.float32]
DIRECTIONS = 64  # of the embedding in which the clouds vary most; the others share one variance
LEAST_VARIANCE = 1e-6  # of the largest: few photos leave directions without any, along which all would be far away
LEAST_SPREAD = 1.0  # of a score from the flagged clouds to the median: few photos are hardly spread, each its own mean
REGULARISATION = 0.01  # scikit-learn's C; embeddings are standardised
FLAGGED = 0.02  # share of the training's clouds that either half of the familiarity puts below zero


class Judge(nn.Module):
    """Two heads on the pooled features (N, D) of a trained network.

    `familiarity`, the lower the stranger, is the smaller of two scores, each moved and scaled to be 0 where `FLAGGED`
    of the clouds lie below and 1 at their median: minus the Mahalanobis distance to the nearest class mean under one
    covariance for all (Lee et al. 2018, arXiv:1807.03888), of which only the largest directions are kept; and minus a
    linear score of known strange sights. `clear` is the probability, of a linear score too, that there is no cloud.
    """

    means: torch.Tensor
    kept: torch.Tensor
    variances: torch.Tensor
    rest: torch.Tensor
    strange_weight: torch.Tensor
    strange_bias: torch.Tensor
    clear_weight: torch.Tensor
    clear_bias: torch.Tensor
    low: torch.Tensor
    spread: torch.Tensor

    def __init__(self, clouds: Array, genera: npt.NDArray[np.int64], clear: Array, strange: Array) -> None:
        """Fit the heads to embeddings (N, D) of clouds of known genus, of clear skies, and of strange sights."""
        super().__init__()
        sights = np.concatenate([clouds, clear])
        classes = np.concatenate([genera, np.full(len(clear), genera.max() + 1)])
        self._fit_distance(sights, classes)
        self._register("strange", *_linear(sights, strange))
        self._register("clear", *_linear(clouds, clear))
        scores = self._scores(torch.from_numpy(clouds)).numpy()
        low, middle = np.quantile(scores, FLAGGED, axis=0), np.median(scores, axis=0)
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(np.maximum(middle - low, LEAST_SPREAD), dtype=torch.float32))

    def _register(self, name: str, weight: Array, bias: float) -> None:
        self.register_buffer(f"{name}_weight", torch.from_numpy(weight))
        self.register_buffer(f"{name}_bias", torch.tensor(bias, dtype=torch.float32))

    def _fit_distance(self, sights: Array, classes: npt.NDArray[np.int64]) -> None:
        means = np.stack([sights[classes == k].mean(axis=0) for k in np.unique(classes)])
        deviations = (sights - means[np.unique(classes, return_inverse=True)[1]]).astype(np.float64)
        variances, directions = np.linalg.eigh(deviations.T @ deviations / len(deviations))
        least = LEAST_VARIANCE * variances[-1]
        rest = max(least, variances[:-DIRECTIONS].mean())
        self.register_buffer("means", torch.from_numpy(means.astype(np.float32)))
        self.register_buffer("kept", torch.from_numpy(directions[:, -DIRECTIONS:].astype(np.float32)))
        self.register_buffer(
            "variances", torch.from_numpy(np.maximum(variances[-DIRECTIONS:], least).astype(np.float32))
        )
        self.register_buffer("rest", torch.tensor(rest, dtype=torch.float32))

    def _scores(self, embeddings: torch.Tensor) -> torch.Tensor:
        offsets = embeddings[:, None, :] - self.means
        inside = offsets @ self.kept
        outside = offsets - inside @ self.kept.T
        distances = (inside**2 / self.variances).sum(dim=2) + (outside**2).sum(dim=2) / self.rest
        strangeness = embeddings @ self.strange_weight + self.strange_bias
        return torch.stack([-distances.amin(dim=1), -strangeness], dim=1)

    def forward(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give `familiarity` (N,) and `clear` (N,) of embeddings (N, D)."""
        scores = (self._scores(embeddings) - self.low) / self.spread
        return scores.amin(dim=1), torch.sigmoid(embeddings @ self.clear_weight + self.clear_bias)


def _linear(without: Array, having: Array) -> tuple[Array, float]:
    """Fit a logistic regression, both sides weighing the same; give weight (D,) and bias for raw embeddings."""
    embeddings = np.concatenate([without, having]).astype(np.float64)
    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    labels = np.arange(len(embeddings)) >= len(without)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit((embeddings - mean) / deviation, labels)
    weight = regression.coef_[0] / deviation
    return weight.astype(np.float32), float(regression.intercept_[0] - weight @ mean)


def embed(network: CloudNetwork, inputs: Iterable[Array]) -> Array:
    """Give the pooled features of inputs (1, 3, S, S), float32 (N, D)."""
    network.eval().cpu()
    with torch.inference_mode():
        return np.concatenate([network.maps(torch.from_numpy(image))[32].mean(dim=(2, 3)).numpy() for image in inputs])


class Released(nn.Module):
    """A trained network with all the outputs of a model file: logits, evidence, familiarity, clear."""

    def __init__(self, network: CloudNetwork, judge: Judge) -> None:
        super().__init__()
        self.network = network
        self.judge = judge

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run normalised images (N, 3, S, S); the logits are the mean of the evidence (N, 10, h, w) plus the bias."""
        maps = self.network.maps(images)[32]
        head = self.network.head
        evidence = nn.functional.conv2d(maps, head.weight[:, :, None, None])
        logits = evidence.mean(dim=(2, 3)) + head.bias
        return logits, evidence, *self.judge(maps.mean(dim=(2, 3)))
