"""Commands that need torch, on drawn photos and untrained networks."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from cloudedge.errors import CloudEdgeError
from export.__main__ import main
from export.data.catalogue import CLASSES
from export.data.contact_sheet import Tile
from export.release import mistakes
from export.release.onnx_model import export_onnx, rewrite
from export.release.release import describe
from export.release.sight_heads import Released
from export.training import preview
from export.training.batches import TrainingSet
from export.training.network import build, save_weights
from export.training.recipe import Phase, Recipe
from export.training.trainer import Trainer

from . import recipes


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_evaluate_leaves_nothing_of_a_column_that_the_photos_do_not_have(
    recipe: Recipe, root: Path, released: Released, tmp_path: Path
) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    for data in (root, plain(root, tmp_path)):
        run("evaluate", "--model", tmp_path / "model.onnx", "--data", data, "--run", tmp_path / "run")
    assert {path.stem.rpartition("-")[2] for path in (tmp_path / "run").iterdir()} == {"guided", "manifest", "figures"}


def test_evaluate_writes_its_tables_and_pictures(
    recipe: Recipe, root: Path, released: Released, tmp_path: Path
) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    folder = tmp_path / "run"
    run("evaluate", "--model", tmp_path / "model.onnx", "--data", root, "--run", folder)
    for column in ("guided", "sure", "agreed", "manifest"):
        for name in ("confusion", "genera", "reliability", "top-losses"):
            assert (folder / f"{name}-{column}.png").stat().st_size > 2000
        with (folder / f"losses-{column}.csv").open(newline="", encoding="utf-8") as stream:
            assert len(list(csv.DictReader(stream))) == 20  # one fold of four
        assert len((folder / f"genera-{column}.csv").read_text(encoding="utf-8").splitlines()) == 11
        assert (folder / f"confused-{column}.csv").exists()
        mistakes.clear(folder, column)
    assert [path.name for path in folder.iterdir()] == ["figures.json"]


def test_every_command_tells_what_it_does() -> None:
    output = run("--help")
    for name in ("clean", "cross-validate", "data", "evaluate", "lr-find", "onnx", "quantize", "release", "train"):
        assert f"  {name} " in output
        run(name, "--help")


RECIPE = recipes.RECIPE.replace("images = 64", "images = 640").replace("label = 1.0", "mixup = 0.5\nlabel = 1.0")


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("dark = 10.0", 'dark = 10.0\nteachers = ["gone.toml"]'), "gone.toml"),
        (("label = 1.0", "label = 1.0\nverdict = 1.0"), "no teacher"),
        (("label = 1.0", "label = 1.0\nlabels = 1.0"), "labels"),
        (("seed = 1", "seed = "), "line"),
    ],
)
def test_a_recipe_that_nothing_can_be_trained_by_is_refused_in_one_line(
    recipe_file: Path, tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    recipe_file.write_text(RECIPE.replace(*change), encoding="utf-8")
    result = CliRunner().invoke(main, ["train", str(recipe_file), "--run", str(tmp_path / "run")])
    assert result.exit_code == 2
    last = result.output.splitlines()[-1]
    assert last.startswith("Error: Invalid value for 'RECIPE'")
    assert problem in last


def test_weights_to_start_from_must_be_there_be_they_the_recipes_or_others(recipe_file: Path, tmp_path: Path) -> None:
    arguments = ["train", str(recipe_file), "--data", str(tmp_path), "--run", str(tmp_path / "run")]
    recipe_file.write_text(RECIPE.replace('weights = "none"', 'weights = "gone.safetensors"'), encoding="utf-8")
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "Error: gone.safetensors: there are no such weights to start from" in result.output
    (tmp_path / "mine.safetensors").touch()
    result = CliRunner().invoke(main, [*arguments, "--weights", str(tmp_path / "mine.safetensors")])
    assert "has no manifest.csv" in result.output  # it is past the weights
    both = ["release", str(recipe_file), "--weights", str(tmp_path / "mine.safetensors"), "--cross-validate"]
    assert "--weights is not for --cross-validate" in CliRunner().invoke(main, both).output


def test_what_the_system_refuses_is_told_in_one_line(recipe_file: Path, root: Path, tmp_path: Path) -> None:
    arguments = ["train", str(recipe_file), "--data", str(root), "--run", str(recipe_file / "run")]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (1, f"Error: {recipe_file / 'run'}: {os.strerror(errno.ENOTDIR)}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="the full disk is made by POSIX's limits")
def test_a_full_disk_ends_a_training_in_one_line(recipe_file: Path, root: Path, tmp_path: Path) -> None:
    import resource

    def limit() -> None:  # stands for the full disk; the checkpoint is larger
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    recipe_file.write_text(RECIPE.replace("images = 640", "images = 8"), encoding="utf-8")
    command = [sys.executable, "-m", "export", "train", str(recipe_file), "--data", str(plain(root, tmp_path))]
    done = subprocess.run(
        [*command, "--run", str(tmp_path / "run")], preexec_fn=limit, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: {os.strerror(errno.EFBIG)}"
    assert not list((tmp_path / "run").glob("*.pt*"))


def plain(root: Path, tmp_path: Path) -> Path:
    """Give the drawn data set without its reviews."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for path in root.iterdir():
        if path.name != "review.csv":
            (folder / path.name).symlink_to(path)
    return folder


def test_lr_find_suggests_rates_and_draws_the_curve(recipe_file: Path, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    output = run("lr-find", recipe_file, "--data", plain(root, tmp_path), "--run", folder)
    found = json.loads((folder / "lr-find.json").read_text(encoding="utf-8"))
    assert found["phase"] == "labels"
    for name in ("minimum", "steep", "valley"):
        assert 1e-8 < found[name] < 10
        assert f"{name:<8} {found[name]:.2e}" in output
    with (folder / "lr-find.csv").open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) > 50
    assert (folder / "lr-find.png").stat().st_size > 5000
    assert not {"checkpoint.pt", "claim.json"} & {path.name for path in folder.iterdir()}


def test_a_training_may_start_from_other_weights_than_those_of_its_recipe(
    recipe_file: Path, root: Path, tmp_path: Path
) -> None:
    recipe_file.write_text(RECIPE.replace("images = 640", "images = 8"), encoding="utf-8")
    folder, weights = tmp_path / "run", tmp_path / "start.safetensors"
    save_weights(build("lite0", "none"), weights)
    arguments = ["train", recipe_file, "--data", plain(root, tmp_path), "--run", folder]
    run(*arguments, "--weights", weights)
    assert json.loads((folder / "claim.json").read_text(encoding="utf-8"))["recipe"]["weights"] == str(weights)
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        f"Error: {folder}: holds a run of another recipe; give another folder with --run"
    )


def test_a_model_that_no_recipe_made_and_a_part_without_photos_are_told_in_one_line(
    recipe: Recipe, released: Released, root: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    export_onnx(released, {**describe(recipe), "recipe": {}}, model)
    for arguments in (["evaluate", "--model", model], ["quantize", model, "-o", tmp_path / "int8.onnx"]):
        result = CliRunner().invoke(main, [*map(str, arguments), "--data", str(root)])
        assert result.exit_code == 1
        problem = "was not made by a recipe of this stage ('name' is missing); give a file that was"
        assert result.output == f"Error: {model}: {problem}\n"
    rewrite(model, describe(recipe))
    rows = (root / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(rows[:2]), encoding="utf-8")  # one photo is in the test fold
    for arguments, problem in (
        (["evaluate", "--model", model, "--part", "validation"], "has no photo of the ten genera in the part"),
        (["quantize", model, "-o", tmp_path / "int8.onnx"], "holds too few photos: one fold has none with a label"),
    ):
        result = CliRunner().invoke(main, [*map(str, arguments), "--data", str(tmp_path)])
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: {tmp_path}: {problem}")
        assert result.output.count("\n") == 1
    assert not list(tmp_path.glob("*int8*"))


def test_an_output_in_no_folder_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"never opened")
    output = str(tmp_path / "gone" / "int8.onnx")
    result = CliRunner().invoke(main, ["quantize", str(tmp_path / "model.onnx"), "-o", output])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].endswith(f"there is no folder {tmp_path / 'gone'}; make it first")


@pytest.fixture
def data() -> TrainingSet:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
    return TrainingSet(pixels, np.eye(10, dtype=np.float32)[np.arange(20) % 10])


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
    with pytest.raises(CloudEdgeError, match="has ended"):
        trainer.sweep_rates(data, data)


def test_show_batch_draws_what_each_phase_sees_and_trains_nothing(
    recipe_file: Path, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    output = run("train", recipe_file, "--show-batch", "--data", plain(root, tmp_path), "--run", folder)
    assert output.strip().endswith("batch-labels.png")
    assert [path.name for path in folder.iterdir()] == ["batch-labels.png"]


def test_the_batches_shown_are_those_of_training(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    hints = Phase(name="hints", images=8, size=32, batch=8, lr=1e-3, hint=1.0)
    labels = Phase(name="labels", images=80, size=64, batch=8, lr=1e-3, mixup=1.0, label=1.0)
    recipe = replace(recipe, phases=(hints, labels))
    paths = preview.show_batches(recipe, data, data, tmp_path)
    assert [path.name for path in paths] == ["batch-hints.png", "batch-labels.png"]
    small, large = (Image.open(path).size for path in paths)
    assert small[0] == large[0]
    assert large[1] > small[1]  # one batch is all that the first phase has, and it shows no labels


@pytest.mark.parametrize(
    ("shares", "caption"),
    [
        ({"Cirrus": 1.0}, "Cirrus 100%"),
        ({"Cirrus": 0.992, "Stratus": 0.008}, "Cirrus 99%"),
        ({"Stratus": 0.7, "Cumulus": 0.2, "Cirrus": 0.1}, "Stratus 70%\nCumulus 20%"),
        (dict.fromkeys(CLASSES, 0.1) | {"Stratus": 0.3}, "Stratus 30%"),
        (dict.fromkeys(CLASSES, 0.1), "none of them"),
    ],
)
def test_a_batch_is_captioned_by_what_counts_in_its_targets(
    shares: dict[str, float], caption: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Tile] = []
    monkeypatch.setattr(preview, "contact_sheet", lambda tiles, path, columns: shown.extend(tiles))
    target = np.array([shares.get(genus, 0) for genus in CLASSES], dtype=np.float32)
    data = TrainingSet(np.zeros((1, 40, 40, 3), dtype=np.uint8), target[None])
    phase = Phase(name="labels", images=4, size=32, batch=4, lr=1e-3, mixup=1.0, label=1.0)
    preview.show_batches(replace(recipe, phases=(phase,)), data, data, tmp_path)
    assert {tile.caption for tile in shown} == {caption}
