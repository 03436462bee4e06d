"""A picture of why: the photo in grey, and over it in colour where the model sees what speaks for a genus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cloudedge.genera import by_name, full_name
from cloudedge.row import NAMELESS, Classification, doubt, percent

LONG_SIDE, SHORT_SIDE = 1600, 480  # of the photo in the picture, in pixels: enough to see, and room for the words

# viridis (Stefan van der Walt and Nathaniel Smith, CC0): of even lightness steps, and legible to the colour-blind.
_VIRIDIS = (
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1f9f88 27ad81 3dbc74 5cc863 81d34d aadc32 d5e21a"
    " fde725"
)
_STOPS = np.array([list(bytes.fromhex(colour)) for colour in _VIRIDIS.split()], np.float32)
_OPACITY = (0.12, 0.72)  # where nothing speaks for the genus, and where the strength is 1

# The scale, in units of the logit, is the same for every photo and genus, so that weak evidence looks weak. In half
# of 60 photos of the sky the strongest evidence for resnet34's best guess is below 1.7, in a tenth above 4.5.
FULL = 4.0
CONTOUR = 2.0

_PAPER, _INK, _FAINT = (18, 22, 28), (230, 235, 241), (152, 165, 179)

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]


def explain(result: Classification, pixels: Pixels, genus: str | None = None) -> Image.Image:
    """Draw the evidence for a genus (by default the best guess) over the upright photo uint8 (H, W, 3), with a legend.

    Raises ValueError where `Classification.evidence` does.
    """
    photo = _fit(Image.fromarray(pixels))
    maps = result.maps and replace(result.maps, size=photo.size)  # at the size at which it is shown
    evidence = result.with_maps(maps).evidence(genus)
    name = full_name(genus or result.top[0].genus)
    caption = _caption(result, name, photo.width, float(evidence.max()))
    picture = Image.new("RGB", (photo.width, photo.height + caption.height))
    picture.paste(Image.fromarray(overlay(np.asarray(photo), strength(evidence))))
    picture.paste(caption, (0, photo.height))
    return picture


def strength(evidence: Map) -> Map:
    """Return how strongly to colour evidence in units of the logit: 0..1, the same shape."""
    strengths: Map = np.clip(evidence / FULL, 0, 1)
    return strengths


def colours(strength: Map) -> Map:
    """Return the colour of each strength 0..1 (any shape): float32 (..., 3), 0..255."""
    places = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(strength, places, _STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def overlay(pixels: Pixels, strength: Map) -> Pixels:
    """Lay strength 0..1 (H, W) in colour over pixels uint8 (H, W, 3), with a line where the evidence is `CONTOUR`."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)[..., np.newaxis]
    weak, strong = _OPACITY
    opacity = (weak + (strong - weak) * strength)[..., np.newaxis]
    mixed = grey * (1 - opacity) + colours(strength) * opacity
    unit = max(*pixels.shape[:2], 800) / 800
    for width, tone in ((3.2 * unit, 20.0), (1.6 * unit, 255.0)):  # dark below light shows on any ground
        line = _contour(strength, width)[..., np.newaxis]
        mixed = mixed * (1 - line) + tone * line
    result: Pixels = np.rint(mixed).astype(np.uint8)
    return result


def _contour(strength: Map, width: float) -> Map:
    """Return how far a line of `width` pixels covers each pixel, 0..1, from its distance to the level."""
    down, across = np.gradient(strength)
    distance = np.abs(strength - CONTOUR / FULL) / np.maximum(np.hypot(down, across), 1e-6)
    cover: Map = np.clip(width / 2 + 0.5 - distance, 0, 1)
    return cover


def _fit(photo: Image.Image) -> Image.Image:
    """Scale a photo to where it can be looked at and has room for the words below."""
    scale = min(LONG_SIDE / max(photo.size), 1.0)
    scale = max(scale, SHORT_SIDE / photo.width)
    size = round(photo.width * scale), max(2, min(round(photo.height * scale), 4 * LONG_SIDE))
    return photo.resize(size, Image.Resampling.LANCZOS) if size != photo.size else photo


def _caption(result: Classification, name: str, width: int, peak: float) -> Image.Image:
    """Write the genus, its probability and the legend."""
    unit = width / 40
    large, small = ImageFont.load_default(1.5 * unit), ImageFont.load_default(0.85 * unit)
    caption = Image.new("RGB", (width, round(6 * unit)), _PAPER)
    draw = ImageDraw.Draw(caption)
    draw.text((1.2 * unit, 1.9 * unit), _title(result, name), _INK, large, anchor="lm")
    draw.text((1.2 * unit, 4.1 * unit), _remark(result, name), _FAINT, small, anchor="lm")
    left, right = round(26 * unit), round(38.8 * unit)
    middle = (left + right) / 2
    if peak <= 0:
        draw.text((middle, 3 * unit), "nothing speaks for it", _FAINT, small, anchor="mm")
        return caption
    caption.paste(_ramp(right - left, round(1.2 * unit)), (left, round(1.1 * unit)))
    draw.text((left, 3.2 * unit), "0", _FAINT, small, anchor="lm")
    draw.text((middle, 3.2 * unit), "evidence (logit)", _FAINT, small, anchor="mm")
    draw.text((right, 3.2 * unit), f"{FULL:g}+", _FAINT, small, anchor="rm")
    draw.text((middle, 4.7 * unit), f"line: {CONTOUR:g}, strongest: {peak:.1f}", _FAINT, small, anchor="mm")
    return caption


def _ramp(width: int, height: int) -> Image.Image:
    strength = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return Image.fromarray(overlay(np.full((height, width, 3), 128, np.uint8), strength))


def _title(result: Classification, name: str) -> str:
    shown = {entry.genus: entry.probability for entry in result.top}
    probability = f"  {percent(shown[name])}" if name in shown else ""
    return f"{name} ({by_name(name).abbreviation}){probability}"


def _remark(result: Classification, name: str) -> str:
    best = result.top[0]
    if name != best.genus:
        return f"best guess: {best.genus} {percent(best.probability)}"
    if result.reason in NAMELESS:
        return f"{NAMELESS[result.reason]}; this is the best guess"
    return doubt(result.to_dict()) if result.reason else f"base {result.base}, {str(result.rain).lower()}"
