"""`release` and its steps `onnx` and `quantize`: from weights to a model file."""

from __future__ import annotations

from pathlib import Path

import click

from cloudedge.files import replacing
from cloudedge.model import Model
from export.commands.options import FILE, FOLDER, OUTPUT, data_option, run_folder, run_option, weights_option
from export.commands.recipe_argument import recipe_argument
from export.data.data_set import read_data_set
from export.files import plain
from export.release import cross_validation, release, tuning
from export.release.card import card_table, genera_table, write_card
from export.release.description import recipe_of
from export.training.recipe import Recipe


@click.command("onnx")
@recipe_argument
@click.option("--weights", type=FILE, required=True, help="Weights that `train` wrote.")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The float32 model file to write.")
@data_option
def onnx_command(recipe: Recipe, weights: Path, output: Path, data: Path) -> None:
    """Export weights as a float32 model file, compared with torch and calibrated on the validation photos."""
    made, difference = release.export_float32(recipe, weights, read_data_set(recipe, data), output)
    click.echo(
        f"{output}: largest difference of a logit {difference:.1e}, same first choice on {len(made.logits)} photos"
    )


@click.command("quantize")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The int8 model file to write.")
@data_option
def quantize_command(source: Path, output: Path, data: Path) -> None:
    """Quantize the float32 model file SOURCE to int8, with ranges from training photos.

    It is checked and calibrated on the validation photos.
    """
    recipe = recipe_of(Model(source))
    photos = read_data_set(recipe, data).check_enough()
    before = release.calibrated(recipe, photos, source, Model(source).spec.thresholds)
    with replacing(output) as partial:
        after = release.export_int8(recipe, source, photos, partial)
        result = release.gate_int8(photos, before, after)
    click.echo(
        f"{output}: same first choice on {result.agreement:.1%} of {result.n}, accuracy drop {result.accuracy_drop:.1%}"
    )


@click.command("release")
@recipe_argument
@click.option("--target", type=FOLDER, default=Path("models"), help="Folder of the models.")
@click.option("--cross-validate", "cross", is_flag=True, help="Then cross-validate RECIPE too, for the model card.")
@weights_option
@data_option
@run_option
def release_command(
    recipe: Recipe, target: Path, cross: bool, weights: Path | None, data: Path, run: Path | None
) -> None:
    """From photos to a released model: train, export, quantize, calibrate, gate, measure, write."""
    if weights and cross:  # they may have learned from any fold
        raise click.UsageError(
            "--weights cannot be used with --cross-validate: the weights must not have seen any fold"
        )
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    photos, start = read_data_set(recipe, data), tuning.released_start(recipe)
    for warning in tuning.warnings(photos) if start else []:
        click.echo(f"Warning: {warning}", err=True)
    measured = release.release(recipe, photos, folder, target)
    click.echo(f"{card_table(measured.plain())}\n\n{genera_table(plain(measured.genera))}")
    if cross:
        found = cross_validation.card_tables(cross_validation.cross_validate(recipe, photos, folder / "cross"))
        write_card(target / release.CARD, "cross-validation", recipe.name, found)
        click.echo(f"\n{found}")
    written = target / f"{recipe.name}.onnx"
    if start:
        click.echo(f"\n{tuning.compare(start, written, photos).sentence}")
    click.echo(f"Wrote {written}.")
