"""What the page has to know, from where Python knows it: of the model, of the genera, and of photos."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cloudedge.evidence import seen
from cloudedge.genera import BASES, GENERA
from cloudedge.model_spec import ModelSpec
from cloudedge.photo.crop import WHOLE
from cloudedge.photo.missing import MAX_MISSING
from cloudedge.photo.read import OVERSAMPLING
from cloudedge.row import NAMELESS

MAX_PIXELS = 51_000_000  # a browser holds a photo whole, at 4 bytes a pixel; phones of "50 megapixels" take 8192 x 6144

_RECORDS = ("recipe", "data", "metrics")  # of the model's release, which no answer depends on


def facts(spec: ModelSpec) -> dict[str, Any]:
    """Return the facts as JSON can hold them."""
    return {
        "model": {name: value for name, value in asdict(spec).items() if name not in _RECORDS},
        "seen": seen(WHOLE, spec),
        "genera": [asdict(genus) for genus in GENERA],
        "bases": BASES,
        "nameless": NAMELESS,
        "oversampling": OVERSAMPLING,
        "max_missing": MAX_MISSING,
        "max_pixels": MAX_PIXELS,
    }
