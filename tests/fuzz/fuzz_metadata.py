"""Whatever a model file says of itself, it is used, and can be said again by the server, or it is a ModelError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import atheris
import numpy as np
from harness import FIXTURES, described, fuzz, one_line, scratch

with atheris.instrument_imports(include=["cloudedge"]):
    from cloudedge import CloudClassifier, ModelError
    from cloudedge.serve.app import make_app

SKY = np.full((8, 8, 3), 128, np.uint8)
PATH = scratch().with_suffix(".onnx")


def try_one(data: bytes) -> None:
    PATH.write_bytes(described("graph", data))
    try:
        classifier = CloudClassifier(PATH, threads=1)
    except ModelError as error:
        one_line(str(error))
        return
    make_app(classifier, dict)
    try:
        row = classifier.classify(SKY)
    except ModelError as error:  # the mean, say, may be anywhere
        one_line(str(error))
    else:
        assert row.probability is not None
        assert 0 <= row.probability <= 1


def seeds() -> Iterator[bytes]:
    spec = asdict(CloudClassifier(FIXTURES / "tiny.onnx", threads=1).model.spec)
    yield json.dumps(spec).encode()
    for name in spec:
        yield json.dumps({**spec, name: None}).encode()
        yield json.dumps({key: value for key, value in spec.items() if key != name}).encode()
    for odd in (float("nan"), float("inf"), 10**400, [[[[]]]], {"": {}}, "\ud800", 1e-300, True):
        yield json.dumps({**spec, "recipe": {"a": odd}, "temperature": odd}).encode()
        yield json.dumps({**spec, "recipe": {"a": odd}}).encode()
    for depth in (10, 100, 300, 600, 900, 990):
        nested = "[" * depth + "]" * depth
        yield json.dumps({**spec, "recipe": {"deep": None}}).replace("null", nested).encode()
    yield b"[" * 3000
    yield json.dumps(spec).encode("utf-16")


if __name__ == "__main__":
    fuzz(try_one, seeds())
