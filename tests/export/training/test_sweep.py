"""A sweep of learning rates changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cloudedge.errors import CloudEdgeError
from export.training.batches import TrainingSet
from export.training.recipe import Phase, Recipe
from export.training.trainer import Trainer


@pytest.fixture
def data() -> TrainingSet:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
    return TrainingSet(pixels, np.eye(10, dtype=np.float32)[np.arange(20) % 10], np.ones(20, dtype=np.float32))


def test_a_sweep_leaves_every_weight_as_it_was(
    recipe: Recipe, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.training.learning_rate.STEPS", 20)
    phase = Phase(name="labels", images=40, size=32, batch=4, lr=1e-3, label=1.0)
    trainer = Trainer(replace(recipe, weights="none", phases=(phase,)), tmp_path)
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    seen: list[float] = []
    step = trainer._train_step

    def counted(*arguments: object) -> dict[str, float]:
        losses = step(*arguments)  # type: ignore[arg-type]
        stem = trainer.network.state_dict()["head.weight"]
        seen.append(float((stem - before["head.weight"]).abs().max()))
        return losses

    monkeypatch.setattr(trainer, "_train_step", counted)
    trainer.sweep_rates(data, data)
    assert max(seen) > 0  # it did train
    for name, tensor in trainer.network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, msg=name)
    assert (trainer.phase_index, trainer.step) == (0, 0)
    trainer.phase_index = 1
    with pytest.raises(CloudEdgeError, match="holds a finished run"):
        trainer.sweep_rates(data, data)
