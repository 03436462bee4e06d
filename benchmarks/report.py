"""What was measured, as text: medians, ratios, and how they stand to the goals."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ratios import INFERENCE, Interval, Samples, measured, paired

_PACKAGES = (
    "cloudedge", "onnxruntime", "numpy", "pillow", "torch", "torchvision", "fastai", "openvino", "ncnn",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Say what is measured on, without loading anything large."""
    from cloudedge.bench.measure import measured_device

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    flags = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    return {**measured_device(), "vnni": "vnni" in flags, **versions}


def goals(samples: Samples) -> list[dict[str, Any]]:
    """Hold the ratios against what was set out to be reached; what was not measured is left out."""
    process, folder = samples.get("process", {}), samples.get("folder of 12 MP JPEG", {})
    warm, one = samples.get("warm", {}).get("cloudedge", {}), samples.get("inference, 1 threads", {})
    engines = [name for name in one if name.startswith(("OpenVINO", "ncnn"))]
    best = min(engines, key=lambda name: _median(one[name]["ms"]), default="")
    memory = folder.get("cloudedge", {}).get("peak MB")
    rows = [
        ("one 12-MP photo, time / A with draft", _ratio(process, "cloudedge", "A int8, draft", "ms"), "<=", 1.10),
        ("one 12-MP photo, time of A / cloudedge", _ratio(process, "A int8", "cloudedge", "ms"), ">=", 1.4),
        ("one 12-MP photo, time of C / cloudedge", _ratio(process, "C torch", "cloudedge", "ms"), ">=", 8),
        ("one 12-MP photo, memory / C", _ratio(process, "cloudedge", "C torch", "peak MB"), "<=", 0.25),
        ("folder of 12-MP JPEGs, rate / A", _ratio(folder, "cloudedge", "A int8", "per_second"), ">=", 4),
        ("folder of 12-MP JPEGs, rate / C", _ratio(folder, "cloudedge", "C torch", "per_second"), ">=", 8),
        ("folder of 12-MP JPEGs, rate / limit", _ratio(folder, "cloudedge", "limit", "per_second"), ">=", 0.85),
        ("folder of 12-MP JPEGs, peak MB", _median(memory) if memory else None, "<=", 200),
        ("warm 1080p photo, neither decode nor inference", _overhead(warm), "<=", 0.15),
        ("inference, fp32 / int8", _ratio(one, "onnxruntime fp32", "cloudedge int8", "ms"), ">=", 3),
        ("inference, int8 / best of OpenVINO and ncnn", _ratio(one, "cloudedge int8", best, "ms"), "<=", 1.3),
    ]
    return [
        {
            "goal": name,
            "measured": value,
            "wanted": f"{sign} {bound}",
            "met": value <= bound if sign == "<=" else value >= bound,
        }
        for name, value, sign, bound in rows
        if value is not None
    ]


def _median(values: Sequence[float | None]) -> float:
    return median(measured(values))


def _ratio(section: dict[str, Any], one: str, other: str, quantity: str) -> float | None:
    values = [section.get(name, {}).get(quantity, []) for name in (one, other)]
    pairs = paired(*values)
    return median(pairs) if pairs else None


def _overhead(stages: dict[str, Any]) -> float | None:
    if not stages:
        return None
    shares = (paired(stages[f"{stage} ms"], stages["ms"]) for stage in ("decode", "inference"))
    rest: float = median(1 - decode - inference for decode, inference in zip(*shares, strict=True))
    return rest


def as_text(found: dict[str, Any]) -> str:
    """Write all of it as text."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    described = {"commit": found["commit"], **found["machine"], "rows": found["rows"]}
    yield ", ".join(f"{name} {value}" for name, value in described.items() if value is not None)
    yield f"load {min(found['load']):.1f} to {max(found['load']):.1f}"
    for section, contenders in found["samples"].items():
        yield f"\n{section}: medians"
        for contender, quantities in contenders.items():
            rounds = max(len(measured(values)) for values in quantities.values())
            cells = [f"{quantity} {_median(values):.1f}" for quantity, values in quantities.items()]
            yield f"  {contender:29}" + "   ".join([*cells, f"rounds {rounds}"])
        yield from _ratio_lines([ratio for ratio in found["ratios"] if ratio["section"] == section])
        if "limit" in contenders and not section.endswith("one core"):
            yield f"  limit: inference alone is fastest with {fastest_inference(contenders['limit'])}"
    yield ""
    for reason in dict.fromkeys(found["left out"].values()):
        names = [name for name, other in found["left out"].items() if other == reason]
        yield f"left out: {', '.join(names)}: {reason}"
    for goal in found["goals"]:
        yield f"{'ok  ' if goal['met'] else 'MISS'} {goal['goal']}: {goal['measured']:.2f} (wanted {goal['wanted']})"


def _ratio_lines(ratios: list[dict[str, Any]]) -> Iterator[str]:
    by_pair: dict[str, list[str]] = {}
    for ratio in ratios:
        cell = f"{ratio['quantity']} {Interval(**ratio['interval'])}"
        by_pair.setdefault(f"{ratio['ours']} / {ratio['other']}", []).append(cell)
    for pair, cells in by_pair.items():
        yield f"  {pair}: {', '.join(cells)}"


def fastest_inference(limit: dict[str, Any]) -> str:
    """Return how inference alone was fastest in a section of a folder, in words."""
    ways = {name: values for name, values in limit.items() if name.startswith(INFERENCE)}
    return max(ways, key=lambda name: _median(ways[name])).removeprefix(INFERENCE)
