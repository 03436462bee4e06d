"""A small data set, drawn: noise in a colour of its own for each genus."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from export.judge import Judge, Released
from PIL import Image

from export.dataset import CLASSES
from export.network import build
from export.recipe import Phase, Recipe

PER_GENUS = 8
COLOURS = [
    (0, 0, 0),
    (0, 0, 255),
    (0, 255, 0),
    (0, 255, 255),
    (255, 0, 0),
    (255, 0, 255),
    (255, 255, 0),
    (255, 255, 255),
    (128, 128, 128),
    (255, 128, 0),
]


@pytest.fixture(scope="session", autouse=True)
def _few_drawings() -> Iterator[None]:
    """Draw fewer sights than a release does: drawing and embedding hundreds for each model proves nothing more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.release.DRAWINGS", 10)
        patch.setattr("export.outliers.TEST_DRAWINGS", 4)
        yield


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw `PER_GENUS` photos for each genus, with a manifest and reviews; two of each genus are one group."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    manifest, reviews = [], []
    for k, genus in enumerate(CLASSES):
        (folder / genus).mkdir()
        for number in range(PER_GENUS):
            file = f"{genus}/{number}.png"
            coarse = rng.integers(-15, 16, (8, 8, 3)) + np.array(COLOURS[k])
            picture = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((72, 64), Image.Resampling.NEAREST)
            picture.save(folder / file)
            group = k * PER_GENUS + max(number, 1)
            manifest.append({"file": file, "genus": genus, "photo_group": group, "label_conflict": 0, "sha256": ""})
            for reviewer in "12":
                reviews.append(
                    {"file": file, "reviewer": reviewer, "first": genus, "p1": 0.7, "second": "", "third": ""}
                )
    for name, rows in (("manifest.csv", manifest), ("review.csv", reviews)):
        columns = {key: None for row in rows for key in row} | dict.fromkeys(
            ("p2", "p3") if name == "review.csv" else ()
        )
        with (folder / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(columns))
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture
def recipe() -> Recipe:
    """Give a recipe that trains for seconds."""
    return Recipe(
        name="lite0",
        version="0.0.1",
        weights="imagenet",
        input_size=64,
        interpolation="bicubic",
        seed=1,
        folds=4,
        test_fold=0,
        validation_fold=1,
        labels={"manifest": 0.4, "1": 0.3, "2": 0.3},
        dark=10.0,
        phases=(Phase(name="labels", images=320, size=64, batch=16, lr=2e-3, mixup=0.5, label=1.0),),
        average=0.8,
    )


@pytest.fixture
def released() -> Released:
    """Give a lite0 of random weights with a judge of arbitrary embeddings."""
    network = build("lite0", "none")
    rng = np.random.default_rng(0)
    clouds, clear, strange = (rng.normal(k, 1, (60, 1280)).astype(np.float32) for k in range(3))
    return Released(network, Judge(clouds, np.arange(60) % 10, clear, strange))
