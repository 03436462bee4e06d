"""Recipes that nothing can be trained by are refused before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.training.recipe import Recipe, load_recipe

from ..recipes import RECIPE

RECIPES = sorted((Path(__file__).parents[3] / "export" / "recipes").glob("*.toml"))
SECOND = RECIPE[RECIPE.index("[[phases]]") :]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("folds = 4", "folds = 2"), "folds must be at least 3"),
        (("folds = 4", "folds = 1000"), "folds must be at most 100"),
        (("seed = 1", "seed = 20261127120000"), "seed must be from 0 to 2147483647"),
        (("input_size = 64", "input_size = 320000"), "input_size must be a multiple of 32, at most 1024, not 320000"),
        (("images = 64", "images = 100000000000"), "phase 1: images must be at most 1000000000"),
        (("test_fold = 0", "test_fold = 4"), "test_fold must be from 0 to 3"),
        (("validation_fold = 1", "validation_fold = -1"), "validation_fold must be from 0 to 3"),
        (("validation_fold = 1", "validation_fold = 0"), "must differ"),
        (('name = "lite0"', 'name = "mine"'), "network must be one of resnet34, lite0, not 'mine'"),
        (('name = "lite0"', 'name = "../lite0"\nnetwork = "lite0"'), "the name '../lite0'"),
        (("seed = 1\n", ""), "'seed' is missing"),
        (("seed = 1", "seed = 1.5"), "seed must be a whole number, not 1.5"),
        (("seed = 1", "seeds = 1"), "'seeds' is unknown"),
        (("dark = 10.0", "dark = true"), "dark must be a number, not True"),
        (("dark = 10.0", "dark = nan"), "dark must be a number, not nan"),
        (("dark = 10.0", 'dark = 10.0\nteachers = "teacher.toml"'), "teachers must be a list, not 'teacher.toml'"),
        (("{ manifest = 1.0 }", "{ manifest = 'much' }"), "labels must be numbers"),
        (("{ manifest = 1.0 }", "{ 1 = 1.0 }"), "labels must hold a weight for the manifest"),
        (("input_size = 64", "input_size = 60"), "input_size must be a multiple of 32, at most 1024, not 60"),
        (("bicubic", "nearest"), "interpolation"),
        (("images = 64", "images = 3"), "phase 1: images must be at least those of one batch"),
        (("images = 64", 'images = "64"'), "phase 1: images must be a whole number, not '64'"),
        (("lr = 1e-3", "lr = 0"), "phase 1: lr must be above 0"),
        (("label = 1.0", "label = 0.0"), "phase 1: hint, verdict or label must be above 0"),
        (('name = "labels"', 'name = "a/b"'), "phase 1: the name 'a/b'"),
        (("label = 1.0", f"label = 1.0\n{SECOND}"), "each phase must have its own name"),
        (("label = 1.0", "label = 1.0\nmixup = 0.6\ncutmix = 0.5"), "mixup and cutmix together must be at most 1"),
        (("label = 1.0", "label = 1.0\ntrivial_augment = 1"), "trivial_augment must be true or false, not 1"),
        (("[[phases]]", "[phases]"), "phases must be a list"),
        (("label = 1.0", "label = 1.0\nratios = []"), "phase 1: ratios must be numbers"),
        (("label = 1.0", "label = 1.0\nratios = [1.0, 3.0]"), "phase 1: ratios must be from 0.5 to 2"),
        (("label = 1.0", "label = 1.0\nstretch = 0.9"), "phase 1: stretch must be from 1 to 4"),
        (("label = 1.0", "label = 1.0\nzoomed_out = 1.5"), "phase 1: zoomed_out must be from 0 to 1"),
        (("label = 1.0", "label = 1.0\ncamera = -0.1"), "phase 1: camera must be from 0 to 1"),
        (("dark = 10.0", "dark = 10.0\nunfamiliar = 0"), "unfamiliar must be above 0 and below 1"),
        (("dark = 10.0", "dark = 10.0\nelsewhere = 1"), "elsewhere must be true or false, not 1"),
    ],
)
def test_what_cannot_be_trained_by_is_told_with_its_key(change: tuple[str, str], problem: str, tmp_path: Path) -> None:
    assert change[0] in RECIPE
    (tmp_path / "tiny.toml").write_text(RECIPE.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the text is held below, without being a pattern
        load_recipe(tmp_path / "tiny.toml")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recipe_among_its_own_teachers_is_refused(tmp_path: Path) -> None:
    for name, teacher in (("a", "b"), ("b", "a")):
        taught = RECIPE.replace("dark", f'teachers = ["{tmp_path / teacher}.toml"]\ndark')
        (tmp_path / f"{name}.toml").write_text(taught, encoding="utf-8")
    with pytest.raises(ValueError, match=r"teacher .*b\.toml: teacher .*a\.toml: .*a\.toml is among its own teachers"):
        load_recipe(tmp_path / "a.toml")


def test_two_teachers_may_be_of_one_recipe(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(RECIPE, encoding="utf-8")
    taught = RECIPE.replace("dark", f'teachers = ["{tmp_path / "b.toml"}", "{tmp_path / "b.toml"}"]\ndark')
    (tmp_path / "a.toml").write_text(taught, encoding="utf-8")
    assert len(load_recipe(tmp_path / "a.toml").teachers) == 2


def test_a_run_may_start_from_other_weights(recipe: Recipe, tmp_path: Path) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.touch()
    assert recipe.starting_from(mine) == replace(recipe, weights=str(mine))
    assert recipe.starting_from(None) == recipe


def test_a_recipe_that_asks_for_a_verdict_needs_a_teacher(recipe: Recipe) -> None:
    phase = replace(recipe.phases[0], verdict=1.0)
    with pytest.raises(ValueError, match="no teacher"):
        replace(recipe, phases=(phase,))
    assert replace(recipe, phases=(phase,), teachers=("teacher.toml",))


def test_hints_beside_a_verdict_need_a_lite0_for_the_first_teacher(tmp_path: Path) -> None:
    text = (RECIPES[0].parent / "resnet34.toml").read_text(encoding="utf-8")
    (tmp_path / "student.toml").write_text(text.replace("/teacher.toml", "/resnet34-body.toml"), encoding="utf-8")
    with pytest.raises(ValueError, match="must be a lite0"):
        load_recipe(tmp_path / "student.toml")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_can_be_read_and_goes_into_the_metadata_and_back(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.input_size % 32 == 0
    assert all(phase.size % 32 == 0 for phase in recipe.phases)
