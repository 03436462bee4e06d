"""From a photo to its row."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from cloudedge import preprocess
from cloudedge.errors import ImageError
from cloudedge.evidence import EvidenceMaps, seen
from cloudedge.genera import BASES, Genus, Level, by_name
from cloudedge.model import MOST_AT_ONCE, Model, Outputs
from cloudedge.photo.capture_time import TimeSource, time_of
from cloudedge.photo.crop import WHOLE, Box, check_box, crop_pixels, side_to_decode
from cloudedge.photo.formats import MAX_JPEG_PIXELS
from cloudedge.photo.name_time import Neighbours
from cloudedge.photo.read import Source, out_of_memory, path_of, read
from cloudedge.row import NAMELESS, Classification, GenusProbability, LevelProbability, Reason
from cloudedge.sun import DARK_BELOW, Location, sun_at


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A photo made ready: the model's input float32 (3, h, w), and what the row needs of the photo itself."""

    array: npt.NDArray[np.float32]
    luminance: float  # mean, 0..255
    time: tuple[str | None, TimeSource | None]  # when it was taken, and where that is known from
    size: tuple[int, int]


class CloudClassifier:
    """Names the cloud genus in photos of the sky.

    One classifier may be used from several threads; it survives fork and can be pickled. `model` is the opened
    `cloudedge.model.Model`, `top_k` the number of genera in each row's `top`, `crop` the part of a photo it looks at,
    `location` where the camera stands.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model = "resnet34",
        threads: int | None = None,
        top_k: int = 3,
        crop: Box = WHOLE,
        max_pixels: int = MAX_JPEG_PIXELS,
        min_confidence: float | None = None,
        location: Location | None = None,
        side_by_side: bool = False,
    ) -> None:
        """Open a packaged model by its name, or a model file by its path; or take a `Model` that is open.

        `threads` is the number of CPU threads, by default as many as this process may use. All of them compute one
        photo; with `side_by_side`, one computes each, which is faster in `classify_many` and slower in `classify`.
        `crop` is left, top, right, bottom as fractions (0..1) of the width and height of the upright photo. A photo
        with more than `max_pixels` is not decoded. Below `min_confidence` (0..1), by default a threshold of the
        model's, an answer is not certain. With a `location`, rows say where the sun stood, and a photo of the night is
        dark, however long it was exposed. Raises ModelError when the file, or onnxruntime itself, cannot be used.
        """
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if min_confidence is not None and not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence must be from 0 to 1, not {min_confidence}")
        check_box(crop)
        self.model = model if isinstance(model, Model) else Model(model, threads, side_by_side)
        self.top_k = top_k
        self.crop = crop
        self.max_pixels = max_pixels
        self.min_confidence = min_confidence
        self.location = location
        self._neighbours = Neighbours()

    def classify(self, source: Source) -> Classification:
        """Classify one photo: a path, bytes, a binary file object, a PIL image or an array.

        An array is uint8 and RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W). Raises ImageError when the photo cannot be
        read.
        """
        return self._row(source, self._prepare(source))

    def classify_many(self, sources: Iterable[Source]) -> Iterator[Classification]:
        """Classify photos, lazily and in order; one that cannot be read is a row with status "error".

        Photos given as paths or bytes are classified side by side, each in a thread of its own, as many as the model
        has, eight at most. Anything else gets its row before the next source is asked for, because by then its owner
        may have closed or overwritten it. Raises TypeError for a single photo.
        """
        if _is_one_photo(sources):
            raise TypeError(f"classify_many takes several photos, not one ({type(sources).__name__}); use classify")
        return self._classify_many(sources)

    def _classify_many(self, sources: Iterable[Source]) -> Iterator[Classification]:
        workers = min(MOST_AT_ONCE, self.model.threads)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="cloudedge-classify")
        started: deque[Future[Classification]] = deque()
        try:
            for source in sources:
                started.append(pool.submit(self._attempt, source))
                ahead = 2 * workers if isinstance(source, str | os.PathLike | bytes) else 0
                while len(started) > ahead:
                    yield started.popleft().result()
            while started:
                yield started.popleft().result()
        finally:  # also where the consumer stops early
            pool.shutdown(cancel_futures=True)

    def _attempt(self, source: Source) -> Classification:
        """Return the row of a photo, also if it cannot be read."""
        try:
            return self.classify(source)
        except ImageError as error:
            return self.error_row(source, error)

    def _prepare(self, source: Source) -> _Prepared:
        try:
            return self._read(source)
        except MemoryError as error:
            raise out_of_memory(error, path_of(source)) from error

    def _read(self, source: Source) -> _Prepared:
        spec = self.model.spec
        photo = read(source, side_to_decode(spec.resize.size, self.crop), self.max_pixels)
        pixels = preprocess.resize(crop_pixels(photo.pixels, self.crop), spec)
        array = preprocess.normalise(pixels, spec)
        return _Prepared(
            array,
            preprocess.luminance(pixels),
            time_of(path_of(source), photo.captured_at, self._neighbours),
            photo.size,
        )

    def _row(self, source: Source, photo: _Prepared) -> Classification:
        spec = self.model.spec
        outputs = self.model.run(photo.array[np.newaxis])
        probabilities = _softmax(outputs.logits[0], spec.temperature)
        ranked = [
            (by_name(spec.classes[i]), float(probabilities[i])) for i in np.argsort(-probabilities, kind="stable")
        ]
        probability = ranked[0][1]
        thresholds = spec.thresholds
        if self.min_confidence is not None:
            thresholds = {**thresholds, "low_confidence": self.min_confidence}
        reason = _doubt(thresholds, photo.luminance, outputs, probability)
        genus = None if reason in NAMELESS else ranked[0][0]
        level = _level(ranked) if genus else None
        captured_at, time_source = photo.time
        result = Classification(
            path=path_of(source),
            status="ok",
            error=None,
            genus=genus.name if genus else None,
            abbreviation=genus.abbreviation if genus else None,
            probability=probability if genus else None,
            certain=reason is None,
            reason=reason,
            level=level,
            base=BASES[level.name] if level else None,
            rain=genus.rain if genus else None,
            top=tuple(GenusProbability(entry.name, p) for entry, p in ranked[: self.top_k]),
            captured_at=captured_at,
            time_source=time_source,
            sun=None,
            model=self._model_name,
        )
        result = with_sun(result, self.location)
        if outputs.evidence is None:
            return result
        return result.with_maps(EvidenceMaps(spec.classes, outputs.evidence[0], photo.size, seen(self.crop, spec)))

    def error_row(self, source: Source, error: ImageError) -> Classification:
        """Return the row of a photo that cannot be read."""
        captured_at, time_source = time_of(path_of(source), neighbours=self._neighbours)
        return Classification(
            path=path_of(source),
            status="error",
            error=error.problem,
            genus=None,
            abbreviation=None,
            probability=None,
            certain=None,
            reason=None,
            level=None,
            base=None,
            rain=None,
            top=(),
            captured_at=captured_at,
            time_source=time_source,
            sun=sun_at(captured_at, self.location),
            model=self._model_name,
        )

    @property
    def _model_name(self) -> str:
        return f"{self.model.spec.name} {self.model.spec.version}"


def with_sun(result: Classification, location: Location | None) -> Classification:
    """Return a result with the sun of its time; a photo of the night shows nothing that has a cloud's name.

    A long exposure can make the night look like a grey day, so the sun decides, not the luminance alone.
    """
    sun = sun_at(result.captured_at, location)
    if result.status == "error" or sun is None or sun.elevation >= DARK_BELOW:
        return replace(result, sun=sun).with_maps(result.maps)
    return replace(
        result,
        genus=None,
        abbreviation=None,
        probability=None,
        certain=False,
        reason="dark",
        level=None,
        base=None,
        rain=None,
        sun=sun,
    ).with_maps(result.maps)


def _softmax(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float64]:
    """Temperature scaling (Guo et al. 2017, arXiv:1706.04599), in float64: float32 sums are off in the 7th digit."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    result: npt.NDArray[np.float64] = powers / powers.sum()
    return result


def _is_one_photo(sources: object) -> bool:
    """Return whether what should be several photos is one; of arrays, a stack of RGB frames is several."""
    if isinstance(sources, np.ndarray):
        return sources.ndim < 3 or (sources.ndim == 3 and sources.shape[2] in (3, 4))
    is_one = isinstance(sources, str | os.PathLike | bytes | bytearray | memoryview | Image.Image)
    return is_one or hasattr(sources, "read")


def _level(ranked: Sequence[tuple[Genus, float]]) -> LevelProbability:
    sums: dict[Level, float] = {}
    for genus, probability in ranked:
        sums[genus.level] = sums.get(genus.level, 0.0) + probability
    name = max(sums, key=lambda level: sums[level])
    return LevelProbability(name, min(sums[name], 1.0))  # rounding can carry a sum a hair above 1


def _doubt(thresholds: Mapping[str, float], luminance: float, outputs: Outputs, probability: float) -> Reason | None:
    """The gravest reason not to trust the genus: too dark to see, no known sight, no cloud, no clear favourite."""
    if "dark" in thresholds and luminance < thresholds["dark"]:
        return "dark"
    if outputs.familiarity is not None and outputs.familiarity[0] < thresholds["unfamiliar"]:
        return "unfamiliar"
    if outputs.clear is not None and outputs.clear[0] >= thresholds["clear"]:
        return "clear"
    return "low_confidence" if probability < thresholds["low_confidence"] else None
