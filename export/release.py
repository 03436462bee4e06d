"""From photos to a released model: train, export, quantize, calibrate, gate, measure, write."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudedge.classifier import CloudClassifier
from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing
from cloudedge.model import Model, Outputs
from cloudedge.model_spec import ModelSpec
from cloudedge.packaged_models import sha256
from cloudedge.photo.read import Source, read
from cloudedge.preprocess import prepare
from export import augment, outliers
from export.batches import learned_catalogue, split_of
from export.card import card_table, genera_table, write_card
from export.dataset import CLASSES, Photo, Split, folds_digest, load_catalogue, soft_target
from export.evaluation import (
    Answers,
    Figure,
    GenusRow,
    classify,
    evaluate,
    fit_temperature,
    per_genus,
    run_model,
    share,
    softmax,
    strangers,
    trusted,
)
from export.files import plain, write_text
from export.judge import Judge, Released, embed
from export.network import build
from export.onnx_model import check_parity, export_onnx, rewrite
from export.quantization import Comparison, check_quantized, quantize
from export.recipe import Recipe
from export.runs import Run, train

CARD = "MODEL_CARD.md"
CALIBRATION_PHOTOS = 256
DRAWINGS = 100  # of each kind, for the heads that tell strange sights and clear skies
MISTAKEN = {"unfamiliar": 0.05, "clear": 0.01}  # share of the validation's clouds that may be taken for that
LEAST_CLEAR = 0.1  # however well the validation's clouds are told from a clear sky
TARGET_PRECISION = 0.75
LEAST_CONFIDENCE = 0.5  # however easy the validation photos: a genus less likely than not is none to be certain of
NOISE = (2, 4, 8)  # grey levels: the deviations of the noise under which a model should be steady
LICENCE = (
    "MIT; trained on CCSN (CC0 1.0) with Apache-2.0 ImageNet weights of EfficientNet-Lite as the start or the teacher"
)


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
        "thresholds": {"low_confidence": 0.0, "dark": recipe.dark, "unfamiliar": 0.0, "clear": 1.0},
        "recipe": recipe.to_dict(),
        "data": recipe.data,
        "metrics": {},
        "licence": LICENCE,
        **found,
    }


def inputs_of(metadata: dict[str, Any], sources: Iterable[Source]) -> Iterator[npt.NDArray[np.float32]]:
    """Give each photo as the runtime would, float32 (1, 3, S, S)."""
    return _prepared(ModelSpec.from_json(json.dumps(metadata)), sources)


def _prepared(spec: ModelSpec, sources: Iterable[Source]) -> Iterator[npt.NDArray[np.float32]]:
    return (prepare(read(source, spec.resize.size).pixels, spec)[None] for source in sources)


def files(root: Path, photos: Sequence[Photo]) -> list[Path]:
    """Give the paths of photos."""
    return [root / photo.file for photo in photos]


def pick(photos: Sequence[Photo], keep: npt.NDArray[np.bool_]) -> list[Photo]:
    """Give the photos of the ten genera where `keep` is true."""
    return [photo for photo in part(photos, keep) if photo.genus in CLASSES]


def part(photos: Sequence[Photo], keep: npt.NDArray[np.bool_]) -> list[Photo]:
    """Give the photos where `keep` is true."""
    return [photo for photo, kept in zip(photos, keep, strict=True) if kept]


def with_judge(recipe: Recipe, weights: Path, root: Path) -> Released:
    """Build the trained network with its judge, fitted to the training photos and to drawings."""
    network, metadata = build(recipe.architecture, str(weights)), describe(recipe)
    photos = learned_catalogue(recipe, root)
    training = part(photos, split_of(recipe, photos).train)
    targets = [soft_target(photo, recipe.labels, recipe.odds) for photo in training]
    clouds = [(photo, target.argmax()) for photo, target in zip(training, targets, strict=True) if target is not None]
    if not clouds:
        raise CloudEdgeError("holds too few photos: none with a label is left to learn from", str(root))

    def embeddings(chosen: Sequence[Photo], drawn: Sequence[str] = ()) -> npt.NDArray[np.float32]:
        drawings = [picture for kind in drawn for picture in outliers.draw(kind, DRAWINGS, outliers.TRAINING_SEED)]
        return embed(network, inputs_of(metadata, [*files(root, chosen), *drawings]))

    judge = Judge(
        clouds=embeddings([photo for photo, _ in clouds]),
        genera=np.array([genus for _, genus in clouds]),
        clear=embeddings(outliers.clear_skies(training), ["clear sky"]),
        strange=embeddings(outliers.contrails(training), ["night", "fogged lens", "noise"]),
    )
    return Released(network, judge)


def calibration_photos(photos: Sequence[Photo], parts: Split) -> list[Photo]:
    """Give evenly chosen training photos for the ranges of the activations."""
    training = pick(photos, parts.train)
    return training[:: max(1, len(training) // CALIBRATION_PHOTOS)]


def confidence_threshold(probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Find the lowest calibrated confidence from which on `TARGET_PRECISION` of the first choices are right; else 1.0.

    It counts by the lower end of its 95 % interval: the lowest of many thresholds is a lucky one, and taken by the
    precision itself it would not hold on other photos. It is `LEAST_CONFIDENCE` at least. Photos too few to be sure of
    any leave it to the calibration: the confidence is that precision itself, unless they speak against it.
    """
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidence)
    enough = [index for k, index in enumerate(order, start=1) if share(hit[order[:k]]).low >= TARGET_PRECISION]
    if enough:
        return max(LEAST_CONFIDENCE, round(float(confidence[enough[-1]]), 3))
    sure = hit[confidence >= TARGET_PRECISION]
    return 1.0 if sure.size and sure.mean() < TARGET_PRECISION else TARGET_PRECISION


@dataclass(frozen=True, slots=True)
class Candidate:
    """A calibrated model file: what calibration found, and the logits (N, 10) of the validation photos."""

    path: Path
    found: dict[str, Any]
    logits: npt.NDArray[np.float32]


def recipe_of(model: Model) -> Recipe:
    """Read the recipe that a model file holds; raises CloudEdgeError for a file that was not made by one."""
    try:
        return Recipe.from_dict(model.spec.recipe)
    except ValueError as error:
        problem = f"was not made by a recipe of this stage ({error}); give a file that was"
        raise CloudEdgeError(problem, str(model.path)) from error


def check_photos(model: Model, photos: Sequence[Photo], root: Path) -> None:
    """Raise CloudEdgeError where the photos of `root` are others than those by which a model was released.

    Their folds would be others too, and the test photos perhaps some that it has learned from. Models that do not tell
    by which photos are taken at their word.
    """
    if model.spec.metrics.get("photos") not in (None, folds_digest(photos)):
        problem = f"holds other photos than those by which {model.path} was made; give a folder that it never saw, and"
        raise CloudEdgeError(f"{problem} --part all", str(root))


def held_out_photos(recipe: Recipe, root: Path) -> list[Photo]:
    """Give the photos that a model is measured on; CloudEdgeError where there are none."""
    photos = load_catalogue(root)
    held_out = pick(photos, split_of(recipe, photos).test)
    if not held_out:
        raise CloudEdgeError("holds too few photos: the test fold has none of the ten genera", str(root))
    return held_out


def validation_photos(recipe: Recipe, root: Path) -> list[Photo]:
    """Give the photos that calibration and gates are by; CloudEdgeError where none of them has a label."""
    photos = load_catalogue(root)
    validation = pick(photos, split_of(recipe, photos).validation)
    if not (trusted(validation) >= 0).any():
        raise CloudEdgeError("holds too few photos: one fold has none with a label", str(root))
    return validation


def candidates(recipe: Recipe, weights: Path, root: Path, folder: Path) -> tuple[dict[str, Candidate], float]:
    """Export weights to `folder`: `float32` and, where the recipe quantizes, `int8`; with the difference from torch.

    Raises GateError where float32 differs from torch, CloudEdgeError without labelled photos in the validation fold.
    """
    float32, difference = export_float32(recipe, weights, root, folder / "float32.onnx")
    found = {"float32": float32}
    if recipe.quantize:
        found["int8"] = export_int8(recipe, float32.path, root, folder / "int8.onnx")
    return found, difference


def export_float32(recipe: Recipe, weights: Path, root: Path, path: Path) -> tuple[Candidate, float]:
    """Export weights to a float32 file, gated and calibrated on validation photos; with the difference from torch.

    Raises GateError, and then leaves `path` as it is, and CloudEdgeError as `candidates` does.
    """
    validation, draft = validation_photos(recipe, root), describe(recipe)
    released = with_judge(recipe, weights, root)
    with replacing(path) as partial:
        export_onnx(released, draft, partial)
        difference = check_parity(released, partial, inputs_of(draft, files(root, validation)))
        found = calibrated(recipe, root, partial)
        rewrite(partial, describe(recipe, **found.found))
    return replace(found, path=path), difference


def export_int8(recipe: Recipe, source: Path, root: Path, path: Path) -> Candidate:
    """Quantize the float32 file `source`, with ranges by training photos, and calibrate it on the validation photos."""
    draft, photos = describe(recipe), load_catalogue(root)
    training = files(root, calibration_photos(photos, split_of(recipe, photos)))
    if not training:
        raise CloudEdgeError("holds too few photos: none of the ten genera is left for the ranges", str(root))
    quantize(source, draft, inputs_of(draft, training), path)
    found = calibrated(recipe, root, path)
    rewrite(path, describe(recipe, **found.found))
    return found


def calibrated(recipe: Recipe, root: Path, path: Path) -> Candidate:
    """Find temperature and thresholds of a model file, which stays as it is, on the validation photos."""
    validation = validation_photos(recipe, root)
    outputs = run_model(Model(path), inputs_of(describe(recipe), files(root, validation)))
    return Candidate(path, calibrate(outputs, trusted(validation), recipe.dark), outputs.logits)


def gate_int8(recipe: Recipe, root: Path, float32: Candidate, int8: Candidate) -> Comparison:
    """Hold int8 against float32 on the validation photos; raises GateError."""
    return check_quantized(float32.logits, int8.logits, trusted(validation_photos(recipe, root)))


def release(recipe: Recipe, root: Path, folder: Path, target: Path) -> Measured:
    """Train, export, quantize, calibrate and gate; write to `target`, and to its model card where it has a place.

    Gives what the metadata tell, and more.

    Raises GateError, and then writes nothing to `target`, and CloudEdgeError before any training for too few photos.
    """
    photos = load_catalogue(root)
    parts, held_out = split_of(recipe, photos), held_out_photos(recipe, root)
    validation_photos(recipe, root)
    weights = train(Run(recipe, recipe.seed, folder), root)
    made, difference = candidates(recipe, weights, root, folder)
    gates: dict[str, Any] = {"torch_max_logit_difference": difference}
    chosen = made["float32"]
    if recipe.quantize:
        chosen = made["int8"]
        gates["int8"] = plain(gate_int8(recipe, root, made["float32"], chosen))
    measured = measure(chosen.path, root, held_out, part(photos, ~parts.train))
    metrics = measured.plain()
    told = {**metrics, **gates, "photos": folds_digest(photos)}
    rewrite(chosen.path, describe(recipe, **chosen.found, metrics=told))
    target.mkdir(parents=True, exist_ok=True)
    publish(recipe.name, chosen.path, weights, target)
    write_card(target / CARD, "figures", recipe.name, card_table(metrics))
    write_card(target / CARD, "genera", recipe.name, genera_table(plain(measured.genera)))
    return measured


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model file says of photos, and how right that is.

    `genera` are by the trusted labels; `strange` has the share of certain answers by kind of sight, `steady` that of
    first choices which noise leaves.
    """

    answers: Answers
    figures: dict[str, dict[str, Figure]]
    genera: list[GenusRow]
    strange: dict[str, Figure]
    steady: dict[str, Figure]

    def plain(self) -> dict[str, Any]:
        """Give as plain JSON types what a model's metadata holds."""
        return {"test": plain(self.figures), "strange": plain(self.strange), "steady": plain(self.steady)}


def measure(path: Path, root: Path, photos: Sequence[Photo], unseen: Sequence[Photo]) -> Measured:
    """Measure a model file on `photos`, and on strange sights, some of them from `unseen`."""
    classifier = CloudClassifier(path, top_k=len(CLASSES))
    answers = classify(classifier, files(root, photos))
    figures, genera = evaluate(answers, photos), per_genus(answers, trusted(photos))
    strange = strangers(classifier, outliers.unseen(root, unseen))
    return Measured(answers, figures, genera, strange, steadiness(path, files(root, photos)))


def steadiness(path: Path, sources: Sequence[Source]) -> dict[str, Figure]:
    """Give the share of photos whose first choice noise in the network's input leaves as it is, by its deviation."""
    model = Model(path)
    inputs = list(_prepared(model.spec, sources))
    before = run_model(model, inputs).logits.argmax(axis=1)
    rng, unit = np.random.default_rng(0), 1 / 255 / np.array(model.spec.std)[:, None, None]
    found = {}
    for levels in NOISE:
        noisy = ((image + rng.normal(0, levels, image.shape) * unit).astype(np.float32) for image in inputs)
        found[f"{levels} grey levels"] = share(run_model(model, noisy).logits.argmax(axis=1) == before)
    return found


def calibrate(outputs: Outputs, labels: npt.NDArray[np.int64], dark: float) -> dict[str, Any]:
    """Find temperature and thresholds from the outputs for validation photos; labels -1 do not count."""
    assert outputs.familiarity is not None
    assert outputs.clear is not None
    judged = labels >= 0
    temperature = round(fit_temperature(outputs.logits[judged], labels[judged]), 4)
    unfamiliar = round(float(np.quantile(outputs.familiarity[judged], MISTAKEN["unfamiliar"])), 4)
    clear = max(LEAST_CLEAR, round(float(np.quantile(outputs.clear[judged], 1 - MISTAKEN["clear"])), 4))
    kept = judged & (outputs.familiarity >= unfamiliar) & (outputs.clear < clear)
    low_confidence = confidence_threshold(softmax(outputs.logits[kept], temperature), labels[kept])
    thresholds = {"low_confidence": low_confidence, "dark": dark, "unfamiliar": unfamiliar, "clear": clear}
    return {"temperature": temperature, "thresholds": thresholds}


def publish(name: str, path: Path, weights: Path, target: Path) -> None:
    """Copy a gated model and its weights to `target`, and pin its checksum there."""
    for source, file in ((path, f"{name}.onnx"), (weights, f"{name}.safetensors")):
        with replacing(target / file) as partial:
            shutil.copyfile(source, partial)
    sums = "".join(f"{sha256(model)}  {model.name}\n" for model in sorted(target.glob("*.onnx")))
    write_text(target / "SHA256SUMS", sums)
