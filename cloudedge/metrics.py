"""What Prometheus reads: counts of photos, and the latest sky, in its text format (version 0.0.4)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cloudedge.genera import GENERA
from cloudedge.row import NAMELESS, Row

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Each state of the sky in one word, as in `genus or reason`.
STATES = (*(genus.name for genus in GENERA), *NAMELESS)

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without the prefix `cloudedge_`, and a value for each set of labels."""

    name: str
    kind: Literal["counter", "gauge"]
    text: str
    samples: Sequence[tuple[Labels, float]]


def render(families: Iterable[Family]) -> str:
    """Write metrics as Prometheus reads them; one without a value is left out."""
    return "".join(line for family in families if family.samples for line in _lines(family))


class PhotoCounts:
    """Counts photos by the status of their rows; `noun` is what they are called, `labels` go to each value."""

    def __init__(self, noun: str, labels: Labels | None = None) -> None:
        self._noun, self._labels = noun, labels or {}
        self._counts = Counter[str](ok=0, error=0)
        self._last: dict[str, float] = {}  # status -> seconds since 1970

    def add(self, row: Row) -> None:
        """Count a row."""
        self._counts[row["status"]] += 1
        self._last[row["status"]] = time.time()

    def families(self) -> Iterator[Family]:
        """Yield the counts, and when the last row was made."""
        counts = [(_with(self._labels, status=status), float(number)) for status, number in self._counts.items()]
        times = [(_with(self._labels, status=status), moment) for status, moment in self._last.items()]
        yield Family(f"{self._noun}s_total", "counter", f"The {self._noun}s, by the status of their rows.", counts)
        text = f"When the last {self._noun} got its row."
        yield Family(f"last_{self._noun}_timestamp_seconds", "gauge", text, times)


class Sky:
    """The sky in the latest photo that could be classified; `labels` go to each value."""

    def __init__(self, labels: Labels | None = None) -> None:
        self._labels = labels or {}
        self._row: Row | None = None

    def add(self, row: Row) -> None:
        """Take the sky of a row, unless its photo could not be classified."""
        if row["status"] == "ok":
            self._row = row

    def families(self) -> Iterator[Family]:
        """Yield which state the sky has, and how sure that is; nothing before the first row."""
        if self._row is None:
            return
        state = self._row["genus"] or self._row["reason"]
        states = [(_with(self._labels, state=one), float(one == state)) for one in STATES]
        yield Family("sky_state", "gauge", "1 for the state of the sky in the latest photo, 0 for the others.", states)
        if self._row["probability"] is not None:
            text = "The probability of the genus, where the sky shows one."
            yield Family("sky_probability", "gauge", text, [(self._labels, self._row["probability"])])
        certain = [(self._labels, float(self._row["certain"]))]
        yield Family("sky_certain", "gauge", "1 where the latest answer is certain, else 0.", certain)


def _with(labels: Labels, **more: str) -> Labels:
    return {**labels, **more}


def _lines(family: Family) -> Iterator[str]:
    name = f"cloudedge_{family.name}"
    yield f"# HELP {name} {family.text}\n# TYPE {name} {family.kind}\n"
    for labels, value in family.samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {value!r}\n" if inside else f"{name} {value!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
