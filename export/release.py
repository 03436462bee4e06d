"""From photos to a released model: train, export, quantize, calibrate, gate, measure, write."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudedge.image import read
from cloudedge.metadata import ModelSpec
from cloudedge.model import Model, sha256
from cloudedge.preprocess import prepare
from export import augment
from export.batches import split_of, training_sets
from export.dataset import CLASSES, Photo, Split, load_catalogue
from export.evaluation import Figure, columns, evaluate, fit_temperature, run_model, softmax
from export.network import build, save_weights
from export.onnx_model import check_parity, export_onnx, rewrite
from export.quantization import check_quantized, quantize
from export.recipe import Recipe
from export.training import Trainer

CALIBRATION_PHOTOS = 256
TARGET_PRECISION = 0.75
MIN_PHOTOS_FOR_PRECISION = 20
COLUMNS = ("agreed", "review", "manifest")
HEADINGS = {
    "top1": "top-1",
    "top3": "top-3",
    "level": "level",
    "balanced": "balanced",
    "ece": "ECE",
    "coverage": "certain",
    "precision": "right when certain",
}
LICENCE = (
    "MIT; trained on CCSN (CC0 1.0) with Apache-2.0 ImageNet weights of EfficientNet-Lite0 as the start or the teacher"
)


def train(recipe: Recipe, root: Path, folder: Path) -> Path:
    """Train in `folder`, going on from its checkpoint where there is one; gives the path of the weights."""
    network = Trainer(recipe, folder).run(*training_sets(recipe, root))
    path = folder / "weights.safetensors"
    save_weights(network, path)
    return path


def describe(recipe: Recipe, **found: Any) -> dict[str, Any]:
    """Give the model's metadata; `found` replaces what is only known after training."""
    return {
        "name": recipe.name,
        "version": recipe.version,
        "classes": list(CLASSES),
        "input_size": recipe.input_size,
        "resize": {"rule": "squash", "size": recipe.input_size, "interpolation": recipe.interpolation},
        "mean": list(augment.MEAN),
        "std": list(augment.STD),
        "temperature": 1.0,
        "thresholds": {"low_confidence": 0.0, "dark": recipe.dark},
        "recipe": recipe.to_dict(),
        "data": {"name": "CCSN", "doi": "10.7910/DVN/CADDPD", "licence": "CC0-1.0"},
        "metrics": {},
        "licence": LICENCE,
        **found,
    }


def inputs_of(metadata: dict[str, Any], root: Path, photos: Sequence[Photo]) -> Iterator[npt.NDArray[np.float32]]:
    """Give each photo as the runtime would, float32 (1, 3, S, S)."""
    spec = ModelSpec.from_json(json.dumps(metadata))
    return (prepare(read(root / photo.file, spec.resize.size).pixels, spec)[None] for photo in photos)


def pick(photos: Sequence[Photo], keep: npt.NDArray[np.bool_]) -> list[Photo]:
    """Give the photos of the ten genera where `keep` is true."""
    return [photo for photo, kept in zip(photos, keep, strict=True) if kept and photo.genus in CLASSES]


def calibration_photos(photos: Sequence[Photo], parts: Split) -> list[Photo]:
    """Give evenly chosen training photos for the ranges of the activations."""
    training = pick(photos, parts.train)
    return training[:: max(1, len(training) // CALIBRATION_PHOTOS)]


def confidence_threshold(probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Find the lowest confidence from which on `TARGET_PRECISION` of the first choices are right; 1.0 if none."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidence)
    precision = np.cumsum(hit[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precision >= TARGET_PRECISION) & (np.arange(len(order)) + 1 >= MIN_PHOTOS_FOR_PRECISION))
    return round(float(confidence[order[enough[-1]]]), 3) if len(enough) else 1.0


def release(recipe: Recipe, root: Path, folder: Path, target: Path) -> dict[str, dict[str, Figure]]:
    """Train, export, quantize, calibrate and gate; write to `target`; gives the test's figures.

    Raises GateError, and then writes nothing to `target`.
    """
    weights = train(recipe, root, folder)
    network = build(recipe.name, str(weights))
    photos = load_catalogue(root)
    parts = split_of(recipe, photos)
    validation, test = pick(photos, parts.validation), pick(photos, parts.test)
    draft, path = describe(recipe), folder / "float32.onnx"

    export_onnx(network, draft, path)
    gates: dict[str, Any] = {
        "torch_max_logit_difference": check_parity(network, path, inputs_of(draft, root, validation))
    }
    logits = run_model(Model(path), root, validation)
    if recipe.quantize:
        source, path = path, folder / "int8.onnx"
        quantize(source, draft, inputs_of(draft, root, calibration_photos(photos, parts)), path)
        float_logits, logits = logits, run_model(Model(path), root, validation)
        gates["int8"] = asdict(check_quantized(float_logits, logits, columns(validation)["manifest"]))

    temperature, low_confidence = calibrate(logits, columns(validation)["review"])
    figures = evaluate(run_model(Model(path), root, test), temperature, low_confidence, test)
    results = {column: {name: asdict(figure) for name, figure in row.items()} for column, row in figures.items()}
    final = describe(
        recipe,
        temperature=temperature,
        thresholds={"low_confidence": low_confidence, "dark": recipe.dark},
        metrics={"test": results, **gates},
    )
    rewrite(path, final)
    publish(recipe.name, path, weights, target)
    write_card(target / "MODEL_CARD.md", recipe.name, card_table(final["metrics"]))
    return figures


def calibrate(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Find the temperature, and the threshold of confidence, from validation logits (N, 10); labels -1 do not count."""
    judged = labels >= 0
    temperature = round(fit_temperature(logits[judged], labels[judged]), 4)
    return temperature, confidence_threshold(softmax(logits[judged], temperature), labels[judged])


def publish(name: str, path: Path, weights: Path, target: Path) -> None:
    """Copy a gated model and its weights to `target`, and pin its checksum there."""
    for source, file in ((path, f"{name}.onnx"), (weights, f"{name}.safetensors")):
        partial = target / f"{file}.partial"
        shutil.copyfile(source, partial)
        partial.replace(target / file)
    sums = "".join(f"{sha256(model)}  {model.name}\n" for model in sorted(target.glob("*.onnx")))
    (target / "SHA256SUMS").write_text(sums, encoding="ascii")


def write_card(card: Path, name: str, table: str) -> None:
    """Replace a model's figures in the card, which stand between two comments; ValueError where these are missing."""
    text = card.read_text(encoding="utf-8")
    start, end = f"<!-- figures of {name} -->\n", "\n<!-- end of figures -->"
    before, found, after = text.partition(start)
    _, closed, rest = after.partition(end)
    if not (found and closed):
        raise ValueError(f"{card}: no place for the figures of {name}")
    card.write_text(before + start + table + closed + rest, encoding="utf-8")


def card_table(metrics: dict[str, Any]) -> str:
    """Give the figures of a model's metadata as a Markdown table."""
    lines = ["| labels | n | " + " | ".join(HEADINGS.values()) + " |", "| --- " * (len(HEADINGS) + 2) + "|"]
    for column in filter(metrics["test"].__contains__, COLUMNS):
        row = metrics["test"][column]
        cells = [f"{f['value']:.1%} [{f['low']:.1%}, {f['high']:.1%}]" for f in (row[name] for name in HEADINGS)]
        lines.append(f"| {column} | {row['top1']['n']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
