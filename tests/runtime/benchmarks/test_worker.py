"""What the limit of a folder is made of is what cloudedge has to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("benchmarks", reason="needs a checkout")
from benchmarks.report import fastest_inference
from benchmarks.sections import _one_core
from benchmarks.worker import _decoding
from cloudedge.packaged_models import packaged
from cloudedge.photo.read import read


@pytest.mark.parametrize(
    ("name", "size", "shape", "decoded"),
    [
        ("4-3.jpg", (4032, 3024), (1, 3, 160, 224), (504, 378)),
        ("16-9.jpg", (1920, 1080), (1, 3, 160, 288), (480, 270)),
        ("16-9.png", (1920, 1080), (1, 3, 160, 288), (1920, 1080)),
    ],
)
def test_decoding_and_input_are_those_of_cloudedge(
    name: str, size: tuple[int, int], shape: tuple[int, ...], decoded: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / name
    Image.new("RGB", size, "grey").save(path)
    (tmp_path / "int8.onnx").symlink_to(packaged("resnet34"))
    decode, batch = _decoding(str(tmp_path), str(path))
    assert (batch.shape, batch.dtype) == (shape, np.float32)
    assert decode(str(path)) == decoded
    if path.suffix == ".jpg":  # cloudedge averages a PNG down after it has decoded it
        assert read(str(path), 160).pixels.shape[:2] == decoded[::-1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not give a process its cores")
def test_what_is_started_on_one_core_stays_on_it() -> None:
    command = [sys.executable, "-c", "from cloudedge.model import usable_cpus; print(usable_cpus())"]
    before = os.sched_getaffinity(0)
    with _one_core():
        assert subprocess.check_output(command, text=True) == "1\n"
    assert os.sched_getaffinity(0) == before


def test_the_faster_way_to_use_the_cores_is_named() -> None:
    ways = {"inference with one thread per core": [9.0, 12.0, 11.0], "inference with one session": [10.0, 10.0, 30.0]}
    assert fastest_inference({"per_second": [1.0], "decode": [99.0], **ways}) == "one thread per core"
