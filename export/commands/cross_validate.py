"""`cross-validate`: each fold held out in turn."""

from __future__ import annotations

from pathlib import Path

import click

from export.commands.options import data_option, run_folder, run_option
from export.commands.recipe_argument import recipe_argument
from export.data.data_set import read_data_set
from export.release import cross_validation
from export.training.recipe import Recipe


@click.command("cross-validate")
@recipe_argument
@click.option("--seeds", type=click.IntRange(min=1), default=1, help="Trainings of the recipe's own test fold.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, help="Trainings at the same time, each in its own process."
)
@data_option
@run_option
def cross_validate_command(recipe: Recipe, seeds: int, jobs: int, data: Path, run: Path | None) -> None:
    """Train by RECIPE with each fold held out in turn, and measure every model on the fold that it never saw.

    It resumes where it was stopped. Weights that a recipe starts from must not have learned from the
    labels of these photos.
    """
    recipe, folder = recipe.starting_from(None), run_folder(run, f"cross-{recipe.name}")
    photos = read_data_set(recipe, data)
    results = cross_validation.cross_validate(recipe, photos, folder, seeds=seeds, jobs=jobs)
    click.echo(cross_validation.tables(results))
