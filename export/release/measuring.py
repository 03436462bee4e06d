"""What a model file says about photos that it has not seen, and how right it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cloudedge.classifier import CloudClassifier
from cloudedge.model import Model
from cloudedge.photo.read import Source
from export.data import elsewhere
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import DataSet
from export.data.targets import trusted
from export.files import plain
from export.release.description import prepared
from export.release.evaluation import (
    Answers,
    Figure,
    GenusRow,
    classify,
    columns,
    evaluate,
    outcomes,
    per_genus,
    run_model,
    share,
    strangers,
    summarise,
)

NOISE = (2, 4, 8)  # grey levels: the deviations of the noise under which a model should be steady


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model file says about photos, and how right it is.

    `genera` are by the trusted labels; `sights` has by kind of sight, with clouds and without, the shares of certain
    answers and of each reason for doubt, `steady` the share of first choices which noise leaves.
    """

    answers: Answers
    figures: dict[str, dict[str, Figure]]
    genera: list[GenusRow]
    sights: dict[str, dict[str, Figure]]
    steady: dict[str, Figure]

    def plain(self) -> dict[str, Any]:
        """Return as plain JSON types what a model's metadata holds."""
        return {"test": plain(self.figures), "sights": plain(self.sights), "steady": plain(self.steady)}


def measure(path: Path, data: DataSet, photos: Sequence[Photo], strange: Mapping[str, Sequence[Source]]) -> Measured:
    """Measure a model file on `photos`, on strange sights, and on the test half from elsewhere."""
    classifier = CloudClassifier(path, top_k=len(CLASSES))
    answers = classify(classifier, data.files(photos))
    figures, genus_rows = evaluate(answers, photos), per_genus(answers, trusted(photos))
    sights = {"cloud": outcomes(answers.reasons)}
    if clouds := elsewhere.clouds(data.elsewhere.test):
        told = classify(classifier, data.elsewhere.files(clouds))
        figures["elsewhere"] = summarise(told, columns(clouds)["guided"])
        sights["cloud elsewhere"] = outcomes(told.reasons)
    sights |= strangers(classifier, strange)
    return Measured(answers, figures, genus_rows, sights, steadiness(path, data.files(photos)))


def steadiness(path: Path, sources: Sequence[Source]) -> dict[str, Figure]:
    """Return the share of photos whose first choice survives noise in the input, by the noise's deviation."""
    model = Model(path)
    inputs = list(prepared(model.spec, sources))
    before = run_model(model, inputs).logits.argmax(axis=1)
    rng, unit = np.random.default_rng(0), 1 / 255 / np.array(model.spec.std)[:, None, None]
    found = {}
    for levels in NOISE:
        noisy = ((image + rng.normal(0, levels, image.shape) * unit).astype(np.float32) for image in inputs)
        found[f"{levels} grey levels"] = share(run_model(model, noisy).logits.argmax(axis=1) == before)
    return found
