"""`train` and `lr-find`: from a recipe and photos to weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from export.commands.options import data_option, run_folder, run_option, weights_option
from export.commands.recipe_argument import recipe_argument
from export.data.data_set import read_data_set
from export.files import write_csv, write_json
from export.training import curves, learning_rate, preview, runs
from export.training.batches import training_sets
from export.training.recipe import Recipe


@click.command()
@recipe_argument
@weights_option
@data_option
@run_option
@click.option("--show-batch", is_flag=True, help="Do not train: write a picture of the first batches of each phase.")
def train(recipe: Recipe, weights: Path | None, data: Path, run: Path | None, show_batch: bool) -> None:
    """Train by RECIPE, resuming from the run's checkpoint if there is one."""
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    if show_batch:
        for path in preview.show_batches(recipe, *training_sets(recipe, read_data_set(recipe, data)), folder):
            click.echo(path)
        return
    click.echo(runs.train(runs.Run(recipe, recipe.seed, folder), read_data_set(recipe, data)))


@click.command("lr-find")
@recipe_argument
@weights_option
@data_option
@run_option
def lr_find(recipe: Recipe, weights: Path | None, data: Path, run: Path | None) -> None:
    """Suggest a learning rate for the next phase of RECIPE, from the run's checkpoint if there is one."""
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    mine, photos = runs.Run(recipe, recipe.seed, folder), read_data_set(recipe, data)
    # Not claimed: with the rate found here it becomes another recipe.
    runs.check_claim(mine, photos, growing=True)
    trainer = runs.trainer_of(mine, photos)
    curve = trainer.sweep_rates(*training_sets(recipe, photos))
    phase = recipe.phases[trainer.phase_index].name
    write_csv(folder / "lr-find.csv", ("lr", "loss"), zip(curve.rates, curve.losses, strict=True))
    suggestions = learning_rate.suggest(curve)
    write_json(folder / "lr-find.json", {"phase": phase, **asdict(suggestions)})
    curves.learning_rates(curve, suggestions, f"{recipe.name}, {phase}", folder / "lr-find.png")
    for name, rate in asdict(suggestions).items():
        click.echo(f"{name:<8} {rate:.2e}")
