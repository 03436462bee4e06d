"""Write the models and the golden arrays in fixtures/. Run by hand: PYTHONPATH=. python tests/runtime/make_fixtures.py

Needs onnx besides the runtime, and pillow-heif for the HEIC photo. The golden arrays pin what the runtime computes:
write them again only where it is meant to compute something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
from conftest import FIXTURES, METADATA, describe, draw_sky
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from cloudedge import preprocess
from cloudedge.model import Model
from cloudedge.model_spec import ModelSpec

SIZE, CLASSES = 32, 10


def graph(
    outputs: dict[str, list[str | int]],
    extra: Sequence[onnx.NodeProto] = (),
    constants: dict[str, np.ndarray] | None = None,
    input_name: str = "image",
    batch: str | int = "N",
    kind: int = TensorProto.FLOAT,
    sides: tuple[str | int, str | int] = (SIZE, SIZE),
) -> bytes:
    """Build a convolution, a mean over the image and a linear layer, with fixed arbitrary weights."""
    rng = np.random.default_rng(1)
    weights = {
        "kernel": rng.normal(0, 0.4, (8, 3, 5, 5)).astype(np.float32),
        "matrix": rng.normal(0, 1.5, (CLASSES, 8)).astype(np.float32),
        "bias": rng.normal(0, 0.3, CLASSES).astype(np.float32),
        **(constants or {}),
    }
    nodes = [
        helper.make_node("Conv", [input_name, "kernel"], ["convolved"], strides=[4, 4]),
        helper.make_node("Relu", ["convolved"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "matrix", "bias"], ["linear"], transB=1),
        *(extra or [helper.make_node("Identity", ["linear"], ["logits"])]),
    ]
    built = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [batch, 3, *sides])],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(built, opset_imports=[helper.make_opsetid("", 17)], producer_name="cloudedge tests")
    model.ir_version = 8
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def models() -> dict[str, bytes]:
    node = helper.make_node
    logits: dict[str, list[str | int]] = {"logits": ["N", CLASSES]}
    plain = graph(logits)
    identity = node("Identity", ["linear"], ["logits"])
    side = 7  # (32 - 5) // 4 + 1
    outputs = graph(
        {**logits, "evidence": ["N", CLASSES, side, side], "familiarity": ["N"], "clear": ["N"]},
        [
            identity,
            node("Unsqueeze", ["matrix", "axes"], ["filters"]),
            node("Conv", ["active", "filters"], ["evidence"]),
            node("ReduceMean", ["features"], ["familiarity"], axes=[1], keepdims=0),
            node("Sigmoid", ["familiarity"], ["clear"]),
        ],
        {"axes": np.array([2, 3], np.int64)},
    )
    return {
        "graph": plain,
        "tiny": describe(plain, METADATA),
        "outputs": outputs,
        "free_sides": graph(
            {**logits, "evidence": ["N", CLASSES, "down", "across"]},
            [
                identity,
                node("Unsqueeze", ["matrix", "axes"], ["filters"]),
                node("Conv", ["active", "filters"], ["evidence"]),
            ],
            {"axes": np.array([2, 3], np.int64)},
            sides=("height", "width"),
        ),
        "input_name": graph(logits, input_name="pixels"),
        "output_name": graph({"scores": ["N", CLASSES]}, [node("Identity", ["linear"], ["scores"])]),
        "fixed_batch": graph({"logits": [1, CLASSES]}, batch=1),
        "float64": graph(
            logits, [node("Cast", ["linear"], ["logits"], to=TensorProto.DOUBLE)], kind=TensorProto.DOUBLE
        ),
        "rank": graph(
            {"logits": ["N", CLASSES, 1]},
            [node("Unsqueeze", ["linear", "axes"], ["logits"])],
            {"axes": np.array([2], np.int64)},
        ),
        # 0 / 0 for every photo
        "not_finite": graph(
            logits,
            [node("Mul", ["linear", "zero"], ["nothing"]), node("Div", ["nothing", "zero"], ["logits"])],
            {"zero": np.zeros(1, np.float32)},
        ),
        # An index that the checker cannot know to be out of range, so that only a run fails.
        "fails": graph(
            logits,
            [
                node("Cast", ["linear"], ["whole"], to=TensorProto.INT64),
                node("Add", ["whole", "thousands"], ["indices"]),
                node("GatherElements", ["linear", "indices"], ["logits"], axis=1),
            ],
            {"thousands": np.array([10_000], np.int64)},
        ),
    }


def golden() -> dict[str, np.ndarray]:
    photo = draw_sky(61, 47, seed=3)
    spec = ModelSpec.from_json(json.dumps(METADATA))
    resized = preprocess.resize(photo, spec)
    prepared = preprocess.prepare(photo, spec)
    logits = Model(FIXTURES / "tiny.onnx", threads=1).run(prepared[None]).logits
    return {"photo": photo, "resized": resized, "prepared": prepared, "logits": logits}


def heic() -> None:
    """Write a photo as phones do: turned by the container, with the EXIF orientation left beside it."""
    from pillow_heif import encode

    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2024:06:01 12:30:45"
    sensor = Image.fromarray(draw_sky(96, 64)).transpose(Image.Transpose.ROTATE_90)
    encode("RGB", sensor.size, sensor.tobytes(), FIXTURES / "photo.heic", quality=90, exif=exif.tobytes())


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    for name, data in models().items():
        (FIXTURES / f"{name}.onnx").write_bytes(data)
    np.savez_compressed(FIXTURES / "golden.npz", **golden())
    heic()
