from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cloudedge.packaged_models import packaged

kernels = pytest.importorskip("benchmarks.kernels", reason="needs a checkout")


@pytest.mark.parametrize(("model", "integer", "every"), [("resnet34", 35, 37), ("lite0", 24, 50)])
def test_all_quantized_convolutions_compute_in_integers_on_this_machine(model: str, integer: int, every: int) -> None:
    kinds = kernels.kinds_of(packaged(model), (32, 64), threads=1, runs=1)
    nodes = {kind.operator: kind.nodes for kind in kinds}
    assert nodes["QLinearConv"] >= integer  # 25 of lite0's in most versions of onnxruntime, 24 in 1.18
    assert nodes["QLinearConv"] + nodes["Conv"] + nodes.get("FusedConv", 0) == every
    assert all(kind.milliseconds > 0 for kind in kinds)


def test_the_table_has_a_line_for_each_operator_and_the_sum(tiny: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.kernels", str(tiny), "--shape", "32", "32", "--runs", "2"]
    lines = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60).stdout.splitlines()
    assert lines[0].split() == ["operator", "nodes", "ms", "share"]
    assert lines[-1].split()[:2] == ["all", str(sum(int(line.split()[1]) for line in lines[1:-1]))]
    assert {line.split()[0] for line in lines[1:-1]} >= {"Conv", "Gemm"}
