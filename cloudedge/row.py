"""The row: what cloudedge says about one photo, whichever format it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from cloudedge.errors import printable
from cloudedge.genera import GENERA, Level, full_name
from cloudedge.photo.capture_time import TimeSource
from cloudedge.sun import Sun

if TYPE_CHECKING:  # both load numpy
    import numpy as np
    import numpy.typing as npt

    from cloudedge.evidence import EvidenceMaps

Row: TypeAlias = Mapping[str, Any]
Table: TypeAlias = Sequence[Sequence[Any]]  # the columns of rows, each with a value for each row
Reason: TypeAlias = Literal["low_confidence", "unfamiliar", "dark", "clear"]

REASONS = {
    "low_confidence": "no genus stands out",
    "unfamiliar": "unlike the skies that the model knows",
    "dark": "too little light to tell",
    "clear": "hardly any cloud to name",
}
_OBJECTS = {"level", "sun"}  # fields that are objects, whose parts are columns of the flat row
_RANK = re.compile("top[0-9]+")
# The reasons for which a photo shows nothing that has a cloud's name, and what it shows instead.
NAMELESS = {"clear": "Clear sky", "dark": "Too dark", "unfamiliar": "Not a sky I know"}
SUN_COLUMNS = ("sun_elevation", "sun_azimuth", "sun_phase")


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


@dataclass(frozen=True)
class Classification:
    """What cloudedge says about one photo: the row that every output format is made of.

    Genus, abbreviation, probability, level, base and rain are None where the photo shows nothing that has a cloud's
    name (the reasons dark, clear and unfamiliar); `top` holds the guesses all the same. With status "error" every field
    about the cloud is None, `top` is empty and `error` is one line. `sun` is None unless the
    location of the camera and the instant of the capture are known.
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
    time_source: TimeSource | None
    sun: Sun | None
    model: str

    # Each result has its own, but they are not a field: they belong neither to the row nor to what `asdict` returns.
    _maps: ClassVar[Any] = None

    def __str__(self) -> str:
        return f"{printable(self.path or '-')}: {summary(self.to_dict())}"

    @property
    def state(self) -> str:
        """The state of the sky in one word: the genus, else the reason, else "error"."""
        return self.genus or self.reason or self.status

    @property
    def maps(self) -> EvidenceMaps | None:
        """The evidence maps, None where the model gives no evidence."""
        maps: EvidenceMaps | None = self._maps
        return maps

    def with_maps(self, maps: EvidenceMaps | None) -> Classification:
        """Return the same result with other evidence maps."""
        result = replace(self)
        object.__setattr__(result, "_maps", maps)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain dicts, lists, strings and numbers, its keys in the order of the fields."""
        row = asdict(self)
        return {**row, "top": list(row["top"])}

    def evidence(self, genus: str | None = None) -> npt.NDArray[np.float32]:
        """Return the evidence for a genus at each pixel of the upright photo, float32 (H, W).

        `genus` is a name or an abbreviation, by default that of the best guess. In units of the logit: positive speaks
        for the genus, negative against it; 0 where the model did not look. Raises ValueError for a genus that the model
        does not know, for a row with status "error", and where the model gives no evidence.
        """
        if self.status == "error":
            raise ValueError("there is no evidence for an error")
        if self.maps is None:
            raise ValueError(f"{self.model} gives no evidence")
        return self.maps.on_photo(full_name(genus or self.top[0].genus))


def row_of(result: Classification) -> dict[str, Any]:
    """Turn a result into a row; a photo without a path has the path -, as for standard input."""
    row = result.to_dict()
    return row if row["path"] is not None else {**row, "path": "-"}


def flat_columns(top_k: int) -> list[str]:
    """Return the names of the columns of a flat row: the keys in their order, `level`, `top` and `sun` flattened."""
    columns = ["path", "status", "error", "genus", "abbreviation", "probability", "certain", "reason"]
    columns += ["level_name", "level_probability", "base", "rain"]
    for rank in range(1, top_k + 1):
        columns += [f"top{rank}_genus", f"top{rank}_probability"]
    return [*columns, "captured_at", "time_source", *SUN_COLUMNS, "model"]


def flatten(row: Row, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the value of each column of a row; None where the row has no value for it."""
    level = row["level"] or {}
    values = {**row, "level_name": level.get("name"), "level_probability": level.get("probability")}
    values.update({f"sun_{name}": value for name, value in (row.get("sun") or {}).items()})
    for rank, entry in enumerate(row["top"], start=1):
        values[f"top{rank}_genus"], values[f"top{rank}_probability"] = entry["genus"], entry["probability"]
    return map(values.get, columns)


def cells_of(row: Row, columns: Sequence[str]) -> Sequence[Any]:
    """Return the value of each column of a row, nested or flat: fields that are not objects, and `sun_phase`."""
    cells = [*map(row.get, columns)]
    if (sun := row.get("sun")) and "sun_phase" in columns:
        cells[columns.index("sun_phase")] = sun["phase"]
    return cells


def joined(columns: Table, number: int) -> Table:
    """Return the first columns as they are, and the others as one, of tuples."""
    return [*columns[:number], [*zip(*columns[number:], strict=True)]]


def guesses_of(row: Row) -> list[tuple[str, float]]:
    """Return the genera of `top` and their probabilities, best first, from a row or a flat row."""
    if "top" in row:
        return [(entry["genus"], entry["probability"]) for entry in row["top"]]
    ranks = range(1, len(GENERA) + 1)
    cells = [(row.get(f"top{rank}_genus"), row.get(f"top{rank}_probability")) for rank in ranks]
    return [(genus, float(probability)) for genus, probability in cells if genus and probability]


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that `flatten` made flat, its fields in the order of the columns."""
    row: dict[str, Any] = {}
    for column, value in flat.items():
        field, _, part = column.partition("_")
        if field in _OBJECTS:
            row.setdefault(field, {})[part] = value
        elif _RANK.fullmatch(field):
            entries = row.setdefault("top", [])
            if part == "genus":
                entries.append({})
            entries[-1][part] = value
        else:
            row[column] = value
    for field in _OBJECTS & row.keys():
        if set(row[field].values()) == {None}:
            row[field] = None
    row["top"] = [entry for entry in row["top"] if entry["genus"]]
    return row


def is_number(column: str) -> bool:
    """Return whether a column of the flat row holds numbers."""
    return column.endswith(("probability", "elevation", "azimuth"))


def percent(probability: float) -> str:
    """Return a probability for people to read: what a photo shows is never 0 or 100 % certain."""
    if probability < 0.005:
        return "<1%"
    return ">99%" if probability >= 0.995 else f"{probability:.0%}"


def summary(row: Row) -> str:
    """Return what a row says in one line, without its path; a doubt about a genus stands at the end."""
    if row["status"] == "error":
        return f"error: {printable(row['error'])}"
    if row["genus"] is None:
        return f"{NAMELESS[row['reason']]}: {doubt(row)} (best guess {guesses(row['top'][:1])})"
    text = ", ".join([f"{row['genus']} {percent(row['probability'])}", *setting(row)])
    return text if row["certain"] else f"{text}; {doubt(row)}"


def guesses(top: Sequence[Row]) -> str:
    """Return entries of `top` as words."""
    return ", ".join(f"{entry['genus']} {percent(entry['probability'])}" for entry in top)


def setting(row: Row) -> list[str]:
    """Return the level, the base and the rain of a row with a genus, as words."""
    level, rain = row["level"], row["rain"]
    return [
        f"{level['name']} level {percent(level['probability'])}",
        f"base {row['base']}",
        rain[:1].lower() + rain[1:],
    ]


def doubt(row: Row) -> str:
    """Return why a row is not certain, or names no genus, as words."""
    reason = str(REASONS.get(row["reason"], row["reason"]))
    return f"not certain: {reason}" if row["genus"] else reason
