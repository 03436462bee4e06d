"""One measurement in a process of its own: `python -m benchmarks.worker KIND FOLDER NAME PHOTOS`; prints JSON."""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

CORES = 2


def _median_ms(call: Callable[[], object], seconds: float = 1.5) -> float:
    for _ in range(3):
        call()
    times = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(times) < 5:
        began = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def _rate(classify: Callable[[list[str]], object], photos: list[str]) -> float:
    classify(photos[:2])
    began = time.perf_counter()
    classify(photos)
    return len(photos) / (time.perf_counter() - began)


def folder(files: str, name: str, photos: str) -> dict[str, Any]:
    """Photos per second of a contender over a folder, after two to warm up."""
    classify = import_module(f"benchmarks.contenders.{name}").load(files)
    return {"per_second": _rate(classify, _listed(photos))}


def single(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of a contender for one photo, warm."""
    classify = import_module(f"benchmarks.contenders.{name}").load(files)
    return {"ms": _median_ms(lambda: classify(_listed(photos)[:1]))}


def stages(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of each stage of cloudedge for one photo, warm."""
    from cloudedge.bench.measure import measure_model

    times = measure_model(f"{files}/int8.onnx", None, {"photo": _listed(photos)[0]}, 3.0).photos[0]
    return {f"{stage} ms": spread.p50 for stage, spread in times.stages.items()}


def inference(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of an engine for one ready tensor, with one thread and with two."""
    from benchmarks.engines import ENGINES
    from benchmarks.networks import spec

    engine, threads = name.rsplit(",", 1)
    side = spec(Path(files))["input_size"]
    run, batch = ENGINES[engine](files, int(threads)), _tensor(side, side)
    return {"ms": _median_ms(lambda: run(batch))}


def limit(files: str, name: str, photos: str) -> dict[str, Any]:
    """Photos per second of decoding alone and of inference alone, each with all cores: what cloudedge cannot pass."""
    from PIL import Image

    from cloudedge.model import Model
    from cloudedge.photo.read import OVERSAMPLING
    from cloudedge.preprocess import input_shape

    model = Model(f"{files}/int8.onnx", 1)
    with Image.open(_listed(photos)[0]) as image:
        batch = _tensor(*input_shape(image.height, image.width, model.spec))

    def decode(path: str) -> None:
        with Image.open(path) as image:
            image.draft("RGB", (math.ceil(OVERSAMPLING * model.spec.resize.size),) * 2)
            image.load()

    with ThreadPoolExecutor(CORES) as pool:
        decoded = _rate(lambda paths: list(pool.map(decode, paths)), _listed(photos))
        inferred = _rate(lambda paths: list(pool.map(lambda _: model.run(batch), paths)), 4 * _listed(photos))
    return {"decode": decoded, "inference": inferred, "per_second": 1 / (1 / decoded + 1 / inferred)}


def _listed(photos: str) -> list[str]:
    return sorted(str(path) for path in Path(photos).iterdir())


def _tensor(height: int, width: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).normal(size=(1, 3, height, width)).astype(np.float32)


def photos(folder: str, count: str, width: str, height: str, suffix: str) -> dict[str, Any]:
    """Draw four skies, and copy them until there are `count`."""
    from cloudedge.bench.drawn_sky import draw_sky

    Path(folder).mkdir(parents=True)
    drawn: list[bytes] = []
    for number in range(int(count)):
        path = Path(folder, f"{number:03}{suffix}")
        if number < 4:
            draw_sky(int(width), int(height), number).save(path, **({"quality": 90} if suffix == ".jpg" else {}))
            drawn.append(path.read_bytes())
        path.write_bytes(drawn[number % 4])
    return {"bytes": len(drawn[0])}


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    result = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(result))
