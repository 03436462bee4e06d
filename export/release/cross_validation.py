"""Cross-validation: a model by the recipe for every fold, asked about the photos of the fold that it never saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloudedge.classifier import CloudClassifier
from cloudedge.errors import CloudEdgeError
from export.data import outliers
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import DataSet
from export.data.targets import trusted
from export.files import plain, read_csv, write_csv, write_json
from export.release import mistakes
from export.release.card import HEADINGS, figures_table, genera_table, sights_table
from export.release.evaluation import Answers, Figure, GenusRow, classify, evaluate, per_genus, share, strangers
from export.release.release import candidates
from export.training.recipe import Recipe
from export.training.runs import Run, claim, side_by_side, teaching, trained

SPREAD = ("top1", "top3", "level", "ece")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model file says about held-out photos."""

    photos: list[Photo]
    answers: Answers

    def figures(self) -> dict[str, dict[str, Figure]]:
        """Return the figures by column of labels."""
        return evaluate(self.answers, self.photos)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure varies from one training to another; `deviation` is the sample's, NaN for one training."""

    mean: float
    deviation: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.1%} ± {100 * self.deviation:.1f} [{self.low:.1%}, {self.high:.1%}]"


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one arithmetic: over the photos of all folds, and their spread over folds and over seeds.

    `genera` are by the trusted labels. `strange` counts each contrail and clear sky once; drawings and ordinary photos
    are the same for every fold's model.
    """

    pooled: dict[str, dict[str, Figure]]
    genera: list[GenusRow]
    strange: dict[str, dict[str, Figure]]
    folds: dict[str, dict[str, Spread]]
    seeds: dict[str, dict[str, Spread]]
    same_as_float32: Figure  # share of photos with the same first choice


def cross_validate(recipe: Recipe, data: DataSet, folder: Path, *, seeds: int = 1, jobs: int = 1) -> dict[str, Result]:
    """Hold out each fold in turn, and the recipe's own test fold with `seeds` seeds; return results by arithmetic.

    `jobs` trainings run at a time, teachers before their students.

    What is done is not repeated, and a training that was stopped resumes from its checkpoint. The weights that the
    recipe starts from must not have learned from a label of these photos; its teachers are trained again for each fold.
    Raises CloudEdgeError for a folder of another recipe or of other photos.
    """
    claim(Run(recipe, recipe.seed, folder), data)
    plan = trainings(recipe, folder, seeds)
    for run in plan:  # before hours of training
        data.for_recipe(run.recipe).check_enough()
    unasked = [run for run in plan if not _is_asked(run)]
    for stage in teaching(unasked):
        side_by_side(jobs, partial(_train_on_its_folds, data=data), stage, "teachers")
    side_by_side(jobs, partial(_train_and_predict, data=data), unasked, "trainings")
    results: dict[str, Result] = {}
    first_choices: npt.NDArray[np.int64] | None = None
    for arithmetic in _arithmetics(recipe):
        runs = [_read(run, arithmetic, data) for run in plan]
        folds, same_fold = runs[: recipe.folds], [runs[recipe.test_fold], *runs[recipe.folds :]]
        pooled = _pool(folds)
        choices = pooled.answers.first
        first_choices = choices if first_choices is None else first_choices
        results[arithmetic] = Result(
            pooled.figures(),
            per_genus(pooled.answers, trusted(pooled.photos)),
            _pool_strange([run.folder for run in plan[: recipe.folds]], arithmetic),
            spread(folds),
            spread(same_fold) if seeds > 1 else {},
            share(choices == first_choices),
        )
    write_json(folder / "figures.json", results)
    return results


def trainings(recipe: Recipe, folder: Path, seeds: int) -> list[Run]:
    """List what is to be trained: each fold with the recipe's seed, then its test fold with `seeds` - 1 others."""
    order = [(fold, recipe.seed) for fold in range(recipe.folds)]
    order += [(recipe.test_fold, recipe.seed + more) for more in range(1, seeds)]
    plan = []
    for fold, seed in order:
        held_out = replace(recipe, test_fold=fold, validation_fold=(fold + 1) % recipe.folds)
        name = f"fold-{fold}" if seed == recipe.seed else f"fold-{fold}-seed-{seed}"
        plan.append(Run(held_out, seed, folder / name))
    return plan


def spread(runs: Sequence[Predictions]) -> dict[str, dict[str, Spread]]:
    """Return the spread of the main figures over trainings, by column of labels."""
    figures = [run.figures() for run in runs]
    found: dict[str, dict[str, Spread]] = {}
    for column in sorted(set.intersection(*(set(of_run) for of_run in figures))):
        for name in SPREAD:
            values = np.array([of_run[column][name].value for of_run in figures])
            deviation = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            row = Spread(float(values.mean()), deviation, float(values.min()), float(values.max()), len(values))
            found.setdefault(column, {})[name] = row
    return found


def card_tables(results: Mapping[str, Result]) -> str:
    """Return as Markdown what the card says about the released arithmetic, which is the last."""
    released = list(results.values())[-1]
    return _result_tables(released)


def tables(results: Mapping[str, Result]) -> str:
    """Return all results as Markdown."""
    parts = []
    for arithmetic, result in results.items():
        parts += [f"{arithmetic}, every photo by the model that did not see it", _result_tables(result)]
        parts += [_spread_table("folds", result.folds)]
        if result.seeds:
            parts += [_spread_table("seeds", result.seeds)]
        if arithmetic != "float32":
            parts += [f"same first choice as float32: {str(result.same_as_float32).strip()}"]
    return "\n\n".join(parts)


def _result_tables(result: Result) -> str:
    found = plain(result)
    return "\n\n".join([figures_table(found["pooled"]), genera_table(found["genera"]), sights_table(found["strange"])])


def _spread_table(over: str, rows: Mapping[str, Mapping[str, Spread]]) -> str:
    lines = [f"| labels | {over} | " + " | ".join(HEADINGS[name] for name in SPREAD) + " |"]
    lines += ["| --- " * (len(SPREAD) + 2) + "|"]
    for column, row in rows.items():
        lines.append(f"| {column} | {row['top1'].n} | " + " | ".join(str(row[name]) for name in SPREAD) + " |")
    return "\n".join(lines)


def _is_asked(run: Run) -> bool:
    return all(_predictions(run.folder, arithmetic).exists() for arithmetic in _arithmetics(run.recipe))


def _train_on_its_folds(run: Run, data: DataSet) -> None:
    trained(run, data.for_recipe(run.recipe))


def _train_and_predict(run: Run, data: DataSet) -> None:
    recipe, folder, data = run.recipe, run.folder, data.for_recipe(run.recipe)
    weights, held_out = trained(run, data), data.test
    for arithmetic, candidate in candidates(recipe, weights, data, folder)[0].items():
        classifier = CloudClassifier(candidate.path, top_k=len(CLASSES))
        answers = classify(classifier, data.files(held_out))
        losses = mistakes.losses(answers.probabilities, np.array([CLASSES.index(photo.genus) for photo in held_out]))
        write_json(_strange(folder, arithmetic), strangers(classifier, outliers.test_sights(data)))
        write_csv(
            _predictions(folder, arithmetic),
            ("file", "loss", "reason", *CLASSES),
            [
                (photo.file, float(loss), reason, *row.tolist())
                for photo, loss, reason, row in zip(
                    held_out, losses, answers.reasons, answers.probabilities, strict=True
                )
            ],
        )


def _arithmetics(recipe: Recipe) -> tuple[str, ...]:
    return ("float32", "int8") if recipe.quantize else ("float32",)


def _predictions(folder: Path, arithmetic: str) -> Path:
    return folder / f"predictions-{arithmetic}.csv"


def _strange(folder: Path, arithmetic: str) -> Path:
    return folder / f"strange-{arithmetic}.json"


def _read(run: Run, arithmetic: str, data: DataSet) -> Predictions:
    """Read what a finished training predicted; raises CloudEdgeError if it lists other photos."""
    path = _predictions(run.folder, arithmetic)
    held_out = data.for_recipe(run.recipe).test
    rows = read_csv(path, ("file", "reason", *CLASSES))
    if [row["file"] for row in rows] != [photo.file for photo in held_out]:
        raise CloudEdgeError("lists other photos than this fold of the data set", str(path))
    probabilities = np.array([[float(row[genus]) for genus in CLASSES] for row in rows])
    return Predictions(held_out, Answers(probabilities, np.array([row["reason"] for row in rows])))


def _pool(runs: Sequence[Predictions]) -> Predictions:
    answers = Answers(
        np.concatenate([run.answers.probabilities for run in runs]),
        np.concatenate([run.answers.reasons for run in runs]),
    )
    return Predictions([photo for run in runs for photo in run.photos], answers)


def _pool_strange(folders: Sequence[Path], arithmetic: str) -> dict[str, dict[str, Figure]]:
    counts: dict[str, dict[str, list[int]]] = {}  # by kind and outcome: how many, and of how many
    for folder in folders:
        for kind, outcomes in json.loads(_strange(folder, arithmetic).read_text(encoding="utf-8")).items():
            for outcome, figure in outcomes.items():
                hits, asked = counts.setdefault(kind, {}).setdefault(outcome, [0, 0])
                counts[kind][outcome] = [hits + round(figure["value"] * figure["n"]), asked + figure["n"]]
    return {
        kind: {outcome: share(np.arange(asked) < hits) for outcome, (hits, asked) in outcomes.items()}
        for kind, outcomes in counts.items()
    }
