"""Photos for the page: drawn ones of each kind that matters, and real ones where they are."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from cloudedge.bench.drawn_sky import draw_sky

from .conftest import ROOT

DATA = Path(os.environ.get("CLOUDEDGE_DATA", ROOT.parent / "shared" / "data"))
REDUCED = "reduced"  # in the names of photos that Python decodes at a fraction, as a browser cannot


def drawn_skies(folder: Path) -> list[Path]:
    """Draw skies of the sizes, proportions and formats that a visitor may bring."""
    skies = {
        "square.jpg": draw_sky(400, 400, 1),
        "wide.jpg": draw_sky(560, 315, 2),
        "narrow.jpg": draw_sky(240, 520, 3),
        "panorama.png": draw_sky(1000, 260, 4),
        "tiny.png": draw_sky(52, 40, 5),
        "plain.webp": draw_sky(480, 360, 6),
        "grey.jpg": draw_sky(420, 315, 7).convert("L"),
        "palette.gif": draw_sky(300, 300, 8).quantize(64),
        "old.bmp": draw_sky(320, 240, 9),
        "night.png": Image.new("RGB", (320, 240), (3, 4, 6)),
        "averaged.png": draw_sky(1600, 1200, 10),
        f"{REDUCED}.jpg": draw_sky(1600, 1200, 11),
    }
    clear = draw_sky(360, 360, 12).convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 360).astype(np.uint8), (360, 1))))
    skies["transparent.png"] = clear
    paths = []
    for name, sky in skies.items():
        sky.save(folder / name, **({"quality": 92} if name.endswith("jpg") else {}))
        paths.append(folder / name)
    for orientation in range(2, 9):
        paths.append(folder / f"turned-{orientation}.jpg")
        draw_sky(500, 340, 20 + orientation).save(paths[-1], quality=90, exif=taken(orientation))
    return paths


def taken(orientation: int = 1) -> Image.Exif:
    """Return what a camera writes into its photos."""
    base, exif = ExifTags.Base, Image.Exif()
    exif[int(base.Orientation)] = orientation
    exif[int(base.Make)] = "A maker"
    exif[ExifTags.IFD.Exif] = {
        int(base.DateTimeOriginal): f"2024:06:{orientation:02} 12:30:45",
        **({int(base.OffsetTimeOriginal): "+02:00"} if orientation > 4 else {}),
    }
    return exif


def camera_skies(folder: Path, number: int) -> list[Path]:
    """Draw photos of 12 megapixels, some of them on their side."""
    paths = [folder / f"{REDUCED}-camera-{i}.jpg" for i in range(number)]
    for i, path in enumerate(paths):
        draw_sky(4032, 3024, 40 + i).save(path, quality=90, exif=taken(6 if i % 2 else 1))
    return paths


def real_skies(number: int) -> list[Path]:
    """Choose photos of at most a megapixel; none where there are no data."""
    photos = sorted((DATA / "ccsn").glob("*/*.jpg"))
    random.Random(120).shuffle(photos)
    return photos[:number]
