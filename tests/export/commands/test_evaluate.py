"""`evaluate` on drawn photos and untrained networks."""

from __future__ import annotations

import csv
from pathlib import Path

from click.testing import CliRunner

from export.__main__ import main
from export.release import mistakes
from export.release.description import describe
from export.release.onnx_model import export_onnx, rewrite
from export.release.sight_heads import Released
from export.training.recipe import Recipe

from ..running import plain, run


def test_evaluate_leaves_nothing_of_a_column_that_the_photos_do_not_have(
    recipe: Recipe, root: Path, released: Released, tmp_path: Path
) -> None:
    export_onnx(released, describe(recipe), tmp_path / "model.onnx")
    for data in (root, plain(root, tmp_path)):
        run("evaluate", "--model", tmp_path / "model.onnx", "--data", data, "--run", tmp_path / "run")
    assert {path.stem.rpartition("-")[2] for path in (tmp_path / "run").iterdir()} == {"manifest", "figures"}


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


def test_a_model_that_no_recipe_made_and_a_part_without_photos_are_told_in_one_line(
    recipe: Recipe, released: Released, root: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    export_onnx(released, {**describe(recipe), "recipe": {}}, model)
    for arguments in (["evaluate", "--model", model], ["quantize", model, "-o", tmp_path / "int8.onnx"]):
        result = CliRunner().invoke(main, [*map(str, arguments), "--data", str(root)])
        assert result.exit_code == 1
        problem = "was not made by a recipe of this stage ('name' is missing); give one that was"
        assert result.output == f"Error: {model}: {problem}\n"
    rewrite(model, describe(recipe))
    rows = (root / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(rows[:2]), encoding="utf-8")  # one photo is in the test fold
    for arguments, problem in (
        (["evaluate", "--model", model, "--part", "validation"], "has no photo of the ten genera in the part"),
        (["quantize", model, "-o", tmp_path / "int8.onnx"], "holds too few photos: one fold has no labelled photo"),
    ):
        result = CliRunner().invoke(main, [*map(str, arguments), "--data", str(tmp_path)])
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: {tmp_path}: {problem}")
        assert result.output.count("\n") == 1
    assert not list(tmp_path.glob("*int8*"))
