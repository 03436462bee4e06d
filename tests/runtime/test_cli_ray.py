"""The example for Ray Data gives the rows of the command line.

Ray is large: in `make test` it is in the environment of the export stage, whose suite runs this file too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = str(Path(__file__).parent / "fixtures" / "tiny.onnx")


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is in the environment of `make test-export`")
def test_the_example_gives_the_same_rows(photos: list[Path]) -> None:
    (photos[0].parent / "cut.jpg").write_bytes(photos[0].read_bytes()[:400])
    folder = str(photos[0].parent)
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    command = [sys.executable, str(ROOT / "examples" / "ray_archive.py"), folder, "--model", TINY]
    ray = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, env=environment)
    plain = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--format", "jsonl", "--quiet", folder]
    expected = subprocess.run(plain, capture_output=True, encoding="utf-8", timeout=120)
    assert ray.returncode == 0, ray.stderr
    assert [json.loads(line) for line in ray.stdout.splitlines()] == list(map(json.loads, expected.stdout.splitlines()))
