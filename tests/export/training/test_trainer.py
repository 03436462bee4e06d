"""Real training steps on drawn photos: it learns, resumes exactly, and its parts do what they say."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.data.catalogue import CLASSES
from export.data.data_set import DataSet
from export.training import augment, runs
from export.training.batches import TrainingSet, training_sets
from export.training.network import Lite0, Resnet34, build
from export.training.recipe import Phase, Recipe
from export.training.trainer import Trainer


@pytest.fixture
def data() -> TrainingSet:
    rng = np.random.default_rng(0)
    targets = np.eye(len(CLASSES), dtype=np.float32)[np.arange(40) % 10]
    pixels = np.broadcast_to(25 * (np.arange(40) % 10)[:, None, None, None], (40, 64, 64, 3)) + rng.integers(
        0, 20, (40, 64, 64, 3)
    )
    return TrainingSet(pixels.astype(np.uint8), targets, np.ones(len(targets), dtype=np.float32))


def student(recipe: Recipe) -> Recipe:
    phases = (
        Phase(name="hints", images=32, size=64, batch=8, lr=1e-3, hint=1.0),
        Phase(name="labels", images=32, size=64, batch=8, lr=1e-3, mixup=0.5, hint=0.5, label=1.0),
    )
    return replace(recipe, name="resnet34", weights="none", phases=phases)


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


def test_a_killed_run_goes_on_and_ends_at_the_same_weights(
    recipe: Recipe, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.training.trainer.CHECKPOINT_SECONDS", 0.0)
    expected = Trainer(student(recipe), tmp_path / "whole").run(data, data).state_dict()

    trainer, steps = Trainer(student(recipe), tmp_path / "killed"), 0
    step = trainer._train_step

    def killed_after_six(*arguments: object) -> dict[str, float]:
        nonlocal steps
        steps += 1
        if steps > 6:
            raise KilledError
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "_train_step", killed_after_six)
    with pytest.raises(KilledError):
        trainer.run(data, data)
    with (tmp_path / "killed" / "log.csv").open("a", encoding="utf-8") as stream:
        stream.write("labels,3,1e-3,,,0.5\nlab")  # past the checkpoint, and cut
    resumed = Trainer(student(recipe), tmp_path / "killed")
    found = resumed.run(data, data).state_dict()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, msg=name)
    with (tmp_path / "killed" / "log.csv").open(newline="", encoding="utf-8") as stream:
        assert [(row["phase"], row["step"]) for row in csv.DictReader(stream)] == [("hints", "4"), ("labels", "4")]


def test_hints_alone_teach_the_student(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    phase = Phase(name="hints", images=320, size=64, batch=16, lr=1e-3, hint=1.0)
    trainer = Trainer(replace(student(recipe), phases=(phase,)), tmp_path)
    trainer.run(data, data.subset(np.zeros(len(data.targets), dtype=bool)))
    rows = (tmp_path / "log.csv").read_text().splitlines()
    first, last = (float(row.split(",")[3]) for row in (rows[1], rows[-1]))
    assert last < 0.9 * first


@pytest.mark.parametrize("name", ["resnet34", "lite0"])
def test_a_frozen_body_keeps_its_weights_but_for_batch_norm(
    name: str, recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    frozen = Phase(name="head", images=16, size=64, batch=8, lr=1e-2, frozen=True, label=1.0)
    trainer = Trainer(replace(recipe, name=name, weights="none", phases=(frozen,)), tmp_path / "run")
    before = {key: value.clone() for key, value in trainer.network.named_parameters()}

    trainer.run(data, data)

    moved = {key for key, value in trainer.network.named_parameters() if not torch.equal(value, before[key])}
    assert moved == {key for key, value in before.items() if value.ndim == 1 or key.startswith("head")}


@pytest.mark.parametrize("keep", [True, False])
def test_batch_norm_goes_on_with_the_statistics_of_the_start_where_asked(
    keep: bool, recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    phase = Phase(name="labels", images=16, size=64, batch=8, lr=1e-3, keep_statistics=keep, label=1.0)
    trainer = Trainer(replace(recipe, phases=(phase,)), tmp_path / "run")
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}

    after = trainer.run(data, data).state_dict()

    unmoved = {key for key, value in after.items() if torch.equal(value, before[key]) and "num_batches" not in key}
    assert unmoved == ({key for key in before if "running" in key} if keep else set())


def test_the_network_sees_noise_and_its_teacher_does_not(
    recipe: Recipe, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase(name="labels", images=8, size=32, teacher_size=64, batch=8, lr=1e-3, hint=1.0, noise=20.0)
    trainer = Trainer(replace(student(recipe), phases=(phase,)), tmp_path / "run")
    assert trainer.pretrained
    seen: dict[str, torch.Tensor] = {}
    for name, network in (("student", trainer.network), ("teacher", trainer.pretrained)):
        look = network.maps
        monkeypatch.setattr(network, "maps", lambda x, name=name, look=look: seen.update({name: x}) or look(x))

    trainer.run(data, data)

    deviation = (seen["student"] - augment.shrink(seen["teacher"], 0.5)).std(dim=(2, 3))
    assert deviation.max() <= 1.1 * 20 / 255 / min(augment.STD)
    assert deviation.max() > 2 * deviation.min() > 0


def test_the_layer_groups_cover_every_weight_and_the_first_learns_slowest(
    recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    phase = Phase(name="labels", images=8, size=64, batch=8, lr=1e-2, lr_first=1e-4, label=1.0)
    trainer = Trainer(replace(recipe, phases=(phase,)), tmp_path / "run")
    optimiser = trainer._optimiser(phase)
    grouped = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    assert {id(p) for p in grouped} == {id(p) for p in trainer.network.parameters()}
    assert [group["share"] for group in optimiser.param_groups[::2]] == pytest.approx([0.01, 0.1, 1.0])


def test_a_killed_run_goes_on_after_a_frozen_phase(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    head = Phase(name="head", images=16, size=64, batch=8, lr=1e-2, frozen=True, label=1.0)
    body = replace(head, name="labels", frozen=False, lr_first=1e-4)
    once = Trainer(replace(recipe, phases=(head, body)), tmp_path / "once").run(data, data)
    Trainer(replace(recipe, phases=(head,)), tmp_path / "twice").run(data, data)
    again = Trainer(replace(recipe, phases=(head, body)), tmp_path / "twice").run(data, data)
    for key, value in once.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value)


def test_teachers_are_trained_once_by_their_recipes_on_the_folds_of_their_student_and_each_is_another(
    recipe: Recipe, photos: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase(name="labels", images=8, size=32, batch=8, lr=1e-3, verdict=1.0)
    teachers = ("small.toml", "large.toml", "small.toml")
    student = replace(recipe, test_fold=2, validation_fold=0, phases=(phase,), teachers=teachers)
    teacher = replace(recipe, phases=(replace(phase, verdict=0.0, label=1.0),))
    recipes = {Path("small.toml"): teacher, Path("large.toml"): replace(teacher, network="resnet34", weights="none")}
    monkeypatch.setattr("export.training.runs.load_recipe", recipes.__getitem__)
    sets: list[Recipe] = []
    read = training_sets
    monkeypatch.setattr(
        "export.training.runs.training_sets", lambda asked, data: sets.append(asked) or read(asked, data)
    )

    trainer = runs.trainer_of(runs.Run(student, student.seed, tmp_path), photos.for_recipe(student))
    runs.trainer_of(runs.Run(student, student.seed, tmp_path), photos.for_recipe(student))

    assert [(asked.test_fold, asked.validation_fold, asked.seed) for asked in sets] == [(2, 0, student.seed)] * 3
    assert [type(network) for network in trainer.trained] == [Lite0, Resnet34, Lite0]
    first, _, third = (network.head.weight for network in trainer.trained)
    assert not torch.equal(first, third)

    by_itself = replace(teacher, test_fold=2, validation_fold=0)
    alone = runs.train(runs.Run(by_itself, teacher.seed, tmp_path / "alone"), photos.for_recipe(by_itself))
    assert torch.equal(first, build("lite0", str(alone)).head.weight)
