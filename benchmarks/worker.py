"""One measurement in a process of its own: `python -m benchmarks.worker KIND FOLDER NAME PHOTOS`; prints JSON."""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.ratios import INFERENCE


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
    """Photos per second, over the whole folder as often as it takes to fill a second; two warm up."""
    classify(photos[:2])
    done, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < 1:
        classify(photos)
        done += len(photos)
    return done / elapsed


def folder(files: str, name: str, photos: str) -> dict[str, Any]:
    """Photos per second of a contender over a folder, and the peak memory of its process."""
    classify = import_module(f"benchmarks.contenders.{name}").load(files)
    rate = _rate(classify, _listed(photos))
    return {"per_second": rate, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}


def single(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of a contender for one photo, warm."""
    classify = import_module(f"benchmarks.contenders.{name}").load(files)
    return {"ms": _median_ms(lambda: classify(_listed(photos)[:1]))}


def stages(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of each stage of cloudedge for one photo, warm."""
    from cloudedge.bench.measure import measure_model

    times = measure_model(f"{files}/int8.onnx", None, {"photo": _listed(photos)[0]}, 3.0).photos[0]
    medians = {f"{stage} ms": spread.p50 for stage, spread in times.stages.items()}
    return {"ms": medians.pop("total ms"), **medians}


def inference(files: str, name: str, photos: str) -> dict[str, Any]:
    """Milliseconds of an engine for one ready tensor, with one thread and with two."""
    from benchmarks.engines import ENGINES
    from benchmarks.networks import spec

    engine, threads = name.rsplit(",", 1)
    side = spec(Path(files))["input_size"]
    run, batch = ENGINES[engine](files, int(threads)), _tensor(side, side)
    return {"ms": _median_ms(lambda: run(batch))}


def limit(files: str, name: str, photos: str) -> dict[str, Any]:
    """Photos per second of decoding alone and of inference alone, each with all cores: what cloudedge cannot pass.

    Decoding is what cloudedge needs of a photo: a JPEG at a fraction of its size, a PNG whole. The network sees the
    shape that such a photo gets, and uses the cores in the faster of two ways. Neither runs cloudedge's code, so that
    the limit stays where it is when that code gets slower.
    """
    from cloudedge.model import usable_cpus

    paths, cores = _listed(photos), usable_cpus()
    decode, batch = _decoding(files, paths[0])
    with ThreadPoolExecutor(cores) as pool:
        decoded = _rate(lambda some: list(pool.map(decode, some)), paths)
        alone = _network(files, 1)
        rates = {"one thread per core": _rate(lambda some: list(pool.map(lambda _: alone(batch), some)), paths)}
    if cores > 1:
        together = _network(files, cores)
        rates["one session of all threads"] = _rate(lambda some: [together(batch) for _ in some], paths)
    inferred = max(rates.values())
    return {
        "per_second": 1 / (1 / decoded + 1 / inferred),
        "decode": decoded,
        **{f"{INFERENCE}{way}": rate for way, rate in rates.items()},
    }


def _decoding(files: str, path: str) -> tuple[Callable[[str], tuple[int, int]], Any]:
    """Return a function that decodes as far as needed, and an input of the shape that the photo at `path` gets.

    The function returns the width and height to which it has decoded.
    """
    from PIL import Image

    from cloudedge.model import Model
    from cloudedge.photo.read import OVERSAMPLING
    from cloudedge.preprocess import input_shape

    spec = Model(f"{files}/int8.onnx", 1).spec
    least = math.ceil(OVERSAMPLING * spec.resize.size)

    def decode(path: str) -> tuple[int, int]:
        with Image.open(path) as image:
            image.draft(None, (least, least))
            image.load()
            return image.size

    with Image.open(path) as image:
        return decode, _tensor(*input_shape(image.height, image.width, spec))


def _network(files: str, threads: int) -> Callable[[Any], Any]:
    """Return the network as onnxruntime runs it fastest; spinning threads help where nothing else is running."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        f"{files}/int8.onnx",
        options,
        ["CPUExecutionProvider"],
        disabled_optimizers=["QDQPropagationTransformer"],  # it makes the max pooling slow
    )
    return lambda batch: session.run(["logits"], {"image": batch})


def _listed(photos: str) -> list[str]:
    return sorted(str(path) for path in Path(photos).iterdir())


def _tensor(height: int, width: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).normal(size=(1, 3, height, width)).astype(np.float32)


def photos(folder: str, count: str, width: str, height: str, suffix: str) -> dict[str, Any]:
    """Draw four skies, and copy them until there are `count`."""
    from cloudedge.bench.drawn_sky import draw_sky

    Path(folder).mkdir(parents=True, exist_ok=True)
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
