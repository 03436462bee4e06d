"""Show where the time of the network goes on this machine, by operator: `python -m benchmarks.kernels [MODEL]`.

onnxruntime's profiler times each node of the optimised graph; the table sums them up by operator. A `QLinearConv` is an
integer convolution, a `Conv` or `FusedConv` one in float32: their numbers show what was fused here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from cloudedge.model import _HINDRANCES, _options  # the session is opened as cloudedge opens it
from cloudedge.packaged_models import packaged

WARM_UP = 3  # runs that are not counted


@dataclass(frozen=True)
class Kind:
    """The nodes of one operator: how many, and the milliseconds that they take together in one run."""

    operator: str
    nodes: int
    milliseconds: float


def kinds_of(model: Path, shape: tuple[int, int], threads: int, runs: int) -> list[Kind]:
    """Profile `runs` runs on noise of `shape` (rows, columns); the slowest kind first, each node by its median."""
    image = np.random.default_rng(0).normal(size=(1, 3, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        options = _options(onnxruntime, threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(
            model, options, ["CPUExecutionProvider"], disabled_optimizers=_HINDRANCES
        )
        for _ in range(WARM_UP + runs):
            session.run(None, {"image": image})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event["name"].endswith("_kernel_time"):
            times[event["args"]["op_name"], event["name"]].append(event["dur"] / 1000)
    medians: dict[str, list[float]] = defaultdict(list)
    for (operator, _), samples in times.items():
        medians[operator].append(statistics.median(samples[WARM_UP:]))
    kinds = [Kind(operator, len(found), sum(found)) for operator, found in medians.items()]
    return sorted(kinds, key=lambda kind: -kind.milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("model", nargs="?", default="resnet34", help="a packaged model, or the path of a model file")
    parser.add_argument("--shape", nargs=2, type=int, default=(160, 224), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    chosen = parser.parse_args()
    model = Path(chosen.model) if Path(chosen.model).suffix else packaged(chosen.model)
    kinds = kinds_of(model, tuple(chosen.shape), chosen.threads, chosen.runs)
    total = sum(kind.milliseconds for kind in kinds)
    print(f"{'operator':<20}{'nodes':>6}{'ms':>9}{'share':>8}")
    for kind in kinds:
        print(f"{kind.operator:<20}{kind.nodes:>6}{kind.milliseconds:>9.2f}{kind.milliseconds / total:>8.1%}")
    print(f"{'all':<20}{sum(kind.nodes for kind in kinds):>6}{total:>9.2f}")


if __name__ == "__main__":
    main()
