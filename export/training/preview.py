"""What a phase of a recipe would train on: its first batches as pictures."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from export.data.catalogue import CLASSES
from export.data.contact_sheet import Tile, contact_sheet
from export.training import augment
from export.training.batches import Batch, Batches, TrainingSet, phase_seed
from export.training.recipe import Phase, Recipe

BATCHES = 2
STANDS_OUT = 0.01  # more than the least likely genus has


def show_batches(recipe: Recipe, everything: TrainingSet, labelled: TrainingSet, folder: Path) -> list[Path]:
    """Write the first two batches of each phase, as the network sees them, to `batch-PHASE.png`."""
    paths = []
    for index, phase in enumerate(recipe.phases):
        data = everything if phase.unlabelled else labelled
        batches = Batches(data, phase, phase_seed(recipe, index), torch.device("cpu"))
        tiles = [tile for batch in islice(batches, BATCHES) for tile in _tiles(phase, batch)]
        paths.append(folder / f"batch-{phase.name}.png")
        contact_sheet(tiles, paths[-1], columns=8)
    return paths


def _tiles(phase: Phase, batch: Batch) -> list[Tile]:
    pixels = augment.to_pixels(batch.seen).permute(0, 2, 3, 1).numpy()
    captions = ["" if phase.unlabelled else _caption(target) for target in batch.targets]
    return [Tile(np.ascontiguousarray(image), caption) for image, caption in zip(pixels, captions, strict=True)]


def _caption(target: torch.Tensor) -> str:
    """Name the two genera that count most in a target, float32 (10,), of those that stand out from the rest."""
    best = target.argsort(descending=True)[:2]
    named = [f"{CLASSES[int(k)]} {target[k]:.0%}" for k in best if target[k] - target.min() >= STANDS_OUT]
    return "\n".join(named) or "none of them"
