"""The commands of the export stage: `python -m export COMMAND`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click

from cloudedge.errors import CloudEdgeError
from cloudedge.model import Model
from export import (
    cross_validation,
    curves,
    evaluation,
    learning_rate,
    mistakes,
    outliers,
    plots,
    preview,
    release,
    runs,
)
from export.commands.clean import clean
from export.commands.data import data_commands
from export.commands.options import FILE, FOLDER, OUTPUT, Commands, data_option, run_folder, run_option, weights_option
from export.data.data_set import genera, read_data_set
from export.files import plain, replacing, write_csv, write_json
from export.release.card import card_table, genera_table, write_card
from export.release.onnx_model import GateError
from export.training.batches import training_sets
from export.training.recipe import Recipe, load_recipe


class _Recipe(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    name = "recipe"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Recipe:
        try:
            return load_recipe(Path(value))
        except (OSError, ValueError) as error:
            self.fail(f"{value}: {error}", param, ctx)


recipe_argument = click.argument("recipe", type=_Recipe())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Train, evaluate, export and quantize the models of cloudedge."""


main.add_command(data_commands)
main.add_command(clean)


@main.command()
@recipe_argument
@weights_option
@data_option
@run_option
@click.option("--show-batch", is_flag=True, help="Do not train: write a picture of the first batches of each phase.")
def train(recipe: Recipe, weights: Path | None, data: Path, run: Path | None, show_batch: bool) -> None:
    """Train by RECIPE, going on from the run's checkpoint where there is one."""
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    if show_batch:
        for path in preview.show_batches(recipe, *training_sets(recipe, read_data_set(recipe, data)), folder):
            click.echo(path)
        return
    click.echo(runs.train(runs.Run(recipe, recipe.seed, folder), read_data_set(recipe, data)))


@main.command("lr-find")
@recipe_argument
@weights_option
@data_option
@run_option
def lr_find(recipe: Recipe, weights: Path | None, data: Path, run: Path | None) -> None:
    """Suggest a learning rate for the phase of RECIPE that comes next, from the run's checkpoint where there is one."""
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    mine, photos = runs.Run(recipe, recipe.seed, folder), read_data_set(recipe, data)
    # Not claimed: the rate that is found here will make it another recipe.
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


@main.command()
@click.option("--model", type=FILE, required=True, help="A model file of this stage.")
@click.option(
    "--part",
    type=click.Choice(["validation", "test", "all"]),
    default="test",
    help="Which photos; all only of a folder that training never saw.",
)
@data_option
@run_option
def evaluate(model: Path, part: str, data: Path, run: Path | None) -> None:
    """Measure a model file on photos that its training did not see, with plots, tables and its worst mistakes."""
    opened = Model(model)
    recipe = release.recipe_of(opened)
    if part == "all":  # a folder of its own, with nothing from elsewhere beside it
        recipe = replace(recipe, elsewhere=False)
    spec, photos = opened.spec, read_data_set(recipe, data)
    folder = run_folder(run, f"evaluate-{spec.name}")
    if part != "all":
        release.check_photos(opened, photos)
    chosen = genera(photos.photos) if part == "all" else getattr(photos, part)
    if not chosen:
        raise CloudEdgeError(f"has no photo of the ten genera in the part {part!r}; give another --part", str(data))
    measured = release.measure(model, photos, chosen, outliers.test_sights(photos))
    answers, figures = measured.answers, measured.figures
    for column, labels in evaluation.columns(chosen).items():
        mistakes.clear(folder, column)
        judged = labels >= 0
        if column not in figures:  # nothing to draw: no photo has such a label
            continue
        title = f"{spec.name} {spec.version}, {part}, labels: {column}"
        counts = evaluation.confusion(answers[judged].first, labels[judged])
        plots.confusion_matrix(counts, title, folder / f"confusion-{column}.png")
        plots.genera(answers[judged], labels[judged], title, folder / f"genera-{column}.png")
        plots.reliability(answers[judged].probabilities, labels[judged], title, folder / f"reliability-{column}.png")
        shown = [photo for photo, kept in zip(chosen, judged, strict=True) if kept]
        mistakes.write(folder, column, data, shown, answers[judged], labels[judged])
    for column, row in {**figures, **measured.sights, "steady under noise of": measured.steady}.items():
        click.echo(column)
        for name, figure in row.items():
            click.echo(f"  {name:<18}{figure}")
    click.echo(f"by genus\n{genera_table(plain(measured.genera))}")
    write_json(folder / "figures.json", figures)


@main.command("onnx")
@recipe_argument
@click.option("--weights", type=FILE, required=True, help="Weights that `train` wrote.")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The float32 model file to write.")
@data_option
def onnx_command(recipe: Recipe, weights: Path, output: Path, data: Path) -> None:
    """Export weights as a float32 model file, held against torch and calibrated on the validation photos."""
    made, difference = release.export_float32(recipe, weights, read_data_set(recipe, data), output)
    click.echo(
        f"{output}: largest difference of a logit {difference:.1e}, same first choice on {len(made.logits)} photos"
    )


@main.command("quantize")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The int8 model file to write.")
@data_option
def quantize_command(source: Path, output: Path, data: Path) -> None:
    """Quantize the float32 model file SOURCE to int8, with ranges by training photos.

    It is gated and calibrated on the validation photos.
    """
    recipe = release.recipe_of(Model(source))
    photos = read_data_set(recipe, data).check_enough()
    before = release.calibrated(recipe, photos, source)
    with replacing(output) as partial:
        after = release.export_int8(recipe, source, photos, partial)
        result = release.gate_int8(photos, before, after)
    click.echo(
        f"{output}: same first choice on {result.agreement:.1%} of {result.n}, accuracy drop {result.accuracy_drop:.1%}"
    )


@main.command("release")
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
    if weights and cross:  # nobody knows of which fold's labels they have learned
        raise click.UsageError("--weights is not for --cross-validate: every fold must be one that they never saw")
    recipe, folder = recipe.starting_from(weights), run_folder(run, recipe.name)
    photos = read_data_set(recipe, data)
    measured = release.release(recipe, photos, folder, target)
    click.echo(f"{card_table(measured.plain())}\n\n{genera_table(plain(measured.genera))}")
    if cross:
        found = cross_validation.card_tables(cross_validation.cross_validate(recipe, photos, folder / "cross"))
        write_card(target / release.CARD, "cross-validation", recipe.name, found)
        click.echo(f"\n{found}")


@main.command("cross-validate")
@recipe_argument
@click.option("--seeds", type=click.IntRange(min=1), default=1, help="Trainings of the recipe's own test fold.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Trainings at a time, each in its own process.")
@data_option
@run_option
def cross_validate_command(recipe: Recipe, seeds: int, jobs: int, data: Path, run: Path | None) -> None:
    """Train by RECIPE with each fold held out in turn, and measure all models together, each on the fold it never saw.

    Started again, it goes on where it was stopped. Weights that a recipe starts from must not have learned from the
    labels of these photos.
    """
    recipe, folder = recipe.starting_from(None), run_folder(run, f"cross-{recipe.name}")
    photos = read_data_set(recipe, data)
    results = cross_validation.cross_validate(recipe, photos, folder, seeds=seeds, jobs=jobs)
    click.echo(cross_validation.tables(results))


if __name__ == "__main__":
    try:
        main(prog_name="python -m export")
    except GateError as error:
        raise SystemExit(f"refused: {error}") from error
