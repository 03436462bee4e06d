"""From photos to a released model: train, export, quantize, calibrate, gate, measure, write."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing
from cloudedge.model import Model
from cloudedge.packaged_models import sha256
from export.data import elsewhere, outliers
from export.data.catalogue import Photo
from export.data.data_set import DataSet, genera
from export.data.targets import trusted, trusted_target
from export.files import plain, write_text
from export.release.calibration import Collection, calibrate
from export.release.card import card_table, genera_table, write_card
from export.release.description import describe, inputs_of
from export.release.evaluation import run_model
from export.release.fitting import fit_heads
from export.release.measuring import Measured, measure
from export.release.onnx_model import check_parity, export_onnx, rewrite
from export.release.quantization import Comparison, check_quantized, quantize
from export.training.recipe import Recipe
from export.training.runs import Run, train

CARD = "MODEL_CARD.md"
CALIBRATION_PHOTOS = 256


def calibration_photos(data: DataSet) -> list[Photo]:
    """Return evenly chosen training photos for the ranges of the activations."""
    training = genera(data.part(data.split.train))
    return training[:: max(1, len(training) // CALIBRATION_PHOTOS)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A calibrated model file: what calibration found, and the logits (N, 10) of the validation photos."""

    path: Path
    found: dict[str, Any]
    logits: npt.NDArray[np.float32]


def candidates(recipe: Recipe, weights: Path, data: DataSet, folder: Path) -> tuple[dict[str, Candidate], float]:
    """Export weights to `folder`: `float32` and, where the recipe quantizes, `int8`; with the difference from torch.

    Raises GateError where float32 differs from torch, CloudEdgeError without labelled photos in the validation fold.
    """
    float32, difference = export_float32(recipe, weights, data, folder / "float32.onnx")
    found = {"float32": float32}
    if recipe.quantize:
        found["int8"] = export_int8(recipe, float32.path, data, folder / "int8.onnx")
    return found, difference


def export_float32(recipe: Recipe, weights: Path, data: DataSet, path: Path) -> tuple[Candidate, float]:
    """Export weights to a float32 file, gated and calibrated; with the difference from torch.

    Raises GateError, and then leaves `path` as it is, and CloudEdgeError as `candidates` does.
    """
    data.check_enough()
    (released, thresholds), draft = fit_heads(recipe, weights, data), describe(recipe)
    with replacing(path) as partial:
        export_onnx(released, draft, partial)
        difference = check_parity(released, partial, inputs_of(draft, _calibration_files(data)))
        found = calibrated(recipe, data, partial, thresholds)
        rewrite(partial, describe(recipe, **found.found))
    return replace(found, path=path), difference


def _calibration_files(data: DataSet) -> list[Path]:
    others = data.elsewhere
    return [*data.files(data.validation), *others.files(elsewhere.clouds(others.calibration))]


def export_int8(recipe: Recipe, source: Path, data: DataSet, path: Path) -> Candidate:
    """Quantize the float32 file `source`, with ranges by training photos, and calibrate it as `calibrated` does."""
    draft, training = describe(recipe), data.files(calibration_photos(data))
    if not training:
        raise CloudEdgeError(
            "holds too few photos: no photo of the ten genera is left to measure ranges on", str(data.root)
        )
    quantize(source, draft, inputs_of(draft, training), path)
    found = calibrated(recipe, data, path, Model(source).spec.thresholds)
    rewrite(path, describe(recipe, **found.found))
    return found


def calibrated(recipe: Recipe, data: DataSet, path: Path, thresholds: Mapping[str, float]) -> Candidate:
    """Find temperature and the threshold of `certain` of a model file, which stays as it is.

    They are by the validation photos and, in equal parts, by the cloud photos from elsewhere. `thresholds` are those of
    the heads, which `fit_heads` found.
    """
    model, draft, others = Model(path), describe(recipe), elsewhere.clouds(data.elsewhere.calibration)
    outputs = run_model(model, inputs_of(draft, data.files(data.validation)))
    collections = [Collection.of(outputs, [trusted_target(photo) for photo in data.validation])]
    if others:
        of_others = run_model(model, inputs_of(draft, data.elsewhere.files(others)))
        collections.append(Collection.of(of_others, [trusted_target(photo) for photo in others]))
    return Candidate(path, calibrate(collections, thresholds, recipe.dark), outputs.logits)


def gate_int8(data: DataSet, float32: Candidate, int8: Candidate) -> Comparison:
    """Compare int8 with float32 on the validation photos; raises GateError."""
    return check_quantized(float32.logits, int8.logits, trusted(data.validation))


def release(recipe: Recipe, data: DataSet, folder: Path, target: Path) -> Measured:
    """Train, export, quantize, calibrate and gate; write to `target`, and to its model card where it has a place.

    Returns what the metadata says, and more. Raises GateError, and then writes nothing to `target`, and CloudEdgeError
    before any training for too few photos.
    """
    weights = train(Run(recipe, recipe.seed, folder), data.check_enough())
    made, difference = candidates(recipe, weights, data, folder)
    gates: dict[str, Any] = {"torch_max_logit_difference": difference}
    chosen = made["float32"]
    if recipe.quantize:
        chosen = made["int8"]
        gates["int8"] = plain(gate_int8(data, made["float32"], chosen))
    measured = measure(chosen.path, data, data.test, outliers.test_sights(data))
    metrics = measured.plain()
    told = {**metrics, **gates, "photos": data.digest}
    rewrite(chosen.path, describe(recipe, **chosen.found, metrics=told))
    target.mkdir(parents=True, exist_ok=True)
    publish(recipe.name, chosen.path, weights, target)
    write_card(target / CARD, "figures", recipe.name, card_table(metrics))
    write_card(target / CARD, "genera", recipe.name, genera_table(plain(measured.genera)))
    return measured


def publish(name: str, path: Path, weights: Path, target: Path) -> None:
    """Copy a gated model and its weights to `target`, and pin its checksum there."""
    for source, file in ((path, f"{name}.onnx"), (weights, f"{name}.safetensors")):
        with replacing(target / file) as partial:
            shutil.copyfile(source, partial)
    sums = "".join(f"{sha256(model)}  {model.name}\n" for model in sorted(target.glob("*.onnx")))
    write_text(target / "SHA256SUMS", sums)
