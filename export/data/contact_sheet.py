"""Many photos in one picture: a grid of thumbnails with captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cloudedge.files import replacing

THUMBNAIL = 128
MARGIN = 4
LINE = 13
FONT_SIZE = 11


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One photo of a sheet: `pixels` uint8 (H, W, 3), and a caption, whose lines are cut if too long."""

    pixels: npt.NDArray[np.uint8]
    caption: str


def small(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Shrink a photo to the size that sheets show, so that a long list of tiles takes little memory."""
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)


def contact_sheet(tiles: Sequence[Tile], path: Path, *, columns: int = 10) -> None:
    """Write the tiles as one PNG, row by row, whole or not at all; ValueError without any tile."""
    if not tiles:
        raise ValueError("a contact sheet needs a photo")
    columns = min(columns, len(tiles))
    lines = max(tile.caption.count("\n") + 1 for tile in tiles)
    width, height = THUMBNAIL + MARGIN, THUMBNAIL + MARGIN + LINE * lines
    sheet = Image.new("RGB", (columns * width + MARGIN, -(-len(tiles) // columns) * height + MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for number, tile in enumerate(tiles):
        left, top = MARGIN + number % columns * width, MARGIN + number // columns * height
        photo = Image.fromarray(small(tile.pixels))
        sheet.paste(photo, (left + (THUMBNAIL - photo.width) // 2, top + (THUMBNAIL - photo.height) // 2))
        for row, line in enumerate(tile.caption.split("\n")):
            fitted = _fit(line, draw, font)
            draw.text((left, top + THUMBNAIL + row * LINE), fitted, fill="black", font=font)
    with replacing(path) as partial:
        sheet.save(partial, format="PNG")


def _fit(
    line: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont | ImageFont.TransposedFont
) -> str:
    fitted = line
    while fitted and draw.textlength(fitted, font=font) > THUMBNAIL:
        line = line[:-1]
        fitted = f"{line}…"
    return fitted
