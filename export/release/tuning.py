"""Fine-tuning a released model to one's own captures: whether there are enough of them, and whether it was worth it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cloudedge.classifier import CloudClassifier
from cloudedge.errors import CloudEdgeError
from export.data.catalogue import CLASSES
from export.data.data_set import DataSet, genera
from export.data.targets import trusted
from export.release.evaluation import classify
from export.training.recipe import Recipe

FEWEST = 60  # captures in all: of fewer, the two folds that check the tuning hold hardly a dozen each
ENOUGH = 25  # captures of a genus: with fewer, the tuned model is better by luck only


def released_start(recipe: Recipe) -> Path | None:
    """Return the released model file whose weights a recipe starts from; None where it starts from other weights."""
    path = Path(recipe.weights).with_suffix(".onnx")
    return path if recipe.weights.endswith(".safetensors") and path.exists() else None


def warnings(data: DataSet) -> list[str]:
    """Return what is wrong with captures to tune by, a sentence each.

    Raises CloudEdgeError where they are too few to tune by at all.
    """
    counts = Counter(photo.genus for photo in genera(data.photos))
    if counts.total() < FEWEST or len(counts) < 2:
        named = ", ".join(f"{count} of {genus}" for genus, count in counts.most_common())
        problem = f"holds {counts.total()} captures ({named}), too few to tune a model by: collect at least {ENOUGH} of"
        raise CloudEdgeError(f"{problem} each of two or more genera, or use the model as it is", str(data.root))
    few = [f"{count} of {genus}" for genus, count in counts.most_common() if count < ENOUGH]
    if not few:
        return []
    return [f"only {', '.join(few)}: below {ENOUGH} captures of a genus, a tuned model may well be worse than before"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often a model was right on the captures kept apart, before and after tuning."""

    captures: int
    before: int
    after: int
    better: int  # captures that only the tuned model names rightly
    worse: int  # those that only the model before did
    certain: int

    @property
    def sentence(self) -> str:
        """Whether the tuned model is worth using, in one sentence."""
        n, surely = self.captures, abs(self.better - self.worse) > (self.better + self.worse) ** 0.5
        told = f"Of {n} captures kept apart, the model named {self.before} rightly before tuning and {self.after} after"
        if self.after > self.before:
            advice = "it is worth using" if surely else "that may be chance: collect more captures, and tune again"
        else:
            advice = "it is not worth using: keep the model as it was"
        sure = "" if self.certain else "; it is certain of none of them, so its answers are all doubts"
        return f"{told}: {advice}{sure}."


def compare(before: Path, after: Path, data: DataSet) -> Verdict:
    """Compare two model files on the test photos, by the labels that settings are made by."""
    photos = [photo for photo, label in zip(data.test, trusted(data.test), strict=True) if label >= 0]
    labels = trusted(photos)
    answers = [classify(CloudClassifier(path, top_k=len(CLASSES)), data.files(photos)) for path in (before, after)]
    old, new = (found.first == labels for found in answers)
    return Verdict(
        captures=len(photos),
        before=int(old.sum()),
        after=int(new.sum()),
        better=int((new & ~old).sum()),
        worse=int((old & ~new).sum()),
        certain=int(np.count_nonzero(answers[1].certain)),
    )
