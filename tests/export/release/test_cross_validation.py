"""Cross-validation on drawn photos: every photo is asked once, by a model that never saw it, also after a kill."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cloudedge.errors import CloudEdgeError
from export.__main__ import main
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import read_data_set
from export.release import cross_validation
from export.release.cross_validation import Predictions, cross_validate, spread, trainings
from export.release.evaluation import Answers
from export.training.recipe import Recipe, load_recipe
from export.training.trainer import Trainer

from ..recipes import changed

RECIPE = changed(
    weights='"imagenet"',
    input_size="32",
    folds="3",
    test_fold="2",
    labels="{ manifest = 0.4, 1 = 0.3, 2 = 0.3 }",
    average="0.8",
    images="96",
    batch="16",
)
STEPS = 4 * 6  # for three folds and one more seed


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


@pytest.fixture(scope="module")
def validated(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Cross-validate the small recipe once, killed in its second fold; gives the folder and what was printed."""
    folder = tmp_path_factory.mktemp("cross")
    recipe_file = folder / "tiny.toml"
    recipe_file.write_text(RECIPE, encoding="utf-8")
    arguments = ["cross-validate", str(recipe_file), "--seeds", "2", "--data", str(root), "--run", str(folder / "run")]
    taken, killed_at = [], 6 + 3
    step = Trainer._train_step

    def counted(*arguments: object) -> dict[str, float]:
        if len(taken) == killed_at:
            raise KilledError
        losses = step(*arguments)  # type: ignore[arg-type]
        taken.append(losses)
        return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.training.trainer.CHECKPOINT_SECONDS", 0.0)
        patch.setattr(Trainer, "_train_step", counted)
        with pytest.raises(KilledError):
            CliRunner().invoke(main, arguments, catch_exceptions=False)
        killed_at = STEPS
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert len(taken) == STEPS  # nothing was trained twice
        again = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert again.stdout == result.stdout
    return folder / "run", result.stdout


def predictions(run: Path, name: str, arithmetic: str = "float32") -> list[dict[str, str]]:
    with (run / name / f"predictions-{arithmetic}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_photo_is_asked_once_and_copies_stand_in_one_fold(validated: tuple[Path, str], root: Path) -> None:
    run, _ = validated
    photos = read_data_set(load_recipe(run.parent / "tiny.toml"), root).photos
    for arithmetic in ("float32", "int8"):
        asked = [[row["file"] for row in predictions(run, f"fold-{fold}", arithmetic)] for fold in range(3)]
        assert sorted(file for files in asked for file in files) == sorted(photo.file for photo in photos)
        groups = [{photo.group for photo in photos if photo.file in files} for files in map(set, asked)]
        assert not groups[0] & groups[1] | groups[1] & groups[2] | groups[0] & groups[2]
    for row in predictions(run, "fold-0"):
        probabilities = [float(row[genus]) for genus in CLASSES]
        assert sum(probabilities) == pytest.approx(1)
        genus = row["file"].split("/")[0]
        assert float(row["loss"]) == pytest.approx(-np.log(probabilities[CLASSES.index(genus)]))


def test_the_table_pools_the_predictions_and_tells_how_they_spread(validated: tuple[Path, str]) -> None:
    run, output = validated
    rows = [row for fold in range(3) for row in predictions(run, f"fold-{fold}")]
    hits = [max(CLASSES, key=lambda genus: float(row[genus])) == row["file"].split("/")[0] for row in rows]
    figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))["float32"]
    assert figures["pooled"]["agreed"]["top1"]["value"] == pytest.approx(np.mean(hits))
    assert figures["pooled"]["guided"]["top1"]["n"] == 80
    assert figures["folds"]["manifest"]["ece"]["n"] == 3
    assert figures["seeds"]["manifest"]["ece"]["n"] == 2
    for column in ("guided", "sure", "agreed", "manifest"):
        assert f"| {column} | 80 | {np.mean(hits):.1%} [" in output
    assert "same first choice as float32: " in output
    cirrus = [row["reason"] for row in rows if row["file"].startswith("Cirrus/")]
    assert f"| Cirrus | {len(cirrus)} | " in output
    by_genus = next(row for row in figures["genera"] if row["genus"] == "Cirrus")
    assert by_genus["certain"]["value"] == pytest.approx(cirrus.count("") / len(cirrus))


def test_a_seed_trains_another_model_on_the_same_fold(validated: tuple[Path, str]) -> None:
    run, _ = validated
    first, second = predictions(run, "fold-2"), predictions(run, "fold-2-seed-2")
    assert [row["file"] for row in first] == [row["file"] for row in second]
    assert [row["Cirrus"] for row in first] != [row["Cirrus"] for row in second]


def test_strange_sights_are_asked_of_the_model_of_every_fold(validated: tuple[Path, str]) -> None:
    run, output = validated
    by_fold = [json.loads((run / f"fold-{fold}/strange-int8.json").read_text(encoding="utf-8")) for fold in range(3)]
    pooled = json.loads((run / "figures.json").read_text(encoding="utf-8"))["int8"]["strange"]
    assert set(pooled) == {kind for figures in by_fold for kind in figures}
    for kind, outcomes in pooled.items():
        for outcome, figure in outcomes.items():
            asked = [figures[kind][outcome] for figures in by_fold if kind in figures]
            assert figure["n"] == sum(one["n"] for one in asked)
            assert figure["value"] * figure["n"] == pytest.approx(sum(one["value"] * one["n"] for one in asked))
        certain = outcomes["certain"]
        assert f"| {kind} | {certain['n']} | {certain['value']:.1%} [" in output


def test_a_run_of_another_recipe_is_not_gone_on_with(validated: tuple[Path, str], root: Path, tmp_path: Path) -> None:
    run, _ = validated
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    recipe = load_recipe(tmp_path / "tiny.toml")
    with pytest.raises(CloudEdgeError, match="another recipe"):
        cross_validate(replace(recipe, average=0.9), read_data_set(recipe, root), run)


def test_too_few_photos_are_told_before_any_training(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    lines = (root / "manifest.csv").read_text(encoding="utf-8").splitlines()[:3]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr("export.release.cross_validation.trained", None)  # nothing may be trained
    recipe = load_recipe(tmp_path / "tiny.toml")
    with pytest.raises(CloudEdgeError, match="holds too few photos: one fold has no labelled photo"):
        cross_validate(recipe, read_data_set(recipe, tmp_path), tmp_path / "run")


def test_predictions_of_another_data_set_are_refused(validated: tuple[Path, str], root: Path) -> None:
    run, _ = validated
    recipe = Recipe.from_dict(json.loads((run / "claim.json").read_text(encoding="utf-8"))["recipe"])
    training = trainings(recipe, run, 1)[0]
    data = read_data_set(recipe, root)
    others = replace(data, photos=tuple(replace(photo, file=f"other-{photo.file}") for photo in data.photos))
    with pytest.raises(CloudEdgeError, match="other photos"):
        cross_validation._read(training, "float32", others)


def test_the_spread_is_over_trainings() -> None:
    photos = [Photo(str(k), CLASSES[k % 10], k, False, {}) for k in range(40)]
    right = np.eye(10)[np.arange(40) % 10]
    half = np.where((np.arange(40) < 20)[:, None], right, np.roll(right, 1, axis=1))
    certain = np.full(40, "")
    runs = [Predictions(photos, Answers(probabilities, certain)) for probabilities in (right, half)]
    found = spread(runs)["manifest"]["top1"]
    assert (found.mean, found.low, found.high, found.n) == (0.75, 0.5, 1.0, 2)
    assert found.deviation == pytest.approx(0.5 / np.sqrt(2))
