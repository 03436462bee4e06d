"""Training for integer arithmetic: the network computes with the weights that it will have as integers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def rounded_weights(network: nn.Module, bits: int) -> Iterator[None]:
    """Round the weights of all convolutions to `bits` while the block runs, forwards and backwards; 0 leaves them.

    The gradients of the rounded weights are then those of the weights themselves (straight-through estimator, Bengio et
    al. 2013, arXiv:1308.3432). Batch norm, which the quantizer folds into a convolution, scales whole output channels,
    and each of these has a step of its own: rounding before or after is the same.
    """
    kept = [(module.weight, module.weight.data) for module in network.modules() if isinstance(module, nn.Conv2d)]
    try:
        for parameter, weight in kept if bits else ():
            parameter.data = _round(weight, bits)
        yield
    finally:
        for parameter, weight in kept:
            parameter.data = weight


def _round(weight: torch.Tensor, bits: int) -> torch.Tensor:
    step = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / (2 ** (bits - 1) - 1)
    return torch.where(step > 0, torch.round(weight / step) * step, weight)
