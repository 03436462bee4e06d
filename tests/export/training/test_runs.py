"""Whose folder a run is: a run is not resumed with another recipe or other photos."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from cloudedge.errors import CloudEdgeError
from export.data.data_set import DataSet, read_data_set
from export.training import runs
from export.training.network import build, save_weights
from export.training.recipe import Phase, Recipe
from export.training.trainer import Trainer

PHASE = Phase(name="labels", images=16, size=32, batch=8, lr=1e-3, label=1.0)


def run_of(recipe: Recipe, folder: Path) -> runs.Run:
    return runs.Run(recipe, recipe.seed, folder)


@pytest.fixture
def tiny(recipe: Recipe) -> Recipe:
    return replace(recipe, weights="none", phases=(PHASE,))


def test_a_folder_of_another_recipe_is_refused_and_left_alone(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    runs.claim(run_of(tiny, tmp_path), photos)
    before = (tmp_path / runs.CLAIM).read_bytes()
    runs.claim(run_of(tiny, tmp_path), photos)
    for other in (replace(tiny, odds=2.0), replace(tiny, phases=(replace(PHASE, lr=1e-4),))):
        for work in (runs.train, runs.trained):
            with pytest.raises(CloudEdgeError, match="holds the run of another recipe; give another folder with --run"):
                work(run_of(other, tmp_path), photos)
    with pytest.raises(CloudEdgeError, match="another recipe"):
        runs.trained(runs.Run(tiny, 7, tmp_path), photos)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {runs.CLAIM: before}


@pytest.mark.skipif(sys.platform == "win32", reason="there a second training is not kept out")
def test_a_second_training_is_kept_out_while_one_is_at_work(
    tiny: Recipe, photos: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, step, refused = run_of(tiny, tmp_path), Trainer._train_step, []

    def second(*arguments: object) -> dict[str, float]:
        with pytest.raises(CloudEdgeError, match="another training is running here"):
            runs.train(mine, photos)
        refused.append(1)
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_train_step", second)
    runs.train(mine, photos)
    assert len(refused) == 2
    monkeypatch.undo()
    assert runs.train(mine, photos) == mine.weights


def test_a_folder_that_another_recipe_has_claimed_meanwhile_is_left_alone(
    tiny: Recipe, photos: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours may pass between the first look at a folder and the training in it: those in which teachers learn."""
    mine, other, make_trainer = run_of(tiny, tmp_path), run_of(replace(tiny, odds=2.0), tmp_path), runs.trainer_of

    def overtaken(run: runs.Run, data: DataSet) -> Trainer:
        if run == mine:
            runs.train(other, data)
        return make_trainer(run, data)

    monkeypatch.setattr(runs, "trainer_of", overtaken)
    with pytest.raises(CloudEdgeError, match="of another recipe"):
        runs.train(mine, photos)
    assert other.weights.exists()
    assert runs.trained(other, photos) == other.weights


def test_a_training_that_diverges_is_told_and_leaves_no_weights(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    wild = replace(tiny, phases=(replace(PHASE, lr=1e30),))
    with pytest.raises(CloudEdgeError, match="holds a training that diverged"):
        runs.train(run_of(wild, tmp_path), photos)
    assert not (tmp_path / runs.WEIGHTS).exists()


def test_a_folder_of_other_photos_is_refused(tiny: Recipe, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    manifest = (root / "manifest.csv").read_text(encoding="utf-8")
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    shutil.copy(root / "review.csv", folder)
    run = run_of(tiny, tmp_path / "run")
    runs.claim(run, read_data_set(tiny, root))
    runs.claim(run, read_data_set(tiny, folder))  # the same ones in another place
    (folder / "manifest.csv").write_text(manifest.replace("Cirrus/7.png,Cirrus", "Cirrus/7.png,Cumulus"), "utf-8")
    with pytest.raises(CloudEdgeError, match="holds a run on other photos or labels"):
        runs.claim(run, read_data_set(tiny, folder))
    (folder / "manifest.csv").write_text(manifest, "utf-8")
    (folder / "review.csv").write_text((root / "review.csv").read_text("utf-8").replace("0.7", "0.8"), "utf-8")
    with pytest.raises(CloudEdgeError, match="or labels"):
        runs.claim(run, read_data_set(tiny, folder))


def test_photos_from_elsewhere_that_training_learns_from_are_claimed_too(
    tiny: Recipe, root: Path, tmp_path: Path
) -> None:
    asking = replace(tiny, elsewhere=True)
    photos = read_data_set(asking, root)
    runs.claim(run_of(asking, tmp_path), photos)
    others = photos.elsewhere
    tested = replace(photos, elsewhere=replace(others, test=others.test[1:]))
    runs.claim(run_of(asking, tmp_path), tested)  # training does not see these
    with pytest.raises(CloudEdgeError, match="holds a run on other photos or labels"):
        runs.claim(
            run_of(asking, tmp_path), replace(photos, elsewhere=replace(others, calibration=others.calibration[1:]))
        )


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


def _kill(*arguments: object) -> None:
    raise KilledError


def test_a_recipe_that_has_grown_goes_on_but_its_old_weights_are_not_taken_for_its_own(
    tiny: Recipe, photos: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.train(run_of(tiny, tmp_path), photos)
    grown = replace(tiny, phases=(PHASE, replace(PHASE, name="more")))
    with pytest.raises(CloudEdgeError, match="another recipe"):
        runs.trained(run_of(grown, tmp_path), photos)
    runs.check_claim(run_of(grown, tmp_path), photos, growing=True)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", _kill)
        with pytest.raises(KilledError):
            runs.train(run_of(grown, tmp_path), photos)
    assert not (tmp_path / runs.WEIGHTS).exists()  # the old ones would be taken for those of all phases
    runs.train(run_of(grown, tmp_path), photos)
    assert runs.trained(run_of(grown, tmp_path), photos) == tmp_path / runs.WEIGHTS
    with pytest.raises(CloudEdgeError, match="another recipe"):
        runs.train(run_of(tiny, tmp_path), photos)
    with (tmp_path / "log.csv").open(newline="", encoding="utf-8") as stream:
        assert [(row["phase"], row["step"]) for row in csv.DictReader(stream)] == [("labels", "2"), ("more", "2")]
    assert (tmp_path / "losses.png").stat().st_size > 5000


def test_weights_that_were_put_there_are_taken_and_the_folder_is_claimed(
    tiny: Recipe, photos: DataSet, tmp_path: Path
) -> None:
    save_weights(build("lite0", "none"), tmp_path / runs.WEIGHTS)
    before = (tmp_path / runs.WEIGHTS).read_bytes()
    assert runs.trained(run_of(tiny, tmp_path), photos).read_bytes() == before
    with pytest.raises(CloudEdgeError, match="another recipe"):
        runs.trained(run_of(replace(tiny, odds=2.0), tmp_path), photos)


def test_a_damaged_claim_or_checkpoint_is_told_with_its_path(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(CloudEdgeError, match=r"checkpoint\.pt: is damaged"):
        runs.train(run_of(tiny, tmp_path), photos)
    (tmp_path / runs.CLAIM).write_text("{}", encoding="utf-8")
    with pytest.raises(CloudEdgeError, match=r"claim\.json: does not say which run this folder belongs to"):
        runs.train(run_of(tiny, tmp_path), photos)


def test_a_training_that_cannot_begin_does_not_claim_its_folder(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    save_weights(build("resnet34", "none"), tmp_path / "other.safetensors")
    with pytest.raises(CloudEdgeError, match="does not hold weights of lite0"):
        runs.train(run_of(tiny.starting_from(tmp_path / "other.safetensors"), tmp_path / "run"), photos)
    assert runs.check_claim(run_of(tiny, tmp_path / "run"), photos)


def test_a_reviewer_without_a_weight_is_told_before_any_training(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    with pytest.raises(CloudEdgeError, match=r"review\.csv: has a reviewer '1'"):
        runs.train(run_of(replace(tiny, labels={"manifest": 1.0}), tmp_path), photos)
    assert not list(tmp_path.iterdir())


def test_photos_too_few_to_learn_from_are_told(tiny: Recipe, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "Cirrus", tmp_path / "Cirrus")
    rows = (root / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(rows[:2]), encoding="utf-8")
    with pytest.raises(CloudEdgeError, match="no labelled photo is left to learn from"):
        runs.train(run_of(tiny, tmp_path / "run"), read_data_set(tiny, tmp_path))


def test_teachers_are_trained_before_whom_they_teach_but_not_for_what_has_its_weights(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = replace(tiny, phases=(replace(PHASE, verdict=1.0),), teachers=("two.toml",))
    recipes = {Path("one.toml"): taught, Path("two.toml"): tiny}
    monkeypatch.setattr(runs, "load_recipe", recipes.__getitem__)
    plan = [runs.Run(replace(taught, teachers=("one.toml", "two.toml")), seed, tmp_path / str(seed)) for seed in (1, 2)]
    stages = [[str(run.folder.relative_to(tmp_path)) for run in stage] for stage in runs.teaching(plan)]
    assert stages == [
        ["1/teacher-1/teacher-1", "2/teacher-1/teacher-1"],
        ["1/teacher-1", "1/teacher-2", "2/teacher-1", "2/teacher-2"],
    ]
    assert [run.seed for run in runs.teaching(plan)[1]] == [1, 101, 2, 102]
    for run in (plan[0], runs.teachers_of(plan[1])[0]):
        run.folder.mkdir(parents=True)
        run.weights.touch()
    assert runs.teaching(plan) == [runs.teachers_of(plan[1])]


def test_side_by_side_gives_what_one_after_the_other_does(tiny: Recipe, photos: DataSet, tmp_path: Path) -> None:
    plan = [runs.Run(tiny, seed, tmp_path / str(seed)) for seed in (1, 2)]
    runs.side_by_side(2, partial(runs.trained, data=photos), plan, "trainings")
    for run in plan:
        alone = build("lite0", str(runs.train(replace(run, folder=tmp_path / f"alone-{run.seed}"), photos)))
        beside = build("lite0", str(run.weights))
        torch.testing.assert_close(alone.state_dict(), beside.state_dict(), atol=1e-2, rtol=1e-2)
    with pytest.raises(CloudEdgeError, match="another recipe"):
        runs.side_by_side(2, partial(runs.trained, data=photos), [replace(plan[0], seed=3)], "trainings")


ENDLESS = """
import sys, time
from export.training.runs import side_by_side

def work(name):
    print(name, flush=True)
    time.sleep(100)

if __name__ == "__main__":
    side_by_side(2, work, sys.argv[1:], "trainings")
"""


def test_what_runs_side_by_side_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    environment = {**os.environ, "PYTHONPATH": str(Path(runs.__file__).parents[2])}
    command = [sys.executable, str(script), "one", "two", "three"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert {process.stdout.readline().strip() for _ in range(2)} == {"one", "two"}
        process.kill()
        rest, _ = process.communicate(timeout=60)  # to the end of the output, which the workers hold open too
    assert rest == ""
