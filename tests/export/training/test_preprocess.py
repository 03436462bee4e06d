"""The runtime's preprocessing is torchvision's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from cloudedge.model_spec import ModelSpec, Resize
from cloudedge.preprocess import prepare
from export.release.description import describe
from export.training import augment
from export.training.recipe import Recipe

MODES = {"bilinear": v2.InterpolationMode.BILINEAR, "bicubic": v2.InterpolationMode.BICUBIC}


@pytest.mark.parametrize("interpolation", list(MODES))
@pytest.mark.parametrize(("resize", "size"), [(64, 64), (73, 64), (256, 224)])
def test_prepare_equals_torchvision(recipe: Recipe, interpolation: str, resize: int, size: int) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (300, 417, 3), dtype=np.uint8)
    spec = ModelSpec.from_json(json.dumps(describe(recipe)))
    spec = replace(spec, input_size=size, resize=Resize("squash", resize, interpolation))  # type: ignore[arg-type]
    theirs = v2.Compose(
        [
            v2.Resize((resize, resize), MODES[interpolation]),
            v2.CenterCrop(size),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(augment.MEAN, augment.STD),
        ]
    )(Image.fromarray(pixels))
    np.testing.assert_allclose(prepare(pixels, spec), theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize("interpolation", list(MODES))
@pytest.mark.parametrize(("shape", "sides"), [((300, 417), (64, 96)), ((500, 300), (96, 64)), ((60, 900), (64, 128))])
def test_prepare_with_proportions_equals_torchvision(
    recipe: Recipe, interpolation: str, shape: tuple[int, int], sides: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (*shape, 3), dtype=np.uint8)
    spec = ModelSpec.from_json(json.dumps(describe(replace(recipe, interpolation=interpolation))))
    theirs = v2.Compose(
        [
            v2.Resize(sides, MODES[interpolation]),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(augment.MEAN, augment.STD),
        ]
    )(Image.fromarray(pixels))
    np.testing.assert_allclose(prepare(pixels, spec), theirs.numpy(), atol=1e-5)


def test_training_normalises_as_the_runtime_does(recipe: Recipe) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    spec = ModelSpec.from_json(json.dumps(describe(recipe)))
    ours = augment.normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    np.testing.assert_allclose(prepare(pixels, spec), ours[0].numpy(), atol=1e-5)
