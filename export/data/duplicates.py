"""Find photos that show the same picture: candidates by perceptual hash, confirmed on pixels, mirrored ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THUMBNAIL = 64
HASH_SIDE = 8
# Of 64 bits. A recompressed, rescaled or recoloured copy differs in a few; unrelated photos differ in about 32.
MAX_DISTANCE = 14
# Correlation of the details. For 97 % of the copies among the CCSN photos it is higher, for their unrelated photos it
# stays under 0.71.
MIN_SIMILARITY = 0.8
RADIUS = 6  # of the neighbourhood whose shade and contrast are taken out, in pixels of the thumbnail
SOFTENING = 2.0  # grey levels: contrast far below this counts as none
BLOCK = 1024

Hash = npt.NDArray[np.float32]
Details = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos by their index, `first` < `second`, with the correlation of their details (0..1)."""

    first: int
    second: int
    similarity: float
    mirrored: bool


def thumbnail(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Shrink a photo, uint8 (H, W, 3), to the grey picture that is compared, uint8 (64, 64)."""
    image = Image.fromarray(pixels).convert("L")
    return np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))


def _hash(thumb: npt.NDArray[np.uint8]) -> Hash:
    """Return the signs of the differences of neighbours in a 9 x 8 picture (dHash), float32 (64,), each -1 or 1."""
    small = np.asarray(Image.fromarray(thumb).resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX), dtype=np.int16)
    return np.where(small[:, 1:] > small[:, :-1], 1, -1).astype(np.float32).ravel()


def _details(thumb: npt.NDArray[np.uint8]) -> Details:
    """Return what is left without local shade and contrast, float32 (4096,), of length 1 (zeros for an even grey).

    Skies share their gradient from zenith to horizon, and their dark horizon: with these, unrelated photos look alike.
    """
    grey = thumb.astype(np.float64)
    fine = grey - _local_mean(grey)
    fine /= np.sqrt(np.maximum(_local_mean(fine**2), 0)) + SOFTENING
    fine -= fine.mean()
    return (fine / max(float(np.linalg.norm(fine)), 1e-6)).astype(np.float32).ravel()


def _local_mean(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Average over a square around each pixel, float64 (64, 64), by differences of running sums."""
    side = 2 * RADIUS + 1
    sums = np.pad(grey, RADIUS + 1, mode="edge").cumsum(axis=0).cumsum(axis=1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(total[:THUMBNAIL, :THUMBNAIL] / side**2)


def find_duplicates(thumbs: Sequence[npt.NDArray[np.uint8]]) -> list[Pair]:
    """Find all pairs among thumbnails that `thumbnail` made, in order of the first, then the second index."""
    if not thumbs:
        return []
    hashes, details = np.stack([_hash(t) for t in thumbs]), np.stack([_details(t) for t in thumbs])
    flipped = [np.ascontiguousarray(t[:, ::-1]) for t in thumbs]
    pairs: dict[tuple[int, int], Pair] = {}
    for mirrored, others in ((False, thumbs), (True, flipped)):
        other_hashes, other_details = np.stack([_hash(t) for t in others]), np.stack([_details(t) for t in others])
        for first, second in _candidates(hashes, other_hashes):
            similarity = float(details[first] @ other_details[second])
            known = pairs.get((first, second))
            if similarity >= MIN_SIMILARITY and (known is None or similarity > known.similarity):
                pairs[first, second] = Pair(first, second, similarity, mirrored)
    return [pairs[key] for key in sorted(pairs)]


def _candidates(hashes: Hash, others: Hash) -> list[tuple[int, int]]:
    """Return the pairs of indices, first < second, whose hashes are close; in blocks, to bound the memory."""
    closest = hashes.shape[1] - 2 * MAX_DISTANCE
    found: list[tuple[int, int]] = []
    for start in range(0, len(hashes), BLOCK):
        rows, columns = np.nonzero(hashes[start : start + BLOCK] @ others.T >= closest)
        found += [(start + int(r), int(c)) for r, c in zip(rows, columns, strict=True) if start + r < c]
    return found


def groups(count: int, pairs: Sequence[Pair]) -> npt.NDArray[np.int64]:
    """Number the photos 0..count-1 by picture, int64 (count,): whatever is linked by pairs has one number."""
    if not count:
        return np.zeros(0, dtype=np.int64)
    first, second = [pair.first for pair in pairs], [pair.second for pair in pairs]
    links = coo_array((np.ones(len(pairs), dtype=np.int8), (first, second)), shape=(count, count))
    numbers: npt.NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return numbers
