"""The row: what cloudedge says about one photo, whichever format it is written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cloudedge.genera import Level

if TYPE_CHECKING:  # both load numpy
    import numpy as np
    import numpy.typing as npt

    from cloudedge.evidence import EvidenceMaps

Row: TypeAlias = Mapping[str, Any]
Reason: TypeAlias = Literal["low_confidence", "unfamiliar", "dark", "clear"]

REASONS = {
    "low_confidence": "no genus stands out",
    "unfamiliar": "the photo is unlike the skies that the model knows",
    "dark": "the photo is too dark",
    "clear": "the sky looks clear",
}
NAMELESS = ("unfamiliar", "dark", "clear")  # the reasons for which a photo shows nothing that has a cloud's name


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
    """What cloudedge says about one photo: the row that every output format is made of.

    With status "error" every field about the cloud is None, `top` is empty and `error` is one line.
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
    maps: EvidenceMaps | None = field(default=None, repr=False, compare=False)  # not part of the row

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain dicts, lists, strings and numbers, its keys in the order of the fields."""
        row = asdict(replace(self, maps=None))
        del row["maps"]
        return {**row, "top": list(row["top"])}

    def evidence(self, genus: str | None = None) -> npt.NDArray[np.float32]:
        """Return the evidence for a genus (by default the row's) at each pixel of the upright photo, float32 (H, W).

        In units of the logit: positive speaks for the genus, negative against it; 0 where the model did not look.
        Raises ValueError for a genus that the model does not know, for a row with status "error", and where the model
        gives no evidence.
        """
        if self.maps is None or self.genus is None:
            raise ValueError(f"{self.model} gives no evidence" if self.genus else "there is no evidence for an error")
        return self.maps.on_photo(genus or self.genus)


def row_of(result: Classification) -> dict[str, Any]:
    """Turn a result into a row; a photo without a path has the path -, as for standard input."""
    row = result.to_dict()
    return row if row["path"] is not None else {**row, "path": "-"}


def flat_columns(top_k: int) -> list[str]:
    """Return the names of the columns of a flat row: the keys in their order, `level` and `top` flattened."""
    columns = ["path", "status", "error", "genus", "abbreviation", "probability", "certain", "reason"]
    columns += ["level_name", "level_probability", "base", "rain"]
    for rank in range(1, top_k + 1):
        columns += [f"top{rank}_genus", f"top{rank}_probability"]
    return [*columns, "captured_at", "model"]


def flatten(row: Row, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the value of each column of a row; None where the row has no such value."""
    level = row["level"] or {}
    values = {**row, "level_name": level.get("name"), "level_probability": level.get("probability")}
    for rank, entry in enumerate(row["top"], start=1):
        values[f"top{rank}_genus"], values[f"top{rank}_probability"] = entry["genus"], entry["probability"]
    return map(values.get, columns)
