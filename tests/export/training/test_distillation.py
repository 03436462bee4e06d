"""What a student is held against: maps by hints, answers by verdicts."""

from __future__ import annotations

import pytest
import torch

from export.training.distillation import HintLoss, verdict_loss
from export.training.network import Lite0, Resnet34


def test_the_verdict_loss_is_zero_for_the_teacher_itself_and_positive_otherwise() -> None:
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    assert verdict_loss(logits, [logits]).item() == pytest.approx(0, abs=1e-6)
    assert verdict_loss(logits, [logits.flip(0)]).item() > 0.1


def test_several_teachers_give_the_mean_of_their_probabilities() -> None:
    sure, of_another = 40.0 * torch.eye(10)[[0]], 40.0 * torch.eye(10)[[1]]
    torn = 40.0 * torch.eye(10)[[0, 1]].sum(dim=0, keepdim=True)
    assert verdict_loss(torn, [sure, of_another]).item() == pytest.approx(0, abs=1e-4)
    assert verdict_loss(sure, [sure, of_another]).item() > 1


def test_the_hint_loss_is_zero_between_equal_maps() -> None:
    ours, theirs = Resnet34(), Lite0()
    maps = theirs.eval().maps(torch.randn(4, 3, 64, 64))
    loss = HintLoss(ours, theirs)
    assert 0 < loss(ours.maps(torch.randn(4, 3, 64, 64)), maps).item() < 2
    own = HintLoss(theirs, theirs)  # with the identity as its map, it must see no difference at all
    for stride, layer in own.project.items():
        torch.nn.init.dirac_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        assert theirs.channels[int(stride)] == layer.weight.shape[0]
    assert own(maps, maps).item() == pytest.approx(0, abs=1e-4)
