"""`evaluate`: how right a model file is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from cloudedge.errors import CloudEdgeError
from cloudedge.model import Model
from export.commands.options import FILE, data_option, run_folder, run_option
from export.data import outliers
from export.data.data_set import genera, read_data_set
from export.files import plain, write_json
from export.release import evaluation, mistakes, plots
from export.release.card import genera_table
from export.release.description import check_photos, recipe_of
from export.release.measuring import measure


@click.command()
@click.option("--model", type=FILE, required=True, help="A model file of this stage.")
@click.option(
    "--part",
    type=click.Choice(["validation", "test", "all"]),
    default="test",
    help="Which photos; use all only for a folder that training never saw.",
)
@data_option
@run_option
def evaluate(model: Path, part: str, data: Path, run: Path | None) -> None:
    """Measure a model file on photos that its training did not see, with plots, tables and its worst mistakes."""
    opened = Model(model)
    recipe = recipe_of(opened)
    if part == "all":  # the folder of a user, with no folder `elsewhere` beside it
        recipe = replace(recipe, elsewhere=False)
    spec, photos = opened.spec, read_data_set(recipe, data)
    folder = run_folder(run, f"evaluate-{spec.name}")
    if part != "all":
        check_photos(opened, photos)
    chosen = genera(photos.photos) if part == "all" else getattr(photos, part)
    if not chosen:
        raise CloudEdgeError(f"has no photo of the ten genera in the part {part!r}; give another --part", str(data))
    measured = measure(model, photos, chosen, outliers.test_sights(photos))
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
