"""Static QDQ quantization to int8 (U8 activations, S8 weights, per channel), and the gates it has to pass."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from cloudedge.errors import CloudEdgeError
from export.release.onnx_model import GateError, write

MIN_AGREEMENT = 0.97
MAX_ACCURACY_DROP = 0.01
QUANTIZING = ("QuantizeLinear", "DequantizeLinear")


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: Iterable[npt.NDArray[np.float32]]) -> None:
        self.inputs: Iterator[npt.NDArray[np.float32]] = iter(inputs)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self.inputs, None)
        return None if batch is None else {"image": batch}


def quantize(source: Path, metadata: dict[str, Any], inputs: Iterable[npt.NDArray[np.float32]], path: Path) -> None:
    """Quantize the float32 file `source`, calibrated on training inputs (N, 3, S, S); write it with `metadata`.

    U8S8 because it is what fuses on x86-64; `reduce_range` because CPUs without VNNI add two products in 16 bits and
    would overflow, and it costs nothing elsewhere. A range is the mean of the photos' own ranges: with the widest of
    all, a few photos with extreme activations would take the resolution from the others. The first convolution and
    what follows the last maps stay float32: together a few percent of the time, and much of the error. Of a network of
    depthwise convolutions the first half stays float32: their few channels carry most of the error, and a tenth of the
    weights. Raises CloudEdgeError for a file that is quantized already.
    """
    if any(node.op_type in QUANTIZING for node in onnx.load(source).graph.node):
        raise CloudEdgeError("is already quantized; give the float32 file", str(source))
    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = Path(folder, "prepared.onnx"), Path(folder, "quantized.onnx")
        # Symbolic shape inference stumbles over the heads; that of ONNX is enough here.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        quantize_static(
            str(prepared),
            str(quantized),
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_sensitive_nodes(model),
            extra_options={"CalibMovingAverage": True, "TensorQuantOverrides": _depthwise_weights(model)},
        )
        write(onnx.load(quantized), metadata, path)


def _sensitive_nodes(model: onnx.ModelProto) -> list[str]:
    """Name the first convolution, or the first half of a depthwise network, and all that is not needed for the maps."""
    nodes = model.graph.node  # in the order of computation
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    first = convolutions[: len(convolutions) // 2 if any(map(_is_depthwise, convolutions)) else 1]
    needed = {next(node for node in nodes if "evidence" in node.output).input[0]}
    heads = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
        else:
            heads.append(node.name)
    return [*(node.name for node in first), *heads]


def _depthwise_weights(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return overrides that give the weights of depthwise convolutions all eight bits: their kernels widen first.

    They have few weights for each sum, so the rounding of one is not evened out by the others.
    """
    whole = {"quant_type": QuantType.QInt8, "axis": 0, "symmetric": True, "reduce_range": False}
    return {node.input[1]: [whole] for node in model.graph.node if node.op_type == "Conv" and _is_depthwise(node)}


def _is_depthwise(convolution: onnx.NodeProto) -> bool:
    return any(attribute.name == "group" and attribute.i > 1 for attribute in convolution.attribute)


@dataclass(frozen=True, slots=True)
class Comparison:
    """int8 against float32 on photos that calibration did not see: shares of `n` photos."""

    agreement: float
    accuracy_drop: float
    n: int


def check_quantized(
    float_logits: npt.NDArray[np.float32], logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> Comparison:
    """Compare logits (N, 10); labels -1 do not count for accuracy. Raises GateError when a gate is not passed."""
    before, after, judged = float_logits.argmax(axis=1), logits.argmax(axis=1), labels >= 0
    if not judged.any():
        raise GateError("no validation photo has a label, so the accuracy of int8 cannot be measured")
    drop = float((before == labels)[judged].mean() - (after == labels)[judged].mean())
    result = Comparison(float((before == after).mean()), drop, len(labels))
    if result.agreement < MIN_AGREEMENT:
        raise GateError(
            f"int8 agrees with float32 on {result.agreement:.1%} of first choices, less than {MIN_AGREEMENT:.0%}"
        )
    if result.accuracy_drop > MAX_ACCURACY_DROP:
        raise GateError(f"int8 loses {result.accuracy_drop:.1%} of accuracy, more than {MAX_ACCURACY_DROP:.0%}")
    return result
