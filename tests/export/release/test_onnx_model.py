"""The model file does what torch does, or is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cloudedge.model import Model
from export.release.description import describe
from export.release.onnx_model import OUTPUTS, GateError, check_parity, export_onnx
from export.release.sight_heads import Released
from export.training.network import build
from export.training.recipe import Recipe

SHAPES = ((64, 64), (64, 96), (128, 64))


def images(count: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 1, (count, 3, *shape)).astype(np.float32) for shape in SHAPES]


@pytest.mark.parametrize("name", ["lite0", "resnet34"])
def test_a_model_file_takes_any_height_and_width_and_says_what_torch_says(
    name: str, recipe: Recipe, released: Released, tmp_path: Path
) -> None:
    if name == "resnet34":
        heads = released.heads
        kept = torch.cat([torch.arange(512), torch.arange(len(heads.sky_weight))[-12:]])
        heads.sky_weight, heads.clear_weight = heads.sky_weight[kept], heads.clear_weight[kept]
        released = Released(build(name, "none"), heads)
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    assert check_parity(released, tmp_path / "model.onnx", images()) <= 1e-4
    model = Model(tmp_path / "model.onnx")
    for batch in images(2):
        with torch.inference_mode():
            expected = dict(zip(OUTPUTS, released(torch.from_numpy(batch)), strict=True))
        found = model.run(batch)
        for output, values in expected.items():
            np.testing.assert_allclose(getattr(found, output), values.numpy(), atol=1e-3, err_msg=output)
        assert found.evidence is not None
        assert found.evidence.shape == (2, 10, batch.shape[2] // 32, batch.shape[3] // 32)


def test_parity_looks_at_every_shape(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    forward = released.network.maps
    released.network.maps = lambda x: {32: forward(x)[32] + (x.shape[3] == 96)}  # type: ignore[method-assign]
    check_parity(released, tmp_path / "model.onnx", images()[:1])
    with pytest.raises(GateError, match="differs from torch"):
        check_parity(released, tmp_path / "model.onnx", images()[:2])


def test_parity_refuses_a_file_of_other_weights(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    other = Released(build("lite0", "none"), released.heads)
    with pytest.raises(GateError, match="logits differs from torch"):
        check_parity(other, tmp_path / "model.onnx", [np.ones((1, 3, 64, 64), np.float32)])


def test_parity_refuses_a_file_of_other_heads(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    released.heads.sky_bias += 100
    with pytest.raises(GateError, match="familiarity differs from torch"):
        check_parity(released, tmp_path / "model.onnx", [np.ones((1, 3, 64, 64), np.float32)])


def scale(released: Released, factor: float) -> None:
    """Multiply the logits of the heads."""
    for name in ("sky_weight", "sky_bias", "clear_weight", "clear_bias"):
        getattr(released.heads, name).mul_(factor)


def test_parity_counts_what_is_beyond_one_by_its_own_size(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    scale(released, 1e7)
    images = [np.random.default_rng(0).normal(0, 1, (2, 3, 64, 64)).astype(np.float32)]
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    familiarity = Model(tmp_path / "model.onnx").run(images[0]).familiarity
    assert familiarity is not None
    assert abs(familiarity).max() > 1e6
    scale(released, 1.005)
    check_parity(released, tmp_path / "model.onnx", images)
    scale(released, 1.01)
    with pytest.raises(GateError, match="familiarity differs from torch"):
        check_parity(released, tmp_path / "model.onnx", images)


def test_evidence_and_bias_add_up_to_the_logits(recipe: Recipe, released: Released, tmp_path: Path) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    outputs = Model(tmp_path / "model.onnx").run(np.random.default_rng(0).normal(0, 1, (2, 3, 64, 64)).astype("f4"))
    assert outputs.evidence is not None
    assert outputs.evidence.shape == (2, 10, 2, 2)
    bias = released.network.head.bias.detach().numpy()
    np.testing.assert_allclose(outputs.evidence.mean(axis=(2, 3)) + bias, outputs.logits, atol=1e-3)
