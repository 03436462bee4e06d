"""The batches of a training as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.data.catalogue import CLASSES
from export.data.contact_sheet import Tile
from export.training import preview
from export.training.batches import TrainingSet
from export.training.recipe import Phase, Recipe


@pytest.fixture
def data() -> TrainingSet:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
    return TrainingSet(pixels, np.eye(10, dtype=np.float32)[np.arange(20) % 10], np.ones(20, dtype=np.float32))


def test_the_batches_shown_are_those_of_training(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    hints = Phase(name="hints", images=8, size=32, batch=8, lr=1e-3, hint=1.0)
    labels = Phase(name="labels", images=80, size=64, batch=8, lr=1e-3, mixup=1.0, label=1.0)
    recipe = replace(recipe, phases=(hints, labels))
    paths = preview.show_batches(recipe, data, data, tmp_path)
    assert [path.name for path in paths] == ["batch-hints.png", "batch-labels.png"]
    small, large = (Image.open(path).size for path in paths)
    assert small[0] == large[0]
    assert large[1] > small[1]  # one batch is all that the first phase has, and it shows no labels


@pytest.mark.parametrize(
    ("shares", "caption"),
    [
        ({"Cirrus": 1.0}, "Cirrus 100%"),
        ({"Cirrus": 0.992, "Stratus": 0.008}, "Cirrus 99%"),
        ({"Stratus": 0.7, "Cumulus": 0.2, "Cirrus": 0.1}, "Stratus 70%\nCumulus 20%"),
        (dict.fromkeys(CLASSES, 0.1) | {"Stratus": 0.3}, "Stratus 30%"),
        (dict.fromkeys(CLASSES, 0.1), "none of them"),
    ],
)
def test_a_batch_is_captioned_by_what_counts_in_its_targets(
    shares: dict[str, float], caption: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Tile] = []
    monkeypatch.setattr(preview, "contact_sheet", lambda tiles, path, columns: shown.extend(tiles))
    target = np.array([shares.get(genus, 0) for genus in CLASSES], dtype=np.float32)
    data = TrainingSet(np.zeros((1, 40, 40, 3), dtype=np.uint8), target[None], np.ones(1, dtype=np.float32))
    phase = Phase(name="labels", images=4, size=32, batch=4, lr=1e-3, mixup=1.0, label=1.0)
    preview.show_batches(replace(recipe, phases=(phase,)), data, data, tmp_path)
    assert {tile.caption for tile in shown} == {caption}
