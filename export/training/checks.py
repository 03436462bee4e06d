"""Records that a user writes: which values fit a dataclass, and in one line which do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_origin, get_type_hints

Record = TypeVar("Record")
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "a table",
    tuple: "a list",
}


def check(fits: bool, problem: str) -> None:
    """Raise ValueError with the problem unless it fits."""
    if not fits:
        raise ValueError(problem)


def check_types(record: Any) -> None:
    """Raise ValueError for a field of a dataclass of the wrong type, or one that is not finite."""
    for name, kind in get_type_hints(type(record)).items():
        plain, value = get_origin(kind) or kind, getattr(record, name)
        check(is_a(plain, value), f"{name} must be {KINDS[plain]}, not {value!r}")


def is_a(kind: type, value: Any) -> bool:
    """Return whether a value is of a type of `KINDS`; whole numbers are numbers too, truth values and NaN are not."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float) and math.isfinite(value) if kind is float else isinstance(value, kind)


def read_record(kind: type[Record], content: Any, where: str = "") -> Record:
    """Make a dataclass of a table; ValueError, which begins with `where`, for a key or value that does not fit."""
    check(isinstance(content, Mapping), f"{where}must be a table")
    required = {field.name: field.default is field.default_factory is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    for name in content:
        check(name in required, f"{where}{name!r} is unknown; known are {', '.join(required)}")
    for name, needed in required.items():
        check(name in content or not needed, f"{where}{name!r} is missing")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in content.items()})
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error
