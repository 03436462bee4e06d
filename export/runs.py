"""Runs in their folders: whose a folder is, the teachers that are trained in it first, and the weights it gives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from cloudedge.errors import CloudEdgeError
from cloudedge.model import usable_cpus
from export import plots
from export.batches import learned_catalogue, training_sets
from export.dataset import Photo
from export.files import write_json
from export.network import build, save_weights
from export.recipe import Recipe, load_recipe
from export.training import Trainer

WEIGHTS = "weights.safetensors"
CLAIM = "claim.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One training: a recipe, the seed of the training alone, and the folder for both."""

    recipe: Recipe
    seed: int
    folder: Path

    @property
    def weights(self) -> Path:
        """Where the weights lie when it has ended."""
        return self.folder / WEIGHTS


@dataclass(frozen=True, slots=True)
class Claim:
    """What a folder holds the results of: a recipe, the seed of its training, and a digest of the photos."""

    recipe: Recipe
    seed: int
    photos: str


def check_claim(folder: Path, recipe: Recipe, root: Path, *, seed: int | None = None, growing: bool = False) -> Claim:
    """Give the claim of a run by the recipe on the photos of `root`, whose folder is free or its own.

    `seed` is that of the training, where it is not the recipe's. Where the run is `growing`, the recipe may have more
    phases than the claimed one. Raises CloudEdgeError for a folder of another recipe or of other photos.
    """
    photos = learned_catalogue(recipe, root)
    wanted = Claim(recipe, recipe.seed if seed is None else seed, _digest(photos))
    path = folder / CLAIM
    if not path.exists():
        return wanted
    claimed = _read(path)
    same = _grows(claimed.recipe, recipe) if growing else claimed.recipe == recipe
    if not same or claimed.seed != wanted.seed:
        raise CloudEdgeError("holds a run of another recipe; give another folder with --run", str(folder))
    if claimed.photos != wanted.photos:
        raise CloudEdgeError("holds a run of other photos or labels; give another folder with --run", str(folder))
    return wanted


def claim(folder: Path, recipe: Recipe, root: Path) -> None:
    """Write down whose folder it is, so that nothing is gone on with by another; see `check_claim`."""
    _write(folder, check_claim(folder, recipe, root))


def _write(folder: Path, mine: Claim) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CLAIM, asdict(mine))


def _read(path: Path) -> Claim:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Claim(Recipe.from_dict(content["recipe"]), content["seed"], content["photos"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"does not say whose folder it is ({error}); give another folder with --run"
        raise CloudEdgeError(problem, str(path)) from error


def _grows(claimed: Recipe, recipe: Recipe) -> bool:
    """Say whether a recipe is the claimed one, or has more phases after the same first ones."""
    return replace(recipe, phases=recipe.phases[: len(claimed.phases)]) == claimed


def _digest(photos: Sequence[Photo]) -> str:
    """Give a checksum of what decides the folds and the targets: the photos and all that is said of them."""
    rows = [
        (photo.file, photo.sha256, photo.group, photo.stratum, photo.genus, photo.conflict, photo.reviews)
        for photo in photos
    ]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode("utf-8")).hexdigest()


def train(recipe: Recipe, root: Path, folder: Path, *, seed: int | None = None) -> Path:
    """Train in `folder`, going on from its checkpoint where there is one; gives the path of the weights.

    `seed` is for everything but the folds, where it is not the recipe's. Teachers are trained first, on the same folds.
    Raises CloudEdgeError where the folder holds a run of another recipe or of other photos; a recipe that has only got
    more phases goes on.
    """
    mine = check_claim(folder, recipe, root, seed=seed, growing=True)
    trainer, sets = trainer_of(recipe, root, folder, seed=seed), training_sets(recipe, root)
    if (folder / CLAIM).exists() and _read(folder / CLAIM) != mine:  # it has grown, and its weights have not yet
        (folder / WEIGHTS).unlink(missing_ok=True)
    _write(folder, mine)  # only now: what cannot even begin has a claim to nothing
    network = trainer.run(*sets)
    path = folder / WEIGHTS
    save_weights(network, path)
    plots.loss_curves(trainer.log, folder / "losses.png")
    return path


def trained(recipe: Recipe, root: Path, folder: Path, *, seed: int | None = None) -> Path:
    """Give the path of the weights in `folder`, put there by hand perhaps; trains where they are not there yet.

    Raises CloudEdgeError for a folder of another recipe, be it one with fewer phases: its weights would be taken for
    those of all.
    """
    mine, path = check_claim(folder, recipe, root, seed=seed), folder / WEIGHTS
    if not path.exists():
        return train(recipe, root, folder, seed=seed)
    _write(folder, mine)
    return path


def trainer_of(recipe: Recipe, root: Path, folder: Path, *, seed: int | None = None) -> Trainer:
    """Give the trainer of a run, with its teachers, which are trained where their weights are not there yet.

    Raises CloudEdgeError for weights to start from that do not fit, before any teacher is trained. The first teacher
    has the seed of the run, so that it is what its recipe gives by itself.
    """
    build(recipe.architecture, recipe.weights)
    seed = recipe.seed if seed is None else seed
    teachers = [
        build(run.recipe.architecture, str(trained(run.recipe, root, run.folder, seed=run.seed)))
        for run in teachers_of(Run(recipe, seed, folder))
    ]
    return Trainer(replace(recipe, seed=seed), folder, teachers)


def teachers_of(run: Run) -> list[Run]:
    """Give the runs of the teachers of a run, in its folder, on its folds."""
    return [
        Run(
            _on_folds_of(run.recipe, load_recipe(Path(path))),
            run.seed + 100 * number,
            run.folder / f"teacher-{number + 1}",
        )
        for number, path in enumerate(run.recipe.teachers)
    ]


def teaching(plan: Sequence[Run]) -> list[list[Run]]:
    """Give the runs that must have ended before those of the plan can begin: teachers, and before these their own.

    What has its weights needs no teacher any more.
    """
    stages: list[list[Run]] = []
    while plan := [teacher for run in plan if not run.weights.exists() for teacher in teachers_of(run)]:
        stages.insert(0, list(plan))
    return stages


def side_by_side(jobs: int, do: Callable[[Run], object], plan: Sequence[Run], what: str) -> None:
    """Do something for each run, `jobs` at a time; more than one each in a process with its share of the threads."""
    if jobs == 1:
        for run in tqdm(plan, desc=what):
            do(run)
        return
    threads = max(1, usable_cpus() // jobs)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _use_threads, (threads,)) as pool:
        try:
            begun = [pool.submit(do, run) for run in plan]
            for ended in tqdm(as_completed(begun), desc=what, total=len(plan)):
                ended.result()
        except BaseException:  # what is running goes on to its end, and nothing else begins
            pool.shutdown(cancel_futures=True)
            raise


def _on_folds_of(recipe: Recipe, teacher: Recipe) -> Recipe:
    """Give the recipe of a teacher for the folds of the recipe that it teaches."""
    return replace(
        teacher,
        seed=recipe.seed,
        folds=recipe.folds,
        test_fold=recipe.test_fold,
        validation_fold=recipe.validation_fold,
    )


def _use_threads(number: int) -> None:
    torch.set_num_threads(number)
