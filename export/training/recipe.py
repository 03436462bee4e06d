"""A recipe: everything that decides the result of a training, read from one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cloudedge.errors import CloudEdgeError
from export.files import check_file_name
from export.training.checks import check, check_types, is_a, read_record
from export.training.network import NETWORKS

SIDE = 32  # pixels: the last stride of the networks, whose padding is made for multiples of it
_LARGEST = 1024  # pixels: several times what a genus needs, and more than is decoded


@dataclass(frozen=True, slots=True)
class Phase:
    """One one-cycle run of AdamW over `images` crops; `hint`, `verdict` and `label` weigh the three losses."""

    name: str
    images: int
    size: int
    lr: float
    lr_first: float = 0.0  # of the first of three layer groups, if different; the second gets the geometric mean
    frozen: bool = False  # whether the body keeps its weights, except those of batch norm, as in fastai
    keep_statistics: bool = False  # whether batch norm keeps the means and variances it started with
    batch: int = 32
    weight_decay: float = 0.03
    warmup: float = 0.1  # share of the steps
    min_scale: float = 0.35  # smallest area of a crop, as a share of the largest crop of its shape
    ratios: tuple[float, ...] = (1.0,)  # width to height of the crops; each batch has one of them
    stretch: float = 16 / 9  # largest factor between a crop's own ratio and that of its batch, to which it is squashed
    zoomed_out: float = 0.0  # share of crops that show more than the photo, which is mirrored at its edges
    camera: float = 0.0  # share of crops that look as if another camera took them: exposure, cast, haze, JPEG
    mixup: float = 0.0  # share of batches that are mixed
    cutmix: float = 0.0  # share of other batches, whose images get a box of each other
    trivial_augment: bool = False  # whether each crop is changed once more, at random
    noise: float = 0.0  # grey levels: each crop gets noise of a deviation from 0 to this
    balance: float = 1.0  # 0: every photo equally often, 1: every genus equally often
    hint: float = 0.0
    verdict: float = 0.0
    label: float = 0.0
    teacher_size: int = 0  # the side at which a teacher sees the crop, if larger than `size`

    def __post_init__(self) -> None:
        """Raise ValueError for a value that cannot be trained with."""
        check_types(self)
        check_file_name(self.name)
        for side in (self.size, self.teacher_size):
            check(side % SIDE == 0, f"size and teacher_size must be multiples of {SIDE}, not {side}")
        check(self.crop_size <= _LARGEST, f"size and teacher_size must be at most {_LARGEST}")
        check(self.size > 0, "size must be above 0")
        check(1 <= self.batch <= self.images, "images must be at least those of one batch")
        check(self.images <= 10**9, "images must be at most 1000000000")
        check(self.lr > 0, "lr must be above 0")
        check(0 < self.min_scale <= 1, "min_scale must be above 0 and at most 1")
        for name in ("teacher_size", "lr_first", "weight_decay", "noise", "balance", "hint", "verdict", "label"):
            check(getattr(self, name) >= 0, f"{name} must not be below 0")
        check(all(is_a(float, ratio) for ratio in self.ratios) and bool(self.ratios), "ratios must be numbers")
        check(all(0.5 <= ratio <= 2 for ratio in self.ratios), "ratios must be from 0.5 to 2")
        check(1 <= self.stretch <= 4, "stretch must be from 1 to 4")
        for name in ("warmup", "mixup", "cutmix", "zoomed_out", "camera"):
            check(0 <= getattr(self, name) <= 1, f"{name} must be from 0 to 1")
        check(self.mixup + self.cutmix <= 1, "mixup and cutmix together must be at most 1")
        check(self.hint + self.verdict + self.label > 0, "hint, verdict or label must be above 0")

    @property
    def crop_size(self) -> int:
        """The side of the crops that are drawn, if they are square."""
        return max(self.size, self.teacher_size)

    def crop_shape(self, ratio: float) -> tuple[int, int]:
        """Return the height and width, multiples of 32, of crops of a ratio: about the area of the square ones."""
        return _sides(self.crop_size, 1 / ratio), _sides(self.crop_size, ratio)

    @property
    def unlabelled(self) -> bool:
        """Whether no label reaches the phase, not even through a teacher, so that it may see every photo."""
        return self.label == 0 and self.verdict == 0


def _sides(size: int, ratio: float) -> int:
    return int(max(1, round(size * ratio**0.5 / SIDE))) * SIDE


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
    dark: float  # mean luminance (0..255) below which a photo is night
    phases: tuple[Phase, ...]
    quantize: bool = True  # to int8; otherwise the released file is float32
    odds: float = 1.0  # factor on the manifest's genus in the target, by Bayes' rule
    teachers: tuple[str, ...] = ()  # recipes of the teachers of the phases with `verdict`; hints come from the first
    average: float = (
        0.99  # decay per step of the averaged weights; after few steps they still hold a share of the start
    )
    elsewhere: bool = False  # whether photos of other sources are used, from the folder `elsewhere` beside the data
    unfamiliar: float = 0.03  # share of the clouds of a collection that may be taken for unfamiliar sights
    network: str = ""  # resnet34 or lite0, if the recipe has another name
    data: dict[str, str] = field(default_factory=CCSN.copy)  # what the model says about the photos that it learned from

    def __post_init__(self) -> None:
        """Raise ValueError for values that cannot be trained with, such as a verdict without a teacher."""
        check_types(self)
        check_file_name(self.name)
        check(self.architecture in NETWORKS, f"network must be one of {', '.join(NETWORKS)}, not {self.architecture!r}")
        check(bool(self.version) and self.version.isprintable(), "version must be a text")
        check(bool(self.weights), "weights must be none, imagenet or a path")
        sized = 0 < self.input_size <= _LARGEST and self.input_size % SIDE == 0
        check(sized, f"input_size must be a multiple of {SIDE}, at most {_LARGEST}, not {self.input_size}")
        check(self.interpolation in ("bilinear", "bicubic"), "interpolation must be bilinear or bicubic")
        check(0 <= self.seed < 2**31, "seed must be from 0 to 2147483647")
        check(self.folds >= 3, "folds must be at least 3: for training, validation and test")
        check(self.folds <= 100, "folds must be at most 100")
        for name in ("test_fold", "validation_fold"):
            check(0 <= getattr(self, name) < self.folds, f"{name} must be from 0 to {self.folds - 1}")
        check(self.test_fold != self.validation_fold, "test_fold and validation_fold must differ")
        check("manifest" in self.labels, "labels must hold a weight for the manifest")
        check(all(is_a(float, share) and share >= 0 for share in self.labels.values()), "labels must be numbers")
        check(all(is_a(str, value) for value in self.data.values()), "data must hold texts")
        check(0 < self.unfamiliar < 1, "unfamiliar must be above 0 and below 1")
        check(self.odds > 0, "odds must be above 0")
        check(0 <= self.average < 1, "average must be at least 0 and below 1")
        check(bool(self.phases), "there must be a phase")
        names = [phase.name for phase in self.phases]
        check(len(names) == len(set(names)), "each phase must have its own name")
        check(all(is_a(str, teacher) for teacher in self.teachers), "teachers must be paths")
        asked = any(phase.verdict for phase in self.phases)
        check(bool(self.teachers) or not asked, "a phase has a verdict, but the recipe has no teacher")

    @property
    def architecture(self) -> str:
        """The network that is trained: resnet34 or lite0."""
        return self.network or self.name

    def starting_from(self, weights: Path | None) -> Recipe:
        """Return the recipe with the weights of a file to start from, or with its own.

        Raises CloudEdgeError if that file does not exist.
        """
        recipe = replace(self, weights=str(weights)) if weights else self
        if recipe.weights not in ("none", "imagenet") and not Path(recipe.weights).exists():
            raise CloudEdgeError("the file of weights to start from does not exist; see the recipe", recipe.weights)
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON types, for the model's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` returned; raises ValueError for an unknown or missing key, or a bad value."""
        made = dict(content)
        if isinstance(phases := made.get("phases"), list | tuple):
            made["phases"] = tuple(read_record(Phase, phase, f"phase {k}: ") for k, phase in enumerate(phases, start=1))
        return read_record(cls, made)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file, and those of its teachers.

    Raises ValueError for bad TOML or values that cannot be trained with (an unknown key, a verdict without a teacher),
    OSError for a recipe that does not exist, CloudEdgeError for the weights that a teacher starts from.
    """
    return _load(path, ())


def _load(path: Path, students: tuple[Path, ...]) -> Recipe:
    if path.resolve() in students:
        raise ValueError(f"{path} is among its own teachers")
    recipe = Recipe.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    teachers = [_load_teacher(Path(teacher), (*students, path.resolve())) for teacher in recipe.teachers]
    if any(phase.hint and phase.verdict for phase in recipe.phases) and teachers[0].architecture != "lite0":
        raise ValueError("a phase has a hint and a verdict, for which the first teacher must be a lite0")
    return recipe


def _load_teacher(path: Path, students: tuple[Path, ...]) -> Recipe:
    try:
        return _load(path, students).starting_from(None)
    except ValueError as error:
        raise ValueError(f"teacher {path}: {error}") from error
