"""Fit the heads of a trained network, and find their thresholds by photos that they did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from cloudedge.errors import CloudEdgeError
from cloudedge.photo.read import Source
from export.data import elsewhere, outliers
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import DataSet
from export.data.targets import soft_target
from export.release.calibration import sight_thresholds
from export.release.description import describe, inputs_of
from export.release.measuring import NOISE
from export.release.sight_heads import Released, SightHeads, Sights, embed
from export.training import augment
from export.training.network import build
from export.training.recipe import Recipe

Features = npt.NDArray[np.float32]
LAYERS = ("Cirrostratus", "Altostratus", "Nimbostratus", "Stratus")  # the skies that a clear one is mistaken for
DRAWINGS = 100  # of each kind, for the heads that tell strange sights and clear skies
PARTS = 5  # in which the photos from elsewhere are left out of a fit in turn


def fit_heads(recipe: Recipe, weights: Path, data: DataSet) -> tuple[Released, dict[str, float]]:
    """Return the trained network with its heads, and the thresholds of the heads.

    The heads learn from the training photos, those from elsewhere and drawings; skies count twice, as they are and as
    another camera takes them. The thresholds are by clouds: of the validation photos, and of the photos from elsewhere,
    these by heads that did not learn from them.
    """
    network, metadata = build(recipe.architecture, str(weights)), describe(recipe)

    def features(sources: Sequence[Source]) -> Features:
        return embed(network, inputs_of(metadata, sources))

    def twice(sources: Sequence[Source]) -> Features:
        """Return features (2, N, D): of the photos as they are, and as other cameras take them."""
        inputs = list(inputs_of(metadata, sources))
        return np.stack([embed(network, inputs), embed(network, as_other_cameras(inputs))])

    targets = [soft_target(photo, recipe.labels, recipe.odds) for photo in data.training]
    clouds = [(p, CLASSES[int(t.argmax())]) for p, t in zip(data.training, targets, strict=True) if t is not None]
    if not clouds:
        raise CloudEdgeError("holds too few photos: no labelled photo is left to learn from", str(data.root))
    others, root = data.elsewhere.calibration, data.elsewhere
    cloudy, cloudless = elsewhere.clouds(others), elsewhere.clear_skies(others)
    strange: list[Source] = [*data.files(outliers.contrails(data.training)), *outliers.ordinary_photos()]
    ours = twice(data.files([photo for photo, _ in clouds]))
    is_layer = np.array([genus in LAYERS for _, genus in clouds])
    ours_clear = twice([*data.files(outliers.clear_skies(data.training)), *_drawn("clear sky")])
    theirs, theirs_clear = twice(root.files(cloudy)), twice(root.files(cloudless))
    strangers = features([*strange, *_drawn("night", "fogged lens", "noise")])
    their_layers = np.array([photo.genus in LAYERS for photo in cloudy], dtype=bool)

    def fit(kept: npt.NDArray[np.bool_], kept_clear: npt.NDArray[np.bool_]) -> SightHeads:
        layers = [_flat(ours[:, is_layer]), _flat(theirs[:, kept & their_layers])]
        return SightHeads(
            Sights(
                clouds=np.concatenate([_flat(ours), _flat(theirs[:, kept])]),
                layers=np.concatenate(layers),
                clear=np.concatenate([_flat(ours_clear), _flat(theirs_clear[:, kept_clear])]),
                strange=strangers,
            )
        )

    heads = fit(np.ones(len(cloudy), dtype=bool), np.ones(len(cloudless), dtype=bool))
    scores = [_scores(heads, features(data.files(data.validation)))]
    if cloudy:
        parts, parts_clear = _parts(cloudy), _parts(cloudless)
        left_out = [
            _scores(fit(parts != k, parts_clear != k), theirs[0, parts == k])
            for k in range(PARTS)
            if (parts == k).any()
        ]
        scores.append(np.concatenate(left_out, axis=1))
    return Released(network, heads), sight_thresholds(scores, recipe.unfamiliar)


def as_other_cameras(inputs: Sequence[npt.NDArray[np.float32]]) -> Iterator[npt.NDArray[np.float32]]:
    """Return inputs (1, 3, h, w) as other cameras would take them: exposure, cast, haze, JPEG, blur and noise."""
    generator = torch.Generator().manual_seed(outliers.TRAINING_SEED)
    for k, image in enumerate(inputs):
        pixels = augment.to_pixels(torch.from_numpy(image)).float()
        taken = augment.other_camera(pixels, 1.0, generator)
        if k % 2:
            taken = F.avg_pool2d(taken, 3, stride=1, padding=1, count_include_pad=False)
        yield augment.add_noise(augment.normalise(taken), max(NOISE), generator).numpy()


def _drawn(*kinds: str) -> list[Source]:
    return [picture for kind in kinds for picture in outliers.draw(kind, DRAWINGS, outliers.TRAINING_SEED)]


def _flat(features: Features) -> Features:
    return features.reshape(-1, features.shape[-1])


def _scores(heads: SightHeads, features: Features) -> npt.NDArray[np.float64]:
    """Return familiarity and clear of features (N, D), float64 (2, N)."""
    with torch.inference_mode():
        return np.stack([values.double().numpy() for values in heads(torch.from_numpy(features))])


def _parts(photos: Sequence[Photo]) -> npt.NDArray[np.int64]:
    """Return a part 0..PARTS-1 for each photo, int64 (N,); photos of one group are in one part."""
    return np.array([photo.group % PARTS for photo in photos], dtype=np.int64)
