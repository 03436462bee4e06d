"""The networks and their files of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cloudedge.errors import CloudEdgeError
from export.training.network import build, save_weights


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("head.bias"), "head.bias is missing"),
        (lambda state: state.update({"body.fc.weight": torch.zeros(1)}), "body.fc.weight does not belong there"),
        (lambda state: state.update({"head.bias": torch.zeros(7)}), r"head.bias is \[7\], not \[10\]"),
    ],
)
def test_weights_that_do_not_fit_are_told_and_counters_do_not_matter(
    change: Callable[[dict[str, torch.Tensor]], object], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    state = dict(build("resnet34", "none").state_dict())
    save_file(state, path)  # with the counters of batch norm
    assert build("resnet34", str(path))
    change(state)
    save_file(state, path)
    with pytest.raises(CloudEdgeError, match=rf"weights\.safetensors: does not hold weights of resnet34: {problem}"):
        build("resnet34", str(path))


def test_a_file_that_holds_no_weights_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for content in (b"", b"no weights at all"):
        path.write_bytes(content)
        with pytest.raises(CloudEdgeError, match="cannot be read as weights"):
            build("lite0", str(path))
    with pytest.raises(CloudEdgeError, match="cannot be read as weights"):
        build("lite0", str(tmp_path))


@pytest.mark.parametrize("name", ["resnet34", "lite0"])
def test_weights_come_back_from_their_file(name: str, tmp_path: Path) -> None:
    network = build(name, "none").eval()
    save_weights(network, tmp_path / "weights.safetensors")
    again = build(name, str(tmp_path / "weights.safetensors")).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again(images), network(images), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", ["resnet34", "lite0"])
def test_a_network_takes_photos_of_any_proportions(name: str) -> None:
    network = build(name, "none").eval()
    with torch.inference_mode():
        for height, width in ((64, 96), (96, 64), (64, 64)):
            maps = network.maps(torch.zeros(1, 3, height, width))
            assert {stride: found.shape for stride, found in maps.items()} == {
                stride: (1, channels, height // stride, width // stride)
                for stride, channels in network.channels.items()
            }
