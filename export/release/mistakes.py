"""Where a model is wrong: the pairs it confuses, each genus, and the photos it is most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloudedge.photo.read import read
from export.data.catalogue import CLASSES, Photo
from export.data.contact_sheet import THUMBNAIL, Tile, contact_sheet
from export.files import write_csv
from export.release.evaluation import Answers, Array, GenusRow, confusion, per_genus

TOP_LOSSES = 48
# What `evaluate` writes for a column of labels, with its plots.
OF_A_COLUMN = (
    "confused-{}.csv",
    "confusion-{}.png",
    "genera-{}.csv",
    "genera-{}.png",
    "losses-{}.csv",
    "reliability-{}.png",
    "top-losses-{}.png",
)


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many photos of `label` are predicted as `predicted`, of how many photos of `label`."""

    label: str
    predicted: str
    count: int
    of: int


def most_confused(counts: npt.NDArray[np.int64], min_val: int = 2) -> list[Confusion]:
    """List the mistakes made at least `min_val` times, most frequent first, from counts (label, prediction)."""
    mistakes = [
        Confusion(CLASSES[label], CLASSES[predicted], int(count), int(counts[label].sum()))
        for (label, predicted), count in np.ndenumerate(counts)
        if label != predicted and count >= min_val
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.count)


def losses(probabilities: Array, labels: npt.NDArray[np.int64]) -> Array:
    """Return the cross-entropy of each photo, float64 (N,), in nats."""
    return np.asarray(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-12))


def clear(folder: Path, name: str) -> None:
    """Delete what an earlier run wrote for a column of labels: it would pass for this run's."""
    for written in OF_A_COLUMN:
        (folder / written.format(name)).unlink(missing_ok=True)


def write(
    folder: Path, name: str, root: Path, photos: Sequence[Photo], answers: Answers, labels: npt.NDArray[np.int64]
) -> None:
    """Write the tables of one column of labels, and a contact sheet of the highest losses, into `folder`.

    `losses-NAME.csv` is what `clean --losses` takes.
    """
    probabilities, first = answers.probabilities, answers.first
    confused = most_confused(confusion(first, labels))
    rows: list[tuple[object, ...]] = [(pair.label, pair.predicted, pair.count, pair.of) for pair in confused]
    write_csv(folder / f"confused-{name}.csv", ("label", "predicted", "count", "of"), rows)
    _write_genera(folder / f"genera-{name}.csv", per_genus(answers, labels))
    loss = losses(probabilities, labels)
    order = np.argsort(-loss, kind="stable")
    rows = [
        (photos[k].file, CLASSES[labels[k]], CLASSES[first[k]], f"{probabilities[k, first[k]]:.4f}", f"{loss[k]:.4f}")
        for k in order
    ]
    write_csv(folder / f"losses-{name}.csv", ("file", "label", "predicted", "probability", "loss"), rows)
    tiles = [
        Tile(
            read(root / photos[k].file, THUMBNAIL).pixels,
            f"{Path(photos[k].file).stem}, loss {loss[k]:.1f}\n"
            # Broken where any two names fit into the width of a thumbnail.
            f"{CLASSES[labels[k]]} taken for\n{CLASSES[first[k]]}, {probabilities[k, first[k]]:.0%}",
        )
        for k in order[:TOP_LOSSES]
        if first[k] != labels[k]
    ]
    if tiles:
        contact_sheet(tiles, folder / f"top-losses-{name}.png", columns=8)


def _write_genera(path: Path, table: Sequence[GenusRow]) -> None:
    rows: list[dict[str, object]] = []
    for row in table:
        cells: dict[str, object] = {"genus": row.genus}
        shares = {name: getattr(row, name) for name in ("recall", "top3", "certain", "precision", "certain_precision")}
        for name, found in (shares | row.doubted).items():
            for part, value in (("", found.value), ("_low", found.low), ("_high", found.high)):
                cells[name + part] = f"{value:.4f}"
            cells[f"{name}_n"] = found.n
        rows.append(cells)
    write_csv(path, list(rows[0]), [list(cells.values()) for cells in rows])
