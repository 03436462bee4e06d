"""What was measured, as text: medians, ratios, and how they stand to the goals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Medians = dict[str, dict[str, dict[str, float]]]  # section, contender, quantity

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


def goals(medians: Medians) -> list[dict[str, Any]]:
    """Hold the ratios against what was set out to be reached; what was not measured is left out."""
    process, folder = medians.get("process", {}), medians.get("folder of 12 MP JPEG", {})
    warm, one = medians.get("warm", {}).get("cloudedge", {}), medians.get("inference, 1 threads", {})
    best_other = min((one[name]["ms"] for name in one if name.startswith(("Open", "ncnn")) and one[name]), default=None)
    rows = [
        ("one 12-MP photo, time / A with draft", _ratio(process, "cloudedge", "A int8, draft", "ms"), "<=", 1.10),
        ("one 12-MP photo, time of A / cloudedge", _ratio(process, "A int8", "cloudedge", "ms"), ">=", 1.4),
        ("one 12-MP photo, time of C / cloudedge", _ratio(process, "C torch", "cloudedge", "ms"), ">=", 8),
        ("one 12-MP photo, memory / C", _ratio(process, "cloudedge", "C torch", "peak MB"), "<=", 0.25),
        ("folder of 12-MP JPEGs, rate / A", _ratio(folder, "cloudedge", "A int8", "per_second"), ">=", 4),
        ("folder of 12-MP JPEGs, rate / C", _ratio(folder, "cloudedge", "C torch", "per_second"), ">=", 8),
        ("folder of 12-MP JPEGs, rate / limit", _ratio(folder, "cloudedge", "limit", "per_second"), ">=", 0.85),
        ("folder of 12-MP JPEGs, peak MB", folder.get("cloudedge", {}).get("peak MB"), "<=", 200),
        ("warm 1080p photo, neither decode nor inference", _overhead(warm), "<=", 0.15),
        ("inference, fp32 / int8", _ratio(one, "onnxruntime fp32", "cloudedge int8", "ms"), ">=", 3),
        (
            "inference, int8 / best of OpenVINO and ncnn",
            one["cloudedge int8"]["ms"] / best_other if best_other and "cloudedge int8" in one else None,
            "<=",
            1.3,
        ),
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


def _ratio(section: dict[str, dict[str, float]], one: str, other: str, quantity: str) -> float | None:
    values = [section.get(name, {}).get(quantity) for name in (one, other)]
    return values[0] / values[1] if values[0] and values[1] else None


def _overhead(stages: dict[str, float]) -> float | None:
    return 1 - (stages["decode ms"] + stages["inference ms"]) / stages["total ms"] if stages else None


def as_text(found: dict[str, Any]) -> str:
    """Write all of it as text."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    yield f"medians of {found['rounds']} rounds; load afterwards {found['load afterwards']:.1f}"
    for section, contenders in found["medians"].items():
        yield f"\n{section}"
        base = contenders.get("cloudedge") or contenders.get("cloudedge int8", {})
        for contender, quantities in contenders.items():
            cells = [f"{quantity} {value:.1f}" for quantity, value in quantities.items()]
            for quantity in {"ms", "per_second"} & quantities.keys():
                own = base.get(quantity, base.get("total ms"))
                cells += [f"x {quantities[quantity] / own:.2f}"] if own and quantities is not base else []
            yield f"  {contender:18}" + "   ".join(cells)
    for name, reason in found["left out"].items():
        yield f"left out: {name}: {reason}"
    yield ""
    for goal in found["goals"]:
        yield f"{'ok  ' if goal['met'] else 'MISS'} {goal['goal']}: {goal['measured']:.2f} (wanted {goal['wanted']})"
