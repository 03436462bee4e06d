"""Name the cloud in a photo of the sky, with an ONNX model on a small device.

The public names are imported on first use (PEP 562), so that `import cloudedge` loads neither numpy nor Pillow nor
onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudedge.classifier import CloudClassifier
    from cloudedge.errors import CloudEdgeError, ImageError, ModelError
    from cloudedge.genera import GENERA, Genus
    from cloudedge.photo.crop import Box
    from cloudedge.photo.read import Source
    from cloudedge.row import Classification, GenusProbability, LevelProbability, Reason

__version__ = "0.1.0"

__all__ = [
    "GENERA",
    "Box",
    "Classification",
    "CloudClassifier",
    "CloudEdgeError",
    "Genus",
    "GenusProbability",
    "ImageError",
    "LevelProbability",
    "ModelError",
    "Reason",
    "Source",
    "__version__",
]

_HOME = {
    "GENERA": "genera",
    "Box": "photo.crop",
    "Classification": "row",
    "CloudClassifier": "classifier",
    "CloudEdgeError": "errors",
    "Genus": "genera",
    "GenusProbability": "row",
    "ImageError": "errors",
    "LevelProbability": "row",
    "ModelError": "errors",
    "Reason": "row",
    "Source": "photo.read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
