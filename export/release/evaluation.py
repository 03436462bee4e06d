"""How good a model is: metrics with their intervals, on the four columns of labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from cloudedge.classifier import CloudClassifier
from cloudedge.genera import GENERA
from cloudedge.model import Model, Outputs
from cloudedge.photo.read import Source
from cloudedge.row import Reason
from export.data.catalogue import CLASSES, Photo
from export.data.targets import review_target

Array = npt.NDArray[np.float64]
LEVELS = tuple(dict.fromkeys(genus.level for genus in GENERA))
LEVEL_OF_CLASS = np.array([LEVELS.index(genus.level) for genus in GENERA])
REASONS: tuple[str, ...] = get_args(Reason)
CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of `n` photos with its 95 % interval, all 0..1."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if self.n == 0:
            return "of no photo"
        return f"{self.value:6.1%}  [{self.low:.1%}, {self.high:.1%}]  n={self.n}"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model file says about N photos: probabilities float64 (N, 10); `reasons` for doubt, str (N,), or ""."""

    probabilities: Array
    reasons: npt.NDArray[np.str_]

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        return Answers(self.probabilities[chosen], self.reasons[chosen])

    @property
    def first(self) -> npt.NDArray[np.int64]:
        """The first choices, int64 (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def certain(self) -> npt.NDArray[np.bool_]:
        """Which answers are certain, bool (N,)."""
        return np.asarray(self.reasons == "")


@dataclass(frozen=True, slots=True)
class GenusRow:
    """One genus: what is said of its photos, and how often answers that name it are right.

    Of its photos the share found (`recall`), found among three, certain, and doubted for each reason; `precision` of
    all answers that name it, and of the certain ones.
    """

    genus: str
    recall: Figure
    top3: Figure
    certain: Figure
    precision: Figure
    certain_precision: Figure
    doubted: dict[str, Figure]


def share(hits: npt.NDArray[np.bool_]) -> Figure:
    """Return the share of hits with its 95 % interval (Wilson 1927).

    scipy's binomtest has the same interval, but it takes milliseconds, and calibration tries hundreds of thresholds.
    """
    n, z = len(hits), 1.959964
    if n == 0:
        return Figure(math.nan, 0.0, 1.0, 0)
    p = float(hits.mean())
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Figure(p, max(0.0, centre - half), min(1.0, centre + half), n)


def bootstrap(metric: Callable[[npt.NDArray[np.int64]], float], n: int, *, rounds: int = 1000) -> Figure:
    """Return a metric of the photos `metric(indices)` with its percentile bootstrap interval."""
    rng = np.random.default_rng(0)
    draws = [metric(rng.integers(0, n, n)) for _ in range(rounds)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Figure(metric(np.arange(n)), float(low), float(high), n)


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> Array:
    """Turn logits (N, C) into probabilities float64 (N, C)."""
    scaled = logits.astype(np.float64) / temperature
    exponent = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Bin:
    """Photos with about the same confidence: their mean probability, and the share that is right."""

    number: int
    confidence: float
    right: float
    photos: int


def calibration_bins(probabilities: Array, labels: npt.NDArray[np.int64]) -> list[Bin]:
    """Put photos, probabilities (N, C) with labels (N,), into ten equal bins by their first choice; none is empty."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    numbers = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        Bin(int(b), float(confidence[inside].mean()), float(hit[inside].mean()), int(inside.sum()))
        for b in np.unique(numbers)
        for inside in [numbers == b]
    ]


def calibration_error(probabilities: Array, labels: npt.NDArray[np.int64]) -> float:
    """Return the expected calibration error of the first choice over ten equal bins (Guo et al., arXiv:1706.04599)."""
    bins = calibration_bins(probabilities, labels)
    return float(sum(abs(b.right - b.confidence) * (b.photos / len(labels)) for b in bins))


def confusion(predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count photos by (label, prediction), int64 (C, C)."""
    return np.asarray(confusion_matrix(labels, predictions, labels=range(len(CLASSES))), dtype=np.int64)


def summarise(answers: Answers, labels: npt.NDArray[np.int64]) -> dict[str, Figure]:
    """Return the figures of answers against labels (N,).

    top-1, top-3, level, balanced accuracy and ECE; coverage is the share of certain photos, precision the share of
    those that are right.
    """
    probabilities, certain = answers.probabilities, answers.certain
    order = np.argsort(-probabilities, axis=1, kind="stable")
    level = np.stack([probabilities[:, k == LEVEL_OF_CLASS].sum(axis=1) for k in range(len(LEVELS))], axis=1)
    hits = order[:, 0] == labels

    def balanced(indices: npt.NDArray[np.int64]) -> float:
        return float(np.mean([hits[indices][labels[indices] == k].mean() for k in np.unique(labels[indices])]))

    return {
        "top1": share(hits),
        "top3": share((order[:, :3] == labels[:, None]).any(axis=1)),
        "level": share(level.argmax(axis=1) == LEVEL_OF_CLASS[labels]),
        "balanced": bootstrap(balanced, len(labels)),
        "ece": bootstrap(lambda i: calibration_error(probabilities[i], labels[i]), len(labels)),
        "coverage": share(certain),
        "precision": share(hits[certain]),
    }


def per_genus(answers: Answers, labels: npt.NDArray[np.int64]) -> list[GenusRow]:
    """Judge answers against labels (N,) genus by genus; labels -1 do not count."""
    answers, labels = answers[labels >= 0], labels[labels >= 0]
    order = np.argsort(-answers.probabilities, axis=1, kind="stable")
    first, among_three = order[:, 0], (order[:, :3] == labels[:, None]).any(axis=1)
    rows = []
    for k, genus in enumerate(CLASSES):
        mine, named = labels == k, first == k
        rows.append(
            GenusRow(
                genus,
                recall=share(first[mine] == k),
                top3=share(among_three[mine]),
                certain=share(answers.certain[mine]),
                precision=share(labels[named] == k),
                certain_precision=share(labels[named & answers.certain] == k),
                doubted={reason: share(answers.reasons[mine] == reason) for reason in REASONS},
            )
        )
    return rows


def columns(photos: Sequence[Photo]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the label of each photo in each column, int64 (N,), -1 where the column has none for it.

    `guided`: the first choice of the trusted reviews together, the column that counts. `sure`: the same, where several
    such reviews agree. `agreed`: the data set's genus, confirmed by the first choice of an older reviewer, with nothing
    against it. `manifest`: the data set's own label, photos without contradiction.
    """
    manifest = np.array([CLASSES.index(p.genus) if p.genus in CLASSES and not p.conflict else -1 for p in photos])
    agreed = np.array([label if photo.agreed else -1 for photo, label in zip(photos, manifest, strict=True)])
    targets = [review_target(photo) if photo.genus in CLASSES else None for photo in photos]
    guided = np.array([-1 if target is None else int(target.argmax()) for target in targets])
    sure = np.array([label if photo.sure else -1 for photo, label in zip(photos, guided, strict=True)])
    return {"guided": guided, "sure": sure, "agreed": agreed, "manifest": manifest}


def run_model(model: Model, inputs: Iterable[npt.NDArray[np.float32]]) -> Outputs:
    """Run a model file of this stage over inputs (1, 3, h, w), one by one as the runtime does.

    The evidence is left out: its shape follows that of each input.
    """
    outputs = [replace(model.run(image), evidence=None) for image in inputs]
    heads = ([getattr(output, name) for output in outputs] for name in ("logits", "familiarity", "clear"))
    logits, familiarity, clear = map(np.concatenate, heads)
    return Outputs(logits, None, familiarity, clear)


def classify(classifier: CloudClassifier, sources: Iterable[Source]) -> Answers:
    """Classify photos as a user does.

    The classifier must return all genera in its `top`. Raises ImageError for a photo that cannot be read.
    """
    rows = [classifier.classify(source) for source in sources]
    probabilities = [{entry.genus: entry.probability for entry in row.top} for row in rows]
    return Answers(
        np.array([[row[genus] for genus in CLASSES] for row in probabilities]),
        np.array([row.reason or "" for row in rows]),
    )


def evaluate(answers: Answers, photos: Sequence[Photo]) -> dict[str, dict[str, Figure]]:
    """Summarise the answers for photos on every column that has labels."""
    figures = {}
    for name, labels in columns(photos).items():
        if (judged := labels >= 0).any():
            figures[name] = summarise(answers[judged], labels[judged])
    return figures


def strangers(classifier: CloudClassifier, sights: Mapping[str, Sequence[Source]]) -> dict[str, dict[str, Figure]]:
    """Return how often sights of each kind, without a cloud of the ten genera, come out certain, and how else."""
    return {kind: outcomes(np.array([classifier.classify(s).reason or "" for s in sights[kind]])) for kind in sights}


def outcomes(reasons: npt.NDArray[np.str_]) -> dict[str, Figure]:
    """Return the shares of certain answers and of each reason for doubt, "" for none."""
    return {"certain": share(reasons == ""), **{reason: share(reasons == reason) for reason in REASONS}}
