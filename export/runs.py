"""Runs in their folders: whose a folder is, the teachers that are trained in it first, and the weights it gives."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import torch
from tqdm import tqdm

from cloudedge.errors import CloudEdgeError
from cloudedge.model import usable_cpus
from export import plots
from export.batches import training_sets
from export.data_set import DataSet
from export.dataset import digest
from export.files import write_json
from export.network import build, save_weights
from export.recipe import Recipe, load_recipe
from export.training import Trainer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WEIGHTS = "weights.safetensors"
CLAIM = "claim.json"
LOCK = "lock"


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


def check_claim(run: Run, data: DataSet, *, growing: bool = False) -> Claim:
    """Return the claim of a run on the photos of a data set; its folder is free or its own.

    Where the run is `growing`, the recipe may have more phases than the claimed one. Raises CloudEdgeError for a folder
    of another recipe or of other photos, and for a reviewer whom the recipe does not weigh.
    """
    _check_reviewers(run.recipe, data)
    wanted = Claim(run.recipe, run.seed, _digest(data))
    claimed = _read(run)
    if claimed is None:
        return wanted
    same = _grows(claimed.recipe, run.recipe) if growing else claimed.recipe == run.recipe
    if not same or claimed.seed != wanted.seed:
        raise CloudEdgeError("holds a run of another recipe; give another folder with --run", str(run.folder))
    if claimed.photos != wanted.photos:
        raise CloudEdgeError("holds a run of other photos or labels; give another folder with --run", str(run.folder))
    return wanted


def _check_reviewers(recipe: Recipe, data: DataSet) -> None:
    unknown = {reviewer for photo in data.photos for reviewer in photo.reviews} - recipe.labels.keys()
    if unknown:
        name = min(unknown)
        problem = f"has a reviewer {name!r}, who is not in the recipe's labels; say there how much he counts, or"
        raise CloudEdgeError(f"{problem} {name} = 0", str(data.root / "review.csv"))


def claim(run: Run, data: DataSet) -> None:
    """Write down whose folder it is, so that nothing is gone on with by another; see `check_claim`."""
    _write(run, check_claim(run, data))


def _write(run: Run, mine: Claim) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    write_json(run.folder / CLAIM, asdict(mine))


def _read(run: Run) -> Claim | None:
    path = run.folder / CLAIM
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Claim(Recipe.from_dict(content["recipe"]), content["seed"], content["photos"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"does not say whose folder it is ({error}); give another folder with --run"
        raise CloudEdgeError(problem, str(path)) from error


def _grows(claimed: Recipe, recipe: Recipe) -> bool:
    """Say whether a recipe is the claimed one, or has more phases after the same first ones."""
    return replace(recipe, phases=recipe.phases[: len(claimed.phases)]) == claimed


def _digest(data: DataSet) -> str:
    """Return a checksum of what decides the folds and the targets: the photos and all that is said of them."""
    rows = [
        (photo.file, photo.sha256, photo.group, photo.stratum, photo.genus, photo.conflict, photo.reviews)
        for photo in (*data.learned, *data.elsewhere.calibration)
    ]
    return digest(rows)


def train(run: Run, data: DataSet) -> Path:
    """Train on the photos of a data set, resuming from its checkpoint; return the path of the weights.

    The seed is for everything but the folds, which follow from the recipe's. Teachers are trained first, on these.
    Raises CloudEdgeError where the folder holds a run of another recipe or of other photos; a recipe that has only got
    more phases goes on.
    """
    check_claim(run, data, growing=True)
    trainer, sets = trainer_of(run, data), training_sets(run.recipe, data)
    with _alone(run.folder):
        mine = check_claim(run, data, growing=True)  # again: while its teachers learned, another may have claimed it
        if _read(run) not in (None, mine):  # it has grown, and its weights have not yet
            run.weights.unlink(missing_ok=True)
        _write(run, mine)  # only now: what cannot even begin has a claim to nothing
        network = trainer.run(*sets)
        if not all(weight.half().isfinite().all() for weight in network.parameters()):
            problem = (
                "holds a training that diverged: its weights are no numbers any more; lower lr, and give another --run"
            )
            raise CloudEdgeError(problem, str(run.folder))
        save_weights(network, run.weights)
        plots.loss_curves(trainer.log, run.folder / "losses.png")
    return run.weights


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second training out of a folder while one is at work there, where the system can."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                problem = "another training is at work here; wait for it, or give another folder with --run"
                raise CloudEdgeError(problem, str(folder)) from error
        yield


def trained(run: Run, data: DataSet) -> Path:
    """Give the path of the weights of a run, put there by hand perhaps; trains where they are not there yet.

    Raises CloudEdgeError for a folder of another recipe, be it one with fewer phases: its weights would be taken for
    those of all.
    """
    mine = check_claim(run, data)
    if not run.weights.exists():
        return train(run, data)
    _write(run, mine)
    return run.weights


def trainer_of(run: Run, data: DataSet) -> Trainer:
    """Give the trainer of a run, with its teachers, which are trained where their weights are not there yet.

    Raises CloudEdgeError for weights to start from that do not fit, before any teacher is trained. The first teacher
    has the seed of the run, so that it is what its recipe gives by itself.
    """
    build(run.recipe.architecture, run.recipe.weights)
    teachers = [
        build(teacher.recipe.architecture, str(trained(teacher, data.for_recipe(teacher.recipe))))
        for teacher in teachers_of(run)
    ]
    return Trainer(replace(run.recipe, seed=run.seed), run.folder, teachers)


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
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin_worker, (threads,)) as pool:
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


def _begin_worker(threads: int) -> None:
    """Use so many threads, and end with the process that began it: one that is killed cannot tell its workers to."""
    torch.set_num_threads(threads)
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # as if killed too: what it had done lies in its checkpoint
