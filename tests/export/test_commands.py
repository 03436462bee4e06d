"""Commands that need torch, on drawn photos and untrained networks."""

from __future__ import annotations

import csv
from pathlib import Path

from click.testing import CliRunner

from export.__main__ import main
from export.network import build
from export.onnx_model import export_onnx
from export.recipe import Recipe
from export.release import describe


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_evaluate_writes_its_tables_and_pictures(recipe: Recipe, root: Path, tmp_path: Path) -> None:
    export_onnx(build("lite0", "none"), describe(recipe), tmp_path / "model.onnx")
    folder = tmp_path / "run"
    run("evaluate", "--model", tmp_path / "model.onnx", "--data", root, "--run", folder)
    for column in ("agreed", "review", "manifest"):
        for name in ("confusion", "reliability", "top-losses"):
            assert (folder / f"{name}-{column}.png").stat().st_size > 2000
        with (folder / f"losses-{column}.csv").open(newline="", encoding="utf-8") as stream:
            assert len(list(csv.DictReader(stream))) == 20  # one fold of four
        assert len((folder / f"genera-{column}.csv").read_text(encoding="utf-8").splitlines()) == 11
        assert (folder / f"confused-{column}.csv").exists()


def test_every_command_tells_what_it_does() -> None:
    output = run("--help")
    for name in ("clean", "data", "evaluate", "onnx", "quantize", "release", "train"):
        assert f"  {name} " in output
        run(name, "--help")
