"""The page for deciding about doubtful labels: which photos it shows, and why."""

from __future__ import annotations

import base64
import html
import io
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from cloudedge.errors import CloudEdgeError, printable
from cloudedge.photo.read import read
from export.data.catalogue import CLASSES, Photo
from export.data.decisions import Key
from export.files import numbered_rows, write_text

TEMPLATE = Path(__file__).with_name("cleaning.html")
SIDE = 320
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo of a queue, and why it is there."""

    photo: Photo
    why: str


def highest_losses(photos: Sequence[Photo], losses: Mapping[str, float]) -> list[Entry]:
    """Return the photos with a loss (nats, by file), highest first."""
    known = sorted((photo for photo in photos if photo.file in losses), key=lambda photo: -losses[photo.file])
    return [Entry(photo, f"loss {losses[photo.file]:.2f}") for photo in known]


def contradictions(photos: Sequence[Photo]) -> list[Entry]:
    """Return the photos that are listed under two genera, copies side by side."""
    return _copies([photo for photo in photos if photo.conflict], photos)


def near_duplicates(photos: Sequence[Photo]) -> list[Entry]:
    """Return the photos that have copies under the same genus, copies side by side."""
    sizes: dict[int, int] = {}
    for photo in photos:
        sizes[photo.group] = sizes.get(photo.group, 0) + 1
    return _copies([photo for photo in photos if sizes[photo.group] > 1 and not photo.conflict], photos)


def _copies(chosen: Sequence[Photo], photos: Sequence[Photo]) -> list[Entry]:
    files: dict[int, list[str]] = {}
    for photo in photos:
        files.setdefault(photo.group, []).append(photo.file)
    entries = []
    for photo in sorted(chosen, key=lambda photo: (photo.group, photo.file)):
        others = ", ".join(file for file in files[photo.group] if file != photo.file)
        entries.append(Entry(photo, f"same picture as {others}"))
    return entries


def disagreements(photos: Sequence[Photo]) -> list[Entry]:
    """Return the photos for which the mean of the reviews prefers another name than the manifest's, clearest first."""
    found: list[tuple[float, Entry]] = []
    for photo in photos:
        opinion: dict[str, float] = {}
        for choices in photo.reviews.values():
            for name, probability in choices.items():
                opinion[name] = opinion.get(name, 0.0) + probability / len(photo.reviews)
        best = max(opinion, key=opinion.__getitem__, default=photo.genus)
        if best != photo.genus:
            own = opinion.get(photo.genus, 0.0)
            why = "reviews: " + ", ".join(f"{n} {p:.0%}" for n, p in sorted(opinion.items(), key=lambda i: -i[1])[:3])
            found.append((opinion[best] - own, Entry(photo, why)))
    return [entry for _, entry in sorted(found, key=lambda pair: -pair[0])]


def read_losses(paths: Iterable[Path], photos: Sequence[Photo]) -> dict[str, float]:
    """Read the columns `file` and `loss` of CSV files, such as the `losses-*.csv` of `evaluate`.

    Raises CloudEdgeError for a file that lists none of the photos.
    """
    files = {photo.file for photo in photos}
    losses: dict[str, float] = {}
    for path in paths:
        found = _losses_of(path)
        if files.isdisjoint(found):
            problem = "lists other photos than these; give losses that `evaluate` wrote with the same --data"
            raise CloudEdgeError(problem, str(path))
        losses |= found
    return losses


def _losses_of(path: Path) -> dict[str, float]:
    losses: dict[str, float] = {}
    for number, row in numbered_rows(path, ("file", "loss")):
        try:
            losses[row["file"]] = float(row["loss"])
        except ValueError as error:
            raise CloudEdgeError(f"line {number}: {row['loss']!r} is not a number", str(path)) from error
    return losses


def queues_of(photos: Sequence[Photo], losses: Mapping[str, float], limit: int) -> dict[str, list[Entry]]:
    """Return at most `limit` photos for each reason, by its title; a photo is only in the first queue that fits."""
    wanted = {
        "Highest loss": highest_losses(photos, losses),
        "Contradictions": contradictions(photos),
        "Reviews disagree": disagreements(photos),
        "Copies": near_duplicates(photos),
    }
    taken: set[str] = set()
    queues: dict[str, list[Entry]] = {}
    for title, entries in wanted.items():
        rest = [entry for entry in entries if entry.photo.file not in taken][:limit]
        taken |= {entry.photo.file for entry in rest}
        if rest:
            queues[title] = rest
    return queues


def write_page(root: Path, queues: Mapping[str, Sequence[Entry]], decided: Mapping[Key, str], path: Path) -> None:
    """Write the page with the photos inside, as JPEG of 320 pixels; it needs no network and no other file."""
    content = {
        "genera": CLASSES,
        "queues": [
            {"title": title, "photos": [_item(root, entry, decided) for entry in tqdm(entries, desc=title, unit="")]}
            for title, entries in queues.items()
        ],
    }
    # Inside of a script element only `<` could end it.
    data = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
    page = TEMPLATE.read_text(encoding="utf-8").replace("DATA", data, 1)
    # In this order: names may hold these words too, but come after the place of the command.
    write_text(path, page.replace("APPLY", html.escape(_apply_command(root)), 1))


def _apply_command(root: Path) -> str:
    command = ["python", "-m", "export", "clean", "apply", "decisions.csv", "--data", str(root)]
    return printable(shlex.join(command))  # a page is UTF-8, a path any bytes


def _item(root: Path, entry: Entry, decided: Mapping[Key, str]) -> dict[str, object]:
    photo = entry.photo
    image = Image.fromarray(read(root / photo.file, SIDE).pixels)
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return {
        "file": photo.file,
        "sha256": photo.sha256,
        "genus": photo.genus,
        "group": photo.group,
        "why": entry.why,
        "decision": decided.get((photo.file, photo.sha256), ""),
        "image": "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii"),
    }
