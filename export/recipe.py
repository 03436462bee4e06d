"""A recipe: everything that decides what a training run gives, read from one TOML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # the same, for Python 3.10


@dataclass(frozen=True, slots=True)
class Phase:
    """One one-cycle run of AdamW over `images` crops; `hint`, `verdict` and `label` weigh the three losses."""

    name: str
    images: int
    size: int
    lr: float
    lr_first: float = 0.0  # that of the first of the three layer groups, where it is another; the second lies between
    frozen: bool = False  # whether the body keeps its weights but for those of batch norm, as in fastai
    keep_statistics: bool = False  # whether batch norm keeps its means and variances, those of the start
    batch: int = 32
    weight_decay: float = 0.03
    warmup: float = 0.1  # share of the steps
    min_scale: float = 0.35  # of the photo's area that a crop shows
    mixup: float = 0.0  # share of batches that are mixed
    noise: float = 0.0  # grey levels: each crop gets noise of a deviation between none and this
    balance: float = 1.0  # 0: every photo as often, 1: every genus as often
    hint: float = 0.0
    verdict: float = 0.0
    label: float = 0.0
    teacher_size: int = 0  # the side at which a teacher sees the crop, where that is larger than `size`

    @property
    def crop_size(self) -> int:
        """The side of the crops that are drawn."""
        return max(self.size, self.teacher_size)

    @property
    def unlabelled(self) -> bool:
        """Whether no label reaches the phase, not even through a teacher: then it may see every photo."""
        return self.label == 0 and self.verdict == 0


CCSN = {"name": "CCSN", "doi": "10.7910/DVN/CADDPD", "licence": "CC0-1.0"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, its data and its phases."""

    name: str
    version: str
    weights: str  # none, imagenet or a path
    input_size: int
    interpolation: str
    seed: int
    folds: int
    test_fold: int
    validation_fold: int
    labels: dict[str, float]  # how much the manifest and each reviewer count in the target
    dark: float  # mean luminance (0..255) under which a photo is night
    phases: tuple[Phase, ...]
    quantize: bool = True  # to int8, else the released file is float32
    odds: float = 1.0  # how many times likelier the manifest's genus gets in the target, by Bayes' rule
    teachers: tuple[str, ...] = ()  # recipes of those who teach the phases with `verdict`; hints are the first's
    average: float = 0.99  # decay of the averaged weights, a tenth of a phase at most
    network: str = ""  # resnet34, lite0 or lite2, where the name is another
    data: dict[str, str] = field(default_factory=CCSN.copy)  # what the model says of the photos that it learned from

    def __post_init__(self) -> None:
        """Raise ValueError for a phase that asks for a verdict where nobody gives one."""
        if any(phase.verdict for phase in self.phases) and not self.teachers:
            raise ValueError("a phase has a verdict, but the recipe has no teacher")

    @property
    def architecture(self) -> str:
        """The network that is trained: resnet34, lite0 or lite2."""
        return self.network or self.name

    def to_dict(self) -> dict[str, Any]:
        """Give the recipe as plain JSON types, for the model's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` gave; raises TypeError or KeyError for an unknown or missing key."""
        phases = tuple(Phase(**phase) for phase in content["phases"])
        return cls(**{**content, "phases": phases, "teachers": tuple(content.get("teachers", ()))})


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file, and those of its teachers.

    Raises TypeError or KeyError for an unknown or missing key, ValueError for bad TOML or what cannot be trained by (a
    verdict without a teacher, say), OSError for a file that is not there, be it a recipe or the weights to start from.
    """
    recipe = Recipe.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    if recipe.weights not in ("none", "imagenet"):
        Path(recipe.weights).stat()
    teachers = [load_recipe(Path(teacher)) for teacher in recipe.teachers]
    if any(phase.hint and phase.verdict for phase in recipe.phases) and teachers[0].architecture != "lite0":
        raise ValueError("a phase has a hint and a verdict, for which the first teacher must be a lite0")
    return recipe
