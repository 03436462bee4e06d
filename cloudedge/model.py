"""One .onnx file: check it, read what it says of itself, run it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

# The SHA-256 of each packaged model; one line per model, written by the release step.
PACKAGED_SHA256: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Resize:
    """How a photo gets to the model's size: squashed to `size` x `size` pixels, then centre-cropped."""

    rule: Literal["squash"]
    size: int
    interpolation: Literal["bilinear", "bicubic"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model file says of itself (JSON in its metadata, key `cloudedge`)."""

    name: str
    version: str
    classes: tuple[str, ...]
    input_size: int
    resize: Resize
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    temperature: float
    thresholds: Mapping[str, float]
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Parse and check the metadata; ValueError says in one line what does not fit."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the model says of N photos: logits float32 (N, classes), familiarity float32 (N,) or None."""

    logits: npt.NDArray[np.float32]
    familiarity: npt.NDArray[np.float32] | None


class Model:
    """An opened model file. Attributes: `path: Path`, `threads: int`, `spec: ModelSpec`."""

    path: Path
    threads: int
    spec: ModelSpec

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        raise NotImplementedError

    def run(self, batch: npt.NDArray[np.float32]) -> Outputs:
        """Run a batch float32 (N, 3, S, S)."""
        raise NotImplementedError


def packaged(name: str) -> Path:
    """Return the path of the packaged model of that name ("resnet34"); ModelError when there is none."""
    raise NotImplementedError


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
