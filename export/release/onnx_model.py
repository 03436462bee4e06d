"""Torch to ONNX: one self-contained file that describes itself, checked against torch before it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

from cloudedge.files import replacing
from cloudedge.model import Model
from cloudedge.model_spec import METADATA_KEY, ModelSpec
from export.release.sight_heads import Released

OPSET = 18
# The newest that onnxruntime 1.18 loads.
IR_VERSION = 10
OUTPUTS = ("logits", "evidence", "familiarity", "clear")
MAX_LOGIT_DIFFERENCE = 1e-4
MAX_DIFFERENCE = 1e-2  # of the other outputs, and relative to what is beyond 1


class GateError(Exception):
    """A model that must not be released; the text says which gate it failed and by how much."""


def export_onnx(network: Released, metadata: dict[str, Any], path: Path) -> None:
    """Write `network` as a float32 ONNX file with `metadata`, whole or not at all; ValueError for bad metadata."""
    spec = ModelSpec.from_json(json.dumps(metadata))
    # No side of the example equals another, or the exporter would take them for the same one.
    multiple = spec.resize.multiple
    example = torch.zeros(2, 3, spec.input_size + multiple, spec.input_size + 2 * multiple)
    sides = {2: multiple * torch.export.Dim("rows", min=1), 3: multiple * torch.export.Dim("columns", min=1)}
    program = torch.onnx.export(
        network.eval().cpu(),
        (example,),
        input_names=["image"],
        output_names=list(OUTPUTS),
        dynamic_shapes=({0: torch.export.Dim("N"), **sides},),
        opset_version=OPSET,
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    opset = {entry.domain: entry.version for entry in model.opset_import}[""]
    if opset != OPSET:
        raise GateError(f"the exporter wrote opset {opset}, not {OPSET}")
    write(model, metadata, path)


def write(model: onnx.ModelProto, metadata: dict[str, Any], path: Path) -> None:
    """Put `metadata` into the model and write it, whole or not at all."""
    model.ir_version = min(model.ir_version, IR_VERSION)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata, sort_keys=True, allow_nan=False)})
    with replacing(path) as partial:
        onnx.save(model, partial)


def rewrite(path: Path, metadata: dict[str, Any]) -> None:
    """Replace the metadata of a model file."""
    write(onnx.load(path), metadata, path)


def check_parity(network: Released, path: Path, inputs: Iterable[npt.NDArray[np.float32]]) -> float:
    """Compare the file with torch on inputs (N, 3, h, w); return the largest difference of a logit.

    The logits are those of the bare network, without the evidence. Raises GateError when an output
    differs by more than its limit, or a first choice differs.
    """
    model = Model(path)
    worst = 0.0
    network.eval().cpu()
    for batch in inputs:
        with torch.inference_mode():
            image = torch.from_numpy(batch)
            expected = dict(zip(OUTPUTS, [network.network(image), *network(image)[1:]], strict=True))
        found = model.run(batch)
        for name, values in expected.items():
            difference = np.abs(getattr(found, name) - values.numpy())
            limit = np.array(MAX_LOGIT_DIFFERENCE)
            if name != "logits":
                limit = MAX_DIFFERENCE * np.maximum(1, np.abs(values.numpy()))
            if not (difference <= limit).all():
                raise GateError(f"{name} differs from torch by {difference.max():.2e}, more than {limit.max():.0e}")
            if name == "logits":
                worst = max(worst, float(difference.max()))
        if (found.logits.argmax(axis=1) != expected["logits"].numpy().argmax(axis=1)).any():
            raise GateError("a first choice differs from torch")
    return worst
