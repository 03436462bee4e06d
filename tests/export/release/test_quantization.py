"""What int8 leaves alone, and what it must keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from cloudedge.model import Model
from export.release.description import describe
from export.release.onnx_model import GateError, export_onnx
from export.release.quantization import QUANTIZING, check_quantized, quantize
from export.release.sight_heads import Released
from export.training.recipe import Recipe

SHAPES = ((64, 64), (64, 96), (128, 64))


def nodes_behind(model: onnx.ModelProto, outputs: set[str]) -> list[onnx.NodeProto]:
    """Return the nodes that outputs come from, back to the convolutions."""
    found, needed = [], set(outputs)
    for node in reversed(model.graph.node):
        if needed.intersection(node.output) and node.op_type != "Conv":
            found.append(node)
            needed.update(node.input)
    return found


def test_the_heads_stay_float32_and_take_any_shape(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.normal(0, 1, (1, 3, *shape)).astype(np.float32) for shape in SHAPES]
    export_onnx(released, describe(recipe), tmp_path / "float32.onnx")
    quantize(tmp_path / "float32.onnx", describe(recipe), inputs, tmp_path / "int8.onnx")

    model = onnx.load(tmp_path / "int8.onnx")
    maps = next(node for node in model.graph.node if "evidence" in node.output).input[0]
    of_maps = nodes_behind(model, {maps})
    heads = [node for node in nodes_behind(model, {"familiarity", "clear"}) if node not in of_maps]
    assert {"image"} < {name for node in heads for name in node.input}  # the colours are among them
    assert len(heads) > 20
    assert not {node.op_type for node in heads}.intersection(QUANTIZING)
    assert sum(node.op_type == "QuantizeLinear" for node in model.graph.node) > 20

    before, after = Model(tmp_path / "float32.onnx"), Model(tmp_path / "int8.onnx")
    for image in inputs:
        assert after.run(image).logits.shape == (1, 10)
        np.testing.assert_allclose(after.run(image).clear, before.run(image).clear, atol=0.2)


def test_a_bad_quantization_is_refused() -> None:
    logits = np.eye(10, dtype=np.float32)[np.arange(100) % 10]
    labels = np.arange(100) % 10
    assert check_quantized(logits, logits, labels).agreement == 1
    swapped = logits.copy()
    swapped[:4] = logits[4:8]
    with pytest.raises(GateError, match=r"agrees with float32 on 96\.0%"):
        check_quantized(logits, swapped, labels)
    swapped[2:4] = logits[2:4]
    with pytest.raises(GateError, match=r"loses 2\.0% of accuracy"):
        check_quantized(logits, swapped, labels)
    with pytest.raises(GateError, match="no validation photo has a label"):
        check_quantized(logits, logits, np.full(100, -1))
