"""From a photo to the row that says which cloud it shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cloudedge.genera import Level
from cloudedge.image import Source

Reason = Literal["low_confidence", "unfamiliar", "dark"]


@dataclass(frozen=True, slots=True)
class LevelProbability:
    """A cloud level and the summed probability (0..1) of its genera."""

    name: Level
    probability: float


@dataclass(frozen=True, slots=True)
class GenusProbability:
    """A genus and its calibrated probability (0..1)."""

    genus: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What cloudedge says of one photo: the row that every output format is made of.

    With status "error" all that speaks of the cloud is None, `top` is empty and `error` is one line.
    """

    path: str | None
    status: Literal["ok", "error"]
    error: str | None
    genus: str | None
    abbreviation: str | None
    probability: float | None
    certain: bool | None
    reason: Reason | None
    level: LevelProbability | None
    base: str | None
    rain: str | None
    top: tuple[GenusProbability, ...]
    captured_at: str | None
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain dicts, lists, strings and numbers, its keys in the order of the fields."""
        return {**asdict(self), "top": [asdict(entry) for entry in self.top]}


class CloudClassifier:
    """Names the cloud genus in photos of the sky."""

    def __init__(self, model: str | os.PathLike[str] = "resnet34", threads: int | None = None, top_k: int = 3) -> None:
        raise NotImplementedError

    def classify(self, source: Source) -> Classification:
        """Classify one photo."""
        raise NotImplementedError

    def classify_many(self, sources: Iterable[Source]) -> Iterator[Classification]:
        """Classify photos, lazily and in order; an unreadable one is a row with status "error"."""
        raise NotImplementedError
