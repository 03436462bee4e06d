from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cloudedge

HEAVY = {"numpy", "onnxruntime", "PIL", "torch", "torchvision", "onnx", "export", "pi_heif", "starlette", "uvicorn"}


def modules_after(code: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter has loaded after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(Path(cloudedge.__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return HEAVY & set(result.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import cloudedge",
        "import cloudedge; cloudedge.__version__, dir(cloudedge), cloudedge.GENERA, cloudedge.ModelError",
        "from cloudedge import CloudEdgeError, ImageError, Genus",
        "import cloudedge.cli.main",
        "import cloudedge.row, cloudedge.row_formats, cloudedge.files, cloudedge.archive.journal",
    ],
)
def test_importing_loads_nothing_heavy(code):
    assert modules_after(code) == set()


def test_the_runtime_needs_numpy_pillow_and_onnxruntime_alone(tiny):
    code = f"from cloudedge import CloudClassifier; CloudClassifier({str(tiny)!r})"
    assert modules_after(code) == {"numpy", "PIL", "onnxruntime"}


def test_every_public_name_is_there():
    assert set(cloudedge.__all__) <= set(dir(cloudedge))
    for name in cloudedge.__all__:
        assert getattr(cloudedge, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'Cloud'"):
        _ = cloudedge.Cloud


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", cloudedge.__version__)
