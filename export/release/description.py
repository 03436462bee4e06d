"""What a model file says about itself, and what it needs as its input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudedge.errors import CloudEdgeError
from cloudedge.model import Model
from cloudedge.model_spec import ModelSpec
from cloudedge.photo.read import Source, read
from cloudedge.preprocess import prepare
from export.data.catalogue import CLASSES
from export.data.data_set import DataSet
from export.training import augment
from export.training.recipe import SIDE, Recipe

MAX_RATIO = 2.0  # of the sides of an input; the network saw crops of up to 7:4
LICENCE = (
    "MIT; trained on CCSN (CC0 1.0) with Apache-2.0 ImageNet weights of EfficientNet-Lite as the start or the teacher"
)


def describe(recipe: Recipe, **found: Any) -> dict[str, Any]:
    """Return the model's metadata; `found` replaces what is only known after training."""
    return {
        "name": recipe.name,
        "version": recipe.version,
        "classes": list(CLASSES),
        "input_size": recipe.input_size,
        "resize": {
            "rule": "proportions",
            "size": recipe.input_size,
            "multiple": SIDE,
            "max_ratio": MAX_RATIO,
            "interpolation": recipe.interpolation,
        },
        "mean": list(augment.MEAN),
        "std": list(augment.STD),
        "temperature": 1.0,
        "thresholds": {"low_confidence": 0.0, "dark": recipe.dark, "unfamiliar": 0.0, "clear": 1.0},
        "recipe": recipe.to_dict(),
        "data": recipe.data,
        "metrics": {},
        "licence": LICENCE,
        **found,
    }


def inputs_of(metadata: dict[str, Any], sources: Iterable[Source]) -> Iterator[npt.NDArray[np.float32]]:
    """Return each photo as the runtime would, float32 (1, 3, h, w)."""
    return prepared(ModelSpec.from_json(json.dumps(metadata)), sources)


def prepared(spec: ModelSpec, sources: Iterable[Source]) -> Iterator[npt.NDArray[np.float32]]:
    return (prepare(read(source, spec.resize.size).pixels, spec)[None] for source in sources)


def recipe_of(model: Model) -> Recipe:
    """Read the recipe that a model file holds; raises CloudEdgeError for a file that was not made by one."""
    try:
        return Recipe.from_dict(model.spec.recipe)
    except ValueError as error:
        problem = f"was not made by a recipe of this stage ({error}); give one that was"
        raise CloudEdgeError(problem, str(model.path)) from error


def check_photos(model: Model, data: DataSet) -> None:
    """Raise CloudEdgeError if a model was made from other photos than those of the data set.

    Their folds would differ too, and test photos might be ones that it learned from. Models that do
    not say which photos they were made from are not checked.
    """
    if model.spec.metrics.get("photos") not in (None, data.digest):
        problem = f"holds other photos than those that {model.path} was made from; give a folder that it never saw, and"
        raise CloudEdgeError(f"{problem} --part all", str(data.root))
