from __future__ import annotations

import torch
from torch import nn

from export.rounding import rounded_weights


def test_weights_are_rounded_within_and_as_they_were_after() -> None:
    convolution = nn.Conv2d(3, 4, 3)
    before = convolution.weight.detach().clone()
    with rounded_weights(convolution, 3):
        rounded = convolution.weight.detach().clone()
        convolution(torch.ones(1, 3, 5, 5)).sum().backward()
    assert torch.equal(convolution.weight.detach(), before)
    assert not torch.equal(rounded, before)
    for channel, original in zip(rounded, before, strict=True):
        step = original.abs().max() / 3
        assert set(torch.round(channel / step).unique().int().tolist()) <= set(range(-3, 4))
        assert (channel - original).abs().max() <= step / 2 + 1e-6
    gradient = convolution.weight.grad
    assert gradient is not None
    assert (gradient != 0).all()


def test_a_channel_of_zeros_stays_zero_and_no_bits_round_nothing() -> None:
    convolution = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        convolution.weight[0] = 0
    before = convolution.weight.detach().clone()
    with rounded_weights(convolution, 4):
        assert (convolution.weight[0] == 0).all()
    with rounded_weights(convolution, 0):
        assert torch.equal(convolution.weight.detach(), before)
