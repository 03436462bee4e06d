"""Sights without a cloud of the ten genera, for a model to doubt: drawn ones, contrails, and ordinary photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image, ImageDraw, ImageFilter

from cloudedge.photo.read import Source
from export.data import elsewhere
from export.data.catalogue import CLASSES, Photo, first_choice
from export.data.data_set import DataSet
from export.data.targets import review_target

Pixels = npt.NDArray[np.uint8]
SIDE = 256
TEST_DRAWINGS = 50
TRAINING_SEED, TEST_SEED = 1, 2


def clear_sky(rng: np.random.Generator) -> Pixels:
    """Draw a sky without a cloud, by day or at dusk: paler to the horizon, darker in the corners, perhaps a sun."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    zenith = np.array([rng.uniform(5, 110), rng.uniform(60, 160), rng.uniform(130, 250)])
    horizon = zenith + rng.uniform(0, 0.8) * (np.array([235, 238, 245]) - zenith)
    if rng.random() < 0.2:  # dusk
        horizon = np.array([rng.uniform(180, 255), rng.uniform(110, 190), rng.uniform(60, 160)])
    share = (np.clip(y + rng.uniform(-0.5, 0.3) * (x - 0.5), 0, 1) ** rng.uniform(0.6, 2.5))[..., None]
    sky = zenith * (1 - share) + horizon * share
    if rng.random() < 0.3:
        distance = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))[..., None]
        sky = sky + (255 - sky) * np.exp(-distance / rng.uniform(0.03, 0.15))
    sky *= 1 - rng.uniform(0, 0.35) * (np.hypot(x - 0.5, y - 0.5)[..., None] ** 2)
    return _finish(sky, rng)


def night(rng: np.random.Generator) -> Pixels:
    """Draw a frame of a webcam at night: a glow above the horizon, lamps, and the noise of a sensor turned up."""
    y = np.linspace(0, 1, SIDE)[:, None, None]
    colour = rng.uniform(0.4, 1, 3)
    sky = rng.uniform(0, 25) * colour + y ** rng.uniform(1, 4) * rng.uniform(0, 60) * rng.uniform(0.4, 1, 3)
    sky = np.broadcast_to(sky, (SIDE, SIDE, 3)).copy()
    if rng.random() < 0.6:  # roofs or hills
        line = 1 - rng.uniform(0.05, 0.3) - 0.05 * np.cumsum(rng.normal(0, 0.12, SIDE))
        sky[y[..., 0] > line[None, :]] = rng.uniform(0, 12)
    picture = Image.fromarray(_bytes(sky))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(0, 25)):
        cx, cy, radius = rng.uniform(0, SIDE), rng.uniform(0, SIDE) ** 0.5 * SIDE**0.5, rng.uniform(0.5, 4)
        draw.ellipse(
            (cx - radius, cy - radius, cx + radius, cy + radius), fill=tuple(rng.integers(150, 256, 3).tolist())
        )
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2.5)))
    return _finish(np.asarray(picture, dtype=float), rng, noise=rng.uniform(2, 18))


def fogged_lens(rng: np.random.Generator) -> Pixels:
    """Draw what a camera sees through drops or frost: hardly a shape, and bright spots with dark rims."""
    base = rng.uniform(60, 210, 3).mean() + rng.normal(0, 10, 3)
    coarse = rng.normal(0, 14, (rng.integers(2, 5), rng.integers(2, 5)))
    shade = np.asarray(Image.fromarray(coarse.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    picture = Image.fromarray(_bytes(base + shade[..., None]))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(15, 120)):
        cx, cy = rng.uniform(0, SIDE, 2)
        a, b = rng.uniform(2, 14, 2)
        tone = np.clip(base + rng.uniform(-40, 60), 0, 255).astype(int)
        draw.ellipse((cx - a, cy - b, cx + a, cy + b), fill=tuple(tone.tolist()))
        draw.arc((cx - a, cy - b, cx + a, cy + b), 180, 360, fill=tuple((tone // 2).tolist()))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4)))
    return _finish(np.asarray(picture, dtype=float), rng)


def noise(rng: np.random.Generator) -> Pixels:
    """Draw a broken signal: noise of any grain, stripes, or one flat colour."""
    kind = rng.integers(3)
    if kind == 0:
        grain = int(2 ** rng.integers(3, 9))
        coarse = rng.integers(0, 256, (grain, grain, 3 if rng.random() < 0.5 else 1))
        picture = Image.fromarray(np.broadcast_to(coarse, (grain, grain, 3)).astype(np.uint8))
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST))
    if kind == 1:
        colours = rng.integers(0, 256, (rng.integers(2, 40), 1, 3))
        stripes = np.broadcast_to(colours, (len(colours), 1, 3)).astype(np.uint8)
        picture = Image.fromarray(stripes).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        return np.asarray(picture.transpose(Image.Transpose.ROTATE_90) if rng.random() < 0.5 else picture)
    return _finish(np.full((SIDE, SIDE, 3), rng.uniform(0, 255, 3)), rng)


DRAWN: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "clear sky": clear_sky,
    "night": night,
    "fogged lens": fogged_lens,
    "noise": noise,
}


def draw(kind: str, count: int, seed: int) -> Pixels:
    """Draw `count` pictures of a kind of `DRAWN`, uint8 (count, 256, 256, 3), the same for the same seed."""
    rng = np.random.default_rng([list(DRAWN).index(kind), seed])
    return np.stack([DRAWN[kind](rng) for _ in range(count)])


def contrails(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos that the data set files under `Contrail`."""
    return [photo for photo in photos if photo.genus == "Contrail"]


def is_outlier(photo: Photo) -> bool:
    """Return whether a photo shows a contrail, or mostly something else than a genus in its reviews."""
    return photo.genus == "Contrail" or (
        photo.genus in CLASSES and bool(photo.reviews) and review_target(photo) is None
    )


def clear_skies(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos that a trusted review takes for a clear sky."""
    return [photo for photo in photos if "ClearSky" in map(first_choice, photo.trusted_reviews)]


def test_sights(data: DataSet) -> dict[str, list[Source]]:
    """Return sights without a cloud of the ten genera, by kind, that neither training nor calibration has seen."""
    files = data.files
    sights: dict[str, list[Source]] = {
        "contrail": [*files(contrails(data.part(data.split.test)))],
        "clear sky": [*files(clear_skies(data.part(data.split.test)))],
        "clear sky elsewhere": [*data.elsewhere.files(elsewhere.clear_skies(data.elsewhere.test))],
        **{f"drawn {kind}": list(draw(kind, TEST_DRAWINGS, TEST_SEED)) for kind in DRAWN},
        "ordinary photo": [*ordinary_photos(test=True)],
    }
    return {kind: found for kind, found in sights.items() if found}


def ordinary_photos(*, test: bool = False) -> list[Path]:
    """Return one half of the pictures that scikit-image ships; none shows a sky with clouds.

    Pictures of one name ("motorcycle_left", "motorcycle_right") are in the same half.
    """
    folder = Path(skimage.__file__).parent / "data"
    files = sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))
    names = sorted({file.stem.partition("_")[0] for file in files})
    return [file for file in files if names.index(file.stem.partition("_")[0]) % 2 == test]


def _finish(pixels: npt.NDArray[np.float64], rng: np.random.Generator, noise: float = 0.0) -> Pixels:
    return _bytes(pixels + rng.normal(0, max(noise, rng.uniform(0, 3)), pixels.shape))


def _bytes(pixels: npt.NDArray[np.float64]) -> Pixels:
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
