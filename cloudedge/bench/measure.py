"""How fast the models run on this device: what `cloudedge bench` shows."""

from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloudedge.errors import ModelError
from cloudedge.packaged_models import packaged_names

if TYPE_CHECKING:
    from cloudedge.classifier import CloudClassifier

T = TypeVar("T")

MEGABYTE = 1e6
SIZES = {"1080p": (1920, 1080), "12 MP": (4032, 3024)}
STAGES = ("decode", "resize", "normalise", "inference", "rest", "total")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the 95th percentile of repeated times, milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class PhotoTimes:
    """Times of one photo, warm: each of STAGES by its name; `per_second` is the rate in a folder of such photos."""

    photo: str
    stages: dict[str, Spread]
    per_second: float


@dataclass(frozen=True, slots=True)
class ModelTimes:
    """Times of one model in a process of its own.

    `load_ms` is the time until the libraries are loaded and the model is open; `peak_mb` the most memory that the
    process ever held (resident set, 1e6 bytes), None where the system does not say.
    """

    model: str
    threads: int
    load_ms: float
    photos: tuple[PhotoTimes, ...]
    peak_mb: float | None


def measure_models(models: tuple[str, ...], threads: int | None, seconds: float) -> list[ModelTimes]:
    """Measure models, by default the packaged ones, each in a process of its own, on drawn skies.

    `seconds` is the time for each model and photo.

    Raises ModelError where a model, or onnxruntime itself, cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="cloudedge-bench-") as folder:
        photos = {name: os.path.join(folder, f"{name}.jpg") for name in SIZES}
        for name, path in photos.items():
            _apart(_draw, path, *SIZES[name])
        return [_apart(measure_model, model, threads, photos, seconds) for model in models or packaged_names()]


def measure_model(model: str, threads: int | None, photos: dict[str, str], seconds: float) -> ModelTimes:
    """Measure one model in this process, for which it should be new."""
    began = time.perf_counter()
    from cloudedge.classifier import CloudClassifier

    classifier = CloudClassifier(model, threads)
    load_ms = 1e3 * (time.perf_counter() - began)
    stages = {name: _stages_of(classifier, path, seconds / 2) for name, path in photos.items()}
    del classifier  # its memory is not needed beside that of the next
    classifier = CloudClassifier(model, threads, side_by_side=True)
    spec = classifier.model.spec
    rates = {name: _rate(classifier, path, stages[name]["total"].p50, seconds / 2) for name, path in photos.items()}
    return ModelTimes(
        model=f"{spec.name} {spec.version}",
        threads=classifier.model.threads,
        load_ms=load_ms,
        photos=tuple(PhotoTimes(name, stages[name], rates[name]) for name in photos),
        peak_mb=_peak_mb(),
    )


def measured_device() -> dict[str, Any]:
    """Return what is measured on: processor, cores, memory (MB), system, and the versions that matter."""
    return {
        "device": _device_name(),
        "cores": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **_apart(_versions),
    }


def _apart(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a new process, so that neither its memory nor its imports are anybody else's.

    The process ends with this call, however that ends. It has a session of its own, so that Ctrl-C is for this process
    alone. Raises what the function raises, and ModelError where the process dies.
    """
    code = f"import sys; sys.path[:] = {sys.path!a}; from {__name__} import main; main()"
    call = pickle.dumps((function, arguments))
    done = subprocess.run([sys.executable, "-c", code], input=call, stdout=subprocess.PIPE, start_new_session=True)
    if done.returncode:
        raise ModelError("the process that measured died; onnxruntime may not fit this processor")
    result, error = pickle.loads(done.stdout)
    if error is not None:
        raise error
    found: T = result
    return found


def main() -> None:
    """Be the new process: call the function on standard input, and write its result to standard output."""
    call = sys.stdin.buffer.read()
    if not call:  # the other process was interrupted meanwhile
        return
    function, arguments = pickle.loads(call)
    try:
        answer: tuple[Any, Exception | None] = (function(*arguments), None)
    except Exception as error:
        answer = (None, error)
    pickle.dump(answer, sys.stdout.buffer)


def _versions() -> dict[str, str]:
    import numpy
    import onnxruntime
    import PIL

    from cloudedge import __version__

    found = {"cloudedge": __version__, "onnxruntime": onnxruntime.__version__}
    return {**found, "numpy": numpy.__version__, "pillow": PIL.__version__}


def _draw(path: str, width: int, height: int) -> None:
    from cloudedge.bench.drawn_sky import draw_sky

    draw_sky(width, height).save(path, quality=90)


def _stages_of(classifier: Any, path: str, seconds: float) -> dict[str, Spread]:
    classifier.classify(path)  # the first one warms up: pages, caches, onnxruntime's memory
    samples: dict[str, list[float]] = {stage: [] for stage in STAGES}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(samples["total"]) < 5:
        for stage, value in _one(classifier, path).items():
            samples[stage].append(1e3 * value)
    return {stage: _spread(values) for stage, values in samples.items()}


def _rate(classifier: CloudClassifier, path: str, photo_ms: float, seconds: float) -> float:
    """Return how many photos a second are classified in a folder."""
    list(classifier.classify_many([path] * classifier.model.threads))  # this warms up again
    count = max(4 * classifier.model.threads, round(1e3 * seconds / photo_ms))
    began = time.perf_counter()
    list(classifier.classify_many([path] * count))
    return count / (time.perf_counter() - began)


def _one(classifier: Any, path: str) -> dict[str, float]:
    """Classify one photo by its stages, and once more as a whole: seconds."""
    from cloudedge import preprocess
    from cloudedge.photo.read import read

    spec, model = classifier.model.spec, classifier.model
    clock = time.perf_counter
    marks = [clock()]
    photo = read(path, spec.resize.size)
    marks.append(clock())
    pixels = preprocess.resize(photo.pixels, spec)
    marks.append(clock())
    array = preprocess.normalise(pixels, spec)
    marks.append(clock())
    model.run(array[None])
    marks.append(clock())
    classifier.classify(path)
    total = clock() - marks[-1]
    return _stages([after - before for before, after in pairwise(marks)], total)


def _stages(parts: list[float], total: float) -> dict[str, float]:
    """Return the times by STAGES; nothing is left where other programs made the parts longer than the whole."""
    return dict(zip(STAGES, [*parts, max(0.0, total - sum(parts)), total], strict=True))


def _spread(values: list[float]) -> Spread:
    ordered = sorted(values)
    last = len(ordered) - 1
    return Spread(ordered[last // 2], ordered[round(0.95 * last)])


def _peak_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def _memory_mb() -> float | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    except (AttributeError, ValueError, OSError):
        return None


def _device_name() -> str:
    """Return the name of the board where it has one, else the processor's."""
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(errors="replace").strip("\0 \n")
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
