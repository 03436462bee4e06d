"""Small drawn photos and small models for the tests of the runtime."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# How long an example takes depends on the machine.
settings.register_profile("runtime", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("runtime")

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests use no network; must be set before onnxruntime is imported

# A run started in the background ignores Ctrl-C, and so would the programs that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Under `nohup` they would ignore this; what Python handles, if only by doing nothing, they do not inherit.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)

FIXTURES = Path(__file__).parent / "fixtures"


def draw_sky(width: int = 96, height: int = 64, seed: int = 0) -> np.ndarray:
    """Draw blue sky with white heaps: uint8 (H, W, 3), no two corners alike, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width]
    sky = np.stack([60 + 80 * y / height, 110 + 60 * y / height, 220 - 90 * x / width], axis=-1)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.1, 0.3) * min(width, height)
        cover = np.clip(1.5 - np.hypot(x - cx, y - cy) / radius, 0, 1)[..., None]
        sky = sky * (1 - cover) + 245 * cover
    return np.rint(sky).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    """Encode a photo: the bytes of a file."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def describe(model: bytes, metadata: object) -> bytes:
    """Add metadata to the bytes of a model.

    Protocol buffers merge when they are concatenated, so an entry of ModelProto.metadata_props (field 14, with key 1
    and value 2) is simply appended.
    """
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    return model + _field(14, _field(1, b"cloudedge") + _field(2, text.encode()))


def _field(number: int, data: bytes) -> bytes:
    length, size = len(data), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


METADATA: dict[str, Any] = {
    "name": "tiny",
    "version": "0.0.1",
    "classes": [
        "Altocumulus",
        "Altostratus",
        "Cirrocumulus",
        "Cirrostratus",
        "Cirrus",
        "Cumulonimbus",
        "Cumulus",
        "Nimbostratus",
        "Stratocumulus",
        "Stratus",
    ],
    "input_size": 32,
    "resize": {"rule": "squash", "size": 36, "interpolation": "bilinear"},
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "temperature": 1.5,
    "thresholds": {"low_confidence": 0.3},
    "recipe": {},
    "data": {},
    "metrics": {},
    "licence": "MIT",
}


@pytest.fixture
def metadata() -> dict[str, Any]:
    """A sound description of the tiny model, to be spoilt by a test."""
    copy: dict[str, Any] = json.loads(json.dumps(METADATA))
    return copy


@pytest.fixture(name="draw_sky")
def _draw_sky() -> Callable[..., np.ndarray]:
    return draw_sky


@pytest.fixture(name="encode")
def _encode() -> Callable[..., bytes]:
    return encode


@pytest.fixture
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture
def sky() -> np.ndarray:
    return draw_sky()


@pytest.fixture
def tiny() -> Path:
    """A model of 32 pixels and ten genera, with arbitrary weights."""
    return FIXTURES / "tiny.onnx"


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a model: one of the fixtures' graphs with any metadata."""

    def make(metadata: object, graph: str = "graph") -> Path:
        path = tmp_path / f"{graph}.onnx"
        path.write_bytes(describe((FIXTURES / f"{graph}.onnx").read_bytes(), metadata))
        return path

    return make


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Twelve photos that differ from each other."""
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{number:02}.jpg" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(encode(draw_sky(seed=number), "JPEG"))
    return paths
