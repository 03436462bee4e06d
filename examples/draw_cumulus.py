"""Draw cumulus.jpg, a photo-like sky with fair-weather cumulus: fractal noise, shaded from above, on a blue gradient.

Needs numpy and Pillow only, and draws the same pixels each time: python examples/draw_cumulus.py [FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.float64]

WIDTH, HEIGHT = 1024, 768

# Centre, base and width of each cumulus in units of the picture's height; the near ones last, in front.
CLOUDS = ((0.08, 0.82, 0.38), (0.88, 0.87, 0.33), (0.51, 0.93, 0.20), (0.48, 0.55, 0.83))


def noise(rng: np.random.Generator, cells: float, octaves: int, gain: float = 0.5) -> Field:
    """Sum octaves of smooth noise, each twice as fine and `gain` times as strong; (HEIGHT, WIDTH), about -1..1."""
    total = np.zeros((HEIGHT, WIDTH))
    for octave in range(octaves):
        columns = max(2, round(cells * 2**octave))
        rows = max(2, round(columns * HEIGHT / WIDTH))
        grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        layer = Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += gain**octave * np.asarray(layer)
    return total


def smooth(values: Field, low: float, high: float) -> Field:
    """Rise from 0 at `low` to 1 at `high` without a corner at either end."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def heap(rng: np.random.Generator, x: Field, y: Field, centre: float, base: Field, width: float) -> Field:
    """Return the thickness of one cumulus, bubbles piled on a flat base; lengths in units of the picture's height."""
    body = np.hypot((x - centre) / 0.42, (y - base + 0.10 * width) / 0.16) / width
    thickness = 1 - body
    for _ in range(34):
        offset = float(np.clip(rng.normal(0, 0.24), -0.45, 0.45))
        room = 1 - (2 * offset) ** 2
        radius = width * rng.uniform(0.09, 0.20) * (0.45 + 0.55 * room)
        rise = width * rng.uniform(0.05, 0.36) * room
        distance = np.hypot(x - centre - offset * width, (y - base + rise) * 1.15)
        thickness = np.maximum(thickness, 1 - distance / radius)
    return thickness - 14 * np.maximum(0, y - base) / width


def draw(seed: int = 2, clouds: Sequence[tuple[float, float, float]] = CLOUDS) -> Image.Image:
    """Draw the sky, RGB, WIDTH x HEIGHT."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    zenith, horizon = np.array([46, 98, 172.0]), np.array([168, 201, 228.0])
    picture = zenith + (horizon - zenith) * smooth(y, -0.1, 1.15)[..., None]

    ragged = noise(rng, 10, 7, gain=0.6)
    billow = np.abs(noise(rng, 16, 6, gain=0.6))
    for centre, base, width in clouds:
        thickness = heap(rng, x + 0.02 * ragged, y + 0.012 * ragged, centre, base + 0.006 * ragged, width)
        thickness += 0.34 * ragged - 0.22 * billow
        cover = smooth(thickness, -0.12, 0.30)
        # Light falls from the upper left: what lies below and inside the heap stands in its own shade.
        depth = smooth(y, base - 0.42 * width, base + 0.02 * width)
        shifted = np.pad(thickness, ((14, 0), (10, 0)), mode="edge")[:HEIGHT, :WIDTH]
        relief = np.clip(0.55 * (thickness - shifted), -0.22, 0.22)
        light = np.clip(1.02 - 0.42 * depth * smooth(thickness, 0.0, 0.9) + relief, 0.45, 1.04)
        colour = np.stack([225 * light, 226 * light + 1, 223 * light + 6], axis=-1)
        haze = 0.30 * smooth(np.full_like(y, base), 0.5, 0.95)[..., None]
        colour = colour * (1 - haze) + horizon * haze
        picture = picture * (1 - cover[..., None]) + colour * cover[..., None]

    picture += rng.normal(0, 1.5, (HEIGHT, WIDTH, 1))  # the grain of a small sensor
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("cumulus.jpg")
    draw().save(target, quality=80, optimize=True)
