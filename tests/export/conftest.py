"""A small data set, drawn: noise in a colour of its own for each genus."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.data.catalogue import CLASSES
from export.data.data_set import DataSet, read_data_set
from export.release import sight_heads
from export.release.sight_heads import Released, SightHeads, Sights
from export.training.network import build
from export.training.recipe import Phase, Recipe

from .drawing import save, sky

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
def few_drawings() -> Iterator[None]:
    """Draw few strange sights for each model: hundreds prove nothing more here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.data.outliers.TEST_DRAWINGS", 4)
        patch.setattr("export.release.fitting.DRAWINGS", 10)
        yield


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw `PER_GENUS` photos for each genus, with a manifest and reviews; two of each genus are one group.

    Beside them lies a folder `elsewhere`.
    """
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    _draw_elsewhere(folder.parent / "elsewhere")
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


def _draw_elsewhere(folder: Path) -> None:
    """Draw two sources of wide skies: six of blobs, and four without a cloud, two of these in one group."""
    sources, reviews = ["file,source,group,sha256"], ["file,reviewer,first,p1,second,p2,third,p3"]
    for k in range(6):
        save(sky(100 + k, (120, 80)), folder / f"blobs/{k}.png")
        sources.append(f"blobs/{k}.png,blobs,blobs-{k},")
        reviews += [f"blobs/{k}.png,{name},{CLASSES[k]},0.6,{CLASSES[9 - k]},0.3,," for name in "34"]
    for k in range(4):
        save(Image.new("RGB", (120, 80), (60 + 10 * k, 110, 200)), folder / f"blue/{k}.png")
        sources.append(f"blue/{k}.png,blue,blue-{max(k, 1)},")
        reviews.append(f"blue/{k}.png,3,ClearSky,0.9,,,,")
    (folder / "sources.csv").write_text("\n".join(sources), encoding="utf-8")
    (folder / "review.csv").write_text("\n".join(reviews), encoding="utf-8")


@pytest.fixture
def photos(recipe: Recipe, root: Path) -> DataSet:
    """Return the drawn data set by the folds of the small recipe."""
    return read_data_set(recipe, root)


@pytest.fixture
def recipe() -> Recipe:
    """Return a recipe that trains for seconds."""
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
    """Return a lite0 of random weights with heads that learned from arbitrary features."""
    network = build("lite0", "none")
    rng = np.random.default_rng(0)
    clouds, layers, clear, strange = (
        rng.normal(k, 1, (60, 1280 + sight_heads.COLOURS)).astype(np.float32) for k in (0, 0, 1, 2)
    )
    return Released(network, SightHeads(Sights(clouds, layers, clear, strange)))
