"""The description in a model file's metadata, and whether it makes sense."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cloudedge.genera import GENERA

METADATA_KEY = "cloudedge"  # in the file's metadata_props

_Fits: TypeAlias = Callable[[Any], bool]
_Fields: TypeAlias = Mapping[str, tuple[_Fits, str]]  # what each field has to satisfy, and that in words


@dataclass(frozen=True, slots=True)
class Resize:
    """How a photo gets to the model's size, in pixels.

    "squash": squashed to `size` x `size`, then centre-cropped. "proportions": the short side becomes `size`, the long
    side the multiple of `multiple` that keeps the photo's proportions best, up to `max_ratio` times the short side.
    """

    rule: Literal["squash", "proportions"]
    size: int
    interpolation: Literal["bilinear", "bicubic"]
    multiple: int = 32
    max_ratio: float = 2.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The description of a model: the JSON in its file's metadata.

    `classes` stand in output order; `input_size`, the short side of the input, and `resize.size` are pixels; `mean` and
    `std` are of pixel values in 0..1; `thresholds` holds "low_confidence" (probability) and may hold "dark" (mean
    luminance 0..255), "unfamiliar" (familiarity score) and "clear" (probability of hardly any cloud).
    """

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
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not valid JSON ({error})") from error
        _check(found, _FIELDS, "")
        _check(found["resize"], _RESIZE_FIELDS, "resize.")
        resize = _resize(found["resize"], found["input_size"])
        fields = {name: found[name] for name in _FIELDS}
        lists = {name: tuple(found[name]) for name in ("classes", "mean", "std")}
        return cls(**{**fields, **lists, "resize": resize})


def _resize(found: Mapping[str, Any], input_size: int) -> Resize:
    """Return the resize rule, whose common fields are checked; ValueError for what does not fit its kind."""
    common = {name: found[name] for name in _RESIZE_FIELDS}
    if found["rule"] == "squash":
        if found["size"] < input_size:
            raise ValueError("resize.size must be at least input_size")
        return Resize(**common)
    _check(found, _PROPORTIONS_FIELDS, "resize.")
    if found["size"] != input_size:
        raise ValueError("resize.size must be input_size")
    if found["size"] % found["multiple"]:
        raise ValueError("resize.size must be a multiple of resize.multiple")
    return Resize(**common, **{name: found[name] for name in _PROPORTIONS_FIELDS})


def _check(found: Any, fields: _Fields, prefix: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{prefix.rstrip('.') or 'it'} must be an object")
    for name, (fits, wanted) in fields.items():
        if name not in found:
            raise ValueError(f"{prefix}{name} is missing")
        if not fits(found[name]):
            raise ValueError(f"{prefix}{name} must be {wanted}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9  # not NaN, not infinite


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and _is_plain(value, 20)


def _is_plain(value: Any, levels: int) -> bool:
    """Tell whether a value can be written as JSON again: no NaN, and no hundreds of lists in each other."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return levels > 0 and all(_is_plain(item, levels - 1) for item in items)
    return not isinstance(value, float) or math.isfinite(value)


def _are_genera(value: Any) -> bool:
    names = [genus.name for genus in GENERA]
    return isinstance(value, list) and all(name in names for name in value) and 2 <= len(value) == len(set(value))


def _are_thresholds(value: Any) -> bool:
    return _is_object(value) and "low_confidence" in value and all(map(_is_number, value.values()))


def _are_three(fits: _Fits) -> _Fits:
    return lambda value: isinstance(value, list) and len(value) == 3 and all(map(fits, value))


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value >= 1e-9  # dividing by less can overflow


_FIELDS: _Fields = {
    "name": (_is_text, "a text"),
    "version": (_is_text, "a text"),
    "classes": (_are_genera, "a list of at least two of the ten genera, each once"),
    "input_size": (_is_size, "a number of pixels"),
    "resize": (_is_object, "an object"),
    "mean": (_are_three(_is_number), "three numbers"),
    "std": (_are_three(_is_positive), "three numbers from 1e-9 to 1e9"),
    "temperature": (_is_positive, "a number from 1e-9 to 1e9"),
    "thresholds": (_are_thresholds, 'an object of numbers, "low_confidence" among them'),
    "recipe": (_is_object, "an object without NaN or Infinity, at most 20 deep"),
    "data": (_is_object, "an object without NaN or Infinity, at most 20 deep"),
    "metrics": (_is_object, "an object without NaN or Infinity, at most 20 deep"),
    "licence": (_is_text, "a text"),
}
_RESIZE_FIELDS: _Fields = {
    "rule": (lambda value: value in ("squash", "proportions"), '"squash" or "proportions"'),
    "size": (_is_size, "a number of pixels"),
    "interpolation": (lambda value: value in ("bilinear", "bicubic"), '"bilinear" or "bicubic"'),
}
_PROPORTIONS_FIELDS: _Fields = {
    "multiple": (_is_size, "a number of pixels"),
    "max_ratio": (lambda value: _is_number(value) and 1 <= value <= 4, "a number from 1 to 4"),
}
