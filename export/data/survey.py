"""What a folder of labelled photos holds: counts, sizes, duplicates and contradictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cloudedge.errors import ImageError
from cloudedge.photo.read import read
from export.data.catalogue import Photo
from export.data.contact_sheet import Tile, contact_sheet, small
from export.data.duplicates import Pair, find_duplicates, thumbnail
from export.files import write_csv, write_json


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One readable photo: its size in pixels, a small picture to show, and the thumbnail that is compared."""

    photo: Photo
    width: int
    height: int
    shown: npt.NDArray[np.uint8]
    thumb: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """All that was found; the indices of `duplicates` count `photos`; `unreadable` says why, by file."""

    photos: list[Seen]
    duplicates: list[Pair]
    unreadable: dict[str, str]

    @property
    def contradictions(self) -> list[Pair]:
        """The pairs that show one picture under two genera."""
        return [p for p in self.duplicates if self.photos[p.first].photo.genus != self.photos[p.second].photo.genus]


def survey(root: Path, photos: Sequence[Photo]) -> Survey:
    """Look at every photo of `root`; unreadable ones are listed."""
    seen: list[Seen] = []
    unreadable: dict[str, str] = {}
    for photo in tqdm(photos, desc="photos", unit=""):
        try:
            pixels = read(root / photo.file).pixels
        except ImageError as error:
            unreadable[photo.file] = error.problem
            continue
        height, width = pixels.shape[:2]
        seen.append(Seen(photo, width, height, small(pixels), thumbnail(pixels)))
    return Survey(seen, find_duplicates([s.thumb for s in seen]), unreadable)


def summary(found: Survey) -> dict[str, Any]:
    """Count what was found, as plain JSON types: photos by genus and by size, duplicates, contradictions."""
    sizes = Counter(f"{seen.width} x {seen.height}" for seen in found.photos)
    return {
        "photos": len(found.photos),
        "genera": dict(sorted(Counter(seen.photo.genus for seen in found.photos).items())),
        "sizes": dict(sizes.most_common()),
        "duplicate_pairs": len(found.duplicates),
        "mirrored_pairs": sum(pair.mirrored for pair in found.duplicates),
        "contradicting_pairs": len(found.contradictions),
        "contradicted_photos": len({index for pair in found.contradictions for index in (pair.first, pair.second)}),
        "unreadable": found.unreadable,
    }


def write(found: Survey, folder: Path) -> None:
    """Write `summary.json`, `photos.csv`, `duplicates.csv` and a contact sheet for each genus into `folder`."""
    write_json(folder / "summary.json", summary(found))
    rows = [[seen.photo.file, seen.photo.genus, seen.width, seen.height] for seen in found.photos]
    write_csv(folder / "photos.csv", ("file", "genus", "width", "height"), rows)
    _write_duplicates(found, folder / "duplicates.csv")
    elsewhere = _other_genera(found)
    for genus in sorted({seen.photo.genus for seen in found.photos}):
        tiles = [
            Tile(seen.shown, f"{Path(seen.photo.file).stem}\n{elsewhere.get(index, '')}")
            for index, seen in enumerate(found.photos)
            if seen.photo.genus == genus
        ]
        contact_sheet(tiles, folder / f"{genus}.png", columns=12)


def _write_duplicates(found: Survey, path: Path) -> None:
    rows: list[tuple[object, ...]] = []
    for pair in found.duplicates:
        a, b = found.photos[pair.first].photo, found.photos[pair.second].photo
        found_out = (f"{pair.similarity:.3f}", int(pair.mirrored), int(a.genus != b.genus))
        rows.append((a.file, a.genus, b.file, b.genus, *found_out))
    header = ("first", "first_genus", "second", "second_genus", "similarity", "mirrored", "contradiction")
    write_csv(path, header, rows)


def _other_genera(found: Survey) -> dict[int, str]:
    """Return the other genus that a photo is also listed under, by index, for the captions."""
    other: dict[int, str] = {}
    for pair in found.contradictions:
        other[pair.first] = f"also {found.photos[pair.second].photo.genus}"
        other[pair.second] = f"also {found.photos[pair.first].photo.genus}"
    return other
