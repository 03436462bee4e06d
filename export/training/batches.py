"""What training sees: the photos with their targets, the order and crops of a phase, and mixed batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cloudedge.errors import CloudEdgeError
from cloudedge.photo.read import read
from export.data import outliers
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import DataSet
from export.data.elsewhere import Elsewhere, clear_skies
from export.data.pixels import PIXELS, load_pixels, proportions_of, square_pixels
from export.data.targets import soft_target
from export.training import augment
from export.training.recipe import Phase, Recipe

UNDECIDED = np.full(len(CLASSES), 1 / len(CLASSES), dtype=np.float32)
DRAWN_SHARE = 0.1  # drawn outliers for each labelled photo
ORDINARY_TIMES = 3  # how often each of the few ordinary photos is among the outliers


@dataclass(frozen=True, slots=True)
class Batch:
    """What a teacher sees and what the network sees, normalised images (N, 3, H, W), and the targets (N, 10).

    The network sees them smaller and noisier than its teacher, where the phase says so.
    """

    images: torch.Tensor
    seen: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The photos a phase may see.

    `pixels` uint8 (N, S, S, 3); soft `targets` float32 (N, 10), NaN where a photo has none; `proportions` float32 (N,),
    width to height of the photos before they were squashed.
    """

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    proportions: npt.NDArray[np.float32]

    def subset(self, keep: npt.NDArray[np.bool_]) -> TrainingSet:
        """Keep the photos where `keep` is true."""
        return TrainingSet(self.pixels[keep], self.targets[keep], self.proportions[keep])

    def with_undecided(self, pixels: npt.NDArray[np.uint8], proportions: npt.NDArray[np.float32]) -> TrainingSet:
        """Add pictures that show none of the genera."""
        return TrainingSet(
            np.concatenate([self.pixels, pixels]),
            np.concatenate([self.targets, np.tile(UNDECIDED, (len(pixels), 1))]),
            np.concatenate([self.proportions, proportions]),
        )


def training_sets(recipe: Recipe, data: DataSet) -> tuple[TrainingSet, TrainingSet]:
    """Return all photos, for phases without labels, and the labelled ones of the training folds.

    Among the labelled ones are contrails, photos that the reviews take for no cloud, ordinary photos, clear skies from
    elsewhere, and drawn outliers; their target is the uniform distribution (outlier exposure, Hendrycks et al. 2019,
    arXiv:1812.04606). Raises CloudEdgeError where none has a label.
    """
    targets = np.stack([_training_target(photo, recipe) for photo in data.learned])
    pixels, proportions = load_pixels(data.root, data.learned)
    everything = TrainingSet(pixels, targets, proportions)
    labelled = everything.subset(~np.isnan(targets).any(axis=1) & data.split.train)
    if not len(labelled.targets):
        raise CloudEdgeError("holds too few photos: no labelled photo is left to learn from", str(data.root))
    return everything, _with_outliers(labelled, data.elsewhere if recipe.elsewhere else None)


def _training_target(photo: Photo, recipe: Recipe) -> npt.NDArray[np.float32]:
    if outliers.is_outlier(photo):
        return UNDECIDED
    target = soft_target(photo, recipe.labels, recipe.odds)
    return np.full_like(UNDECIDED, np.nan) if target is None else target.astype(np.float32)


def _with_outliers(photos: TrainingSet, elsewhere: Elsewhere | None) -> TrainingSet:
    """Add drawings and, with photos of other sources, clear skies of these and ordinary photos: all undecided."""
    each = round(len(photos.targets) * DRAWN_SHARE / len(outliers.DRAWN))
    if each:
        drawings = np.concatenate([outliers.draw(kind, each, outliers.TRAINING_SEED) for kind in outliers.DRAWN])
        photos = photos.with_undecided(drawings, np.ones(len(drawings), dtype=np.float32))
    if not elsewhere:
        return photos
    photos = photos.with_undecided(*load_pixels(elsewhere.root, clear_skies(elsewhere.calibration)))
    ordinary = [read(file, PIXELS).pixels for file in ORDINARY_TIMES * outliers.ordinary_photos()]
    return photos.with_undecided(np.stack(list(map(square_pixels, ordinary))), proportions_of(ordinary))


class Batches:
    """The batches of one phase in order, on the device that trains.

    Batch k holds the same crops in every run, so that a run can be resumed exactly.
    """

    def __init__(self, data: TrainingSet, phase: Phase, seed: int, device: torch.device) -> None:
        self.phase = phase
        self.seed = seed
        self.pixels = torch.from_numpy(data.pixels).to(device).permute(0, 3, 1, 2)
        self.targets = torch.from_numpy(data.targets).to(device)
        self.proportions = torch.from_numpy(data.proportions)
        self.order = torch.from_numpy(draw(data.targets, phase, seed)).to(device)

    def __len__(self) -> int:
        return len(self.order) // self.phase.batch

    def __iter__(self) -> Iterator[Batch]:
        return (self[step] for step in range(len(self)))

    def __getitem__(self, step: int) -> Batch:
        phase, generator = self.phase, torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        chosen = self.order[step * phase.batch : (step + 1) * phase.batch]
        crops = augment.random_crops(
            self.pixels[chosen],
            phase.crop_shape(_one_of(phase.ratios, generator)),
            phase.min_scale,
            generator,
            proportions=self.proportions[chosen.cpu()],
            stretch=phase.stretch,
            zoomed_out=phase.zoomed_out,
        )
        if phase.camera:
            crops = augment.other_camera(crops, phase.camera, generator)
        if phase.trivial_augment:
            crops = augment.trivial_augment(crops, _seed(generator))
        images, targets = augment.normalise(crops), self.targets[chosen]
        lot = torch.rand((), generator=generator).item()
        if lot < phase.mixup:
            images, targets = augment.mixup(images, targets, 1.0, generator)
        elif lot < phase.mixup + phase.cutmix:
            images, targets = augment.cutmix(images, targets, generator)
        seen = augment.shrink(images, phase.size / phase.crop_size)
        if phase.noise:
            of_device = torch.Generator(seen.device).manual_seed(_seed(generator))
            seen = augment.add_noise(seen, phase.noise, of_device)
        return Batch(images, seen, targets)


def _one_of(ratios: Sequence[float], generator: torch.Generator) -> float:
    return ratios[int(torch.randint(len(ratios), (), generator=generator))] if len(ratios) > 1 else ratios[0]


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator).item())


def draw(targets: npt.NDArray[np.float32], phase: Phase, seed: int) -> npt.NDArray[np.int64]:
    """Draw the order of photos, int64 (images,): the rarer a genus, the more often, to the power `balance`."""
    rng = np.random.default_rng(seed)
    if phase.unlabelled:
        epochs = -(-phase.images // len(targets))
        return np.concatenate([rng.permutation(len(targets)) for _ in range(epochs)])[: phase.images]
    mass = np.maximum(targets.sum(axis=0), 1e-9) ** -phase.balance  # a genus may be missing
    weights = (targets * mass).sum(axis=1)
    return rng.choice(len(targets), size=phase.images, p=weights / weights.sum())


def phase_seed(recipe: Recipe, index: int) -> int:
    """Return the seed of the phase at `index`, from which its crops and mixes follow."""
    return recipe.seed * 100 + index
