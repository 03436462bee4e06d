"""Any description in a model file is used, and shown by `info` and the server, or is a ModelError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import atheris
import numpy as np
from harness import FIXTURES, described, fuzz, one_line, scratch

with atheris.instrument_imports(include=["cloudedge"]):
    from cloudedge import CloudClassifier, ModelError
    from cloudedge.cli.info import _lines
    from cloudedge.serve.app import make_app

SKY = np.full((8, 8, 3), 128, np.uint8)
PATH = scratch().with_suffix(".onnx")
SPEC = {
    name: json.dumps(value).encode()
    for name, value in asdict(CloudClassifier(FIXTURES / "tiny.onnx", threads=1).model.spec).items()
}
NAMES = ["", *SPEC]
ODD: tuple[Any, ...] = (None, float("nan"), float("inf"), 10**400, [[[]]], {"": {"a\n": []}}, "\ud800", 1e-300, True)


def try_one(data: bytes) -> None:
    """The first byte says what the others stand for: the value of a field, or all that is said."""
    name, value = NAMES[data[0] % len(NAMES)] if data else "", data[1:]
    PATH.write_bytes(described("graph", written({**SPEC, name: value}) if name else value))
    try:
        classifier = CloudClassifier(PATH, threads=1)
    except ModelError as error:
        one_line(str(error))
        return
    make_app(classifier)
    for line in _lines(asdict(classifier.model.spec)):
        assert line.encode().decode().splitlines() == [line]
    try:
        row = classifier.classify(SKY)
    except ModelError as error:  # the mean, say, may be anywhere
        one_line(str(error))
    else:
        assert row.probability is not None
        assert 0 <= row.probability <= 1


def written(fields: dict[str, bytes]) -> bytes:
    """Write an object of JSON whose values are written already."""
    return b"{" + b", ".join(b'"%s": %s' % (name.encode(), value) for name, value in fields.items()) + b"}"


def seeds() -> Iterator[bytes]:
    yield b"\0" + written(SPEC)
    yield b"\0" + written(SPEC).decode().encode("utf-16")
    yield b"\0" + b"[" * 3000
    for name, value in SPEC.items():
        mark = bytes([NAMES.index(name)])
        yield mark + value
        yield mark + value + b', "more": 1'
        yield b"\0" + written({key: value for key, value in SPEC.items() if key != name})
        for odd in ODD:
            yield mark + json.dumps(odd).encode()
        for depth in (10, 100, 300, 600, 900, 990):
            yield mark + b'{"deep": ' + b"[" * depth + b"]" * depth + b"}"


if __name__ == "__main__":
    fuzz(try_one, seeds())
