"""`train` and `lr-find` on drawn photos, and what all commands have in common."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.__main__ import main
from export.training.network import build, save_weights

from .. import recipes
from ..running import plain, run


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
    assert "Error: gone.safetensors: the file of weights to start from does not exist" in result.output
    (tmp_path / "mine.safetensors").touch()
    result = CliRunner().invoke(main, [*arguments, "--weights", str(tmp_path / "mine.safetensors")])
    assert "has no manifest.csv" in result.output  # it is past the weights
    both = ["release", str(recipe_file), "--weights", str(tmp_path / "mine.safetensors"), "--cross-validate"]
    assert "--weights cannot be used with --cross-validate" in CliRunner().invoke(main, both).output


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
        f"Error: {folder}: holds the run of another recipe; give another folder with --run"
    )


def test_an_output_in_no_folder_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"never opened")
    output = str(tmp_path / "gone" / "int8.onnx")
    result = CliRunner().invoke(main, ["quantize", str(tmp_path / "model.onnx"), "-o", output])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].endswith(f"the folder {tmp_path / 'gone'} does not exist; make it first")


def test_show_batch_draws_what_each_phase_sees_and_trains_nothing(
    recipe_file: Path, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    output = run("train", recipe_file, "--show-batch", "--data", plain(root, tmp_path), "--run", folder)
    assert output.strip().endswith("batch-labels.png")
    assert [path.name for path in folder.iterdir()] == ["batch-labels.png"]
