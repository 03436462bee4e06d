"""Runs in their folders: which run a folder belongs to, its teachers, and its weights."""

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
from export.data.data_set import DataSet
from export.data.folds import digest
from export.files import write_json
from export.training import curves
from export.training.batches import training_sets
from export.training.network import build, save_weights
from export.training.recipe import Recipe, load_recipe
from export.training.trainer import Trainer

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
        """The weights of the finished run."""
        return self.folder / WEIGHTS


@dataclass(frozen=True, slots=True)
class Claim:
    """Which run a folder belongs to: a recipe, the seed of its training, and a digest of the photos."""

    recipe: Recipe
    seed: int
    photos: str


def check_claim(run: Run, data: DataSet, *, growing: bool = False) -> Claim:
    """Return the claim of a run on the photos of a data set, where its folder is unclaimed or its own.

    If the run is `growing`, its recipe may have more phases than the claimed one. Raises CloudEdgeError for a folder of
    another recipe or of other photos, and for a reviewer without a weight in the recipe.
    """
    _check_reviewers(run.recipe, data)
    wanted = Claim(run.recipe, run.seed, _digest(data))
    claimed = _read(run)
    if claimed is None:
        return wanted
    same = _grows(claimed.recipe, run.recipe) if growing else claimed.recipe == run.recipe
    if not same or claimed.seed != wanted.seed:
        raise CloudEdgeError("holds the run of another recipe; give another folder with --run", str(run.folder))
    if claimed.photos != wanted.photos:
        raise CloudEdgeError("holds a run on other photos or labels; give another folder with --run", str(run.folder))
    return wanted


def _check_reviewers(recipe: Recipe, data: DataSet) -> None:
    unknown = {reviewer for photo in data.photos for reviewer in photo.reviews} - recipe.labels.keys()
    if unknown:
        name = min(unknown)
        problem = f"has a reviewer {name!r} who is not in the recipe's labels; add a weight there, or"
        raise CloudEdgeError(f"{problem} {name} = 0", str(data.root / "review.csv"))


def claim(run: Run, data: DataSet) -> None:
    """Write down which run the folder belongs to, so that no other resumes it; see `check_claim`."""
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
        problem = f"does not say which run this folder belongs to ({error}); give another folder with --run"
        raise CloudEdgeError(problem, str(path)) from error


def _grows(claimed: Recipe, recipe: Recipe) -> bool:
    """Return whether a recipe is the claimed one, perhaps with more phases at its end."""
    return replace(recipe, phases=recipe.phases[: len(claimed.phases)]) == claimed


def _digest(data: DataSet) -> str:
    """Return a checksum of what decides the folds and the targets: the photos with their labels and reviews."""
    rows = [
        (photo.file, photo.sha256, photo.group, photo.stratum, photo.genus, photo.conflict, photo.reviews)
        for photo in (*data.learned, *data.elsewhere.calibration)
    ]
    return digest(rows)


def train(run: Run, data: DataSet) -> Path:
    """Train on the photos of a data set, resuming from its checkpoint; return the path of the weights.

    The seed decides everything but the folds, which follow from the recipe's seed. Teachers are trained first, on the
    same folds. Raises CloudEdgeError if the folder holds a run of another recipe or of other photos; a recipe that only
    got more phases resumes.
    """
    check_claim(run, data, growing=True)
    trainer, sets = trainer_of(run, data), training_sets(run.recipe, data)
    with _alone(run.folder):
        mine = check_claim(run, data, growing=True)  # again: while its teachers learned, another may have claimed it
        if _read(run) not in (None, mine):  # the recipe has grown, and these weights are of its first phases
            run.weights.unlink(missing_ok=True)
        _write(run, mine)  # only now: a training that cannot begin claims no folder
        network = trainer.run(*sets)
        if not all(weight.half().isfinite().all() for weight in network.parameters()):
            problem = "holds a training that diverged: its weights are not finite; lower lr, and give another folder"
            raise CloudEdgeError(f"{problem} with --run", str(run.folder))
        save_weights(network, run.weights)
        curves.loss_curves(trainer.log, run.folder / "losses.png")
    return run.weights


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second training out of a folder while one runs there, if the system can."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                problem = "another training is running here; wait for it, or give another folder with --run"
                raise CloudEdgeError(problem, str(folder)) from error
        yield


def trained(run: Run, data: DataSet) -> Path:
    """Return the path of the weights of a run, after training if they do not exist; a user may have put them there.

    Raises CloudEdgeError for a folder of another recipe, also of one with fewer phases: its weights would pass for
    those of all phases.
    """
    mine = check_claim(run, data)
    if not run.weights.exists():
        return train(run, data)
    _write(run, mine)
    return run.weights


def trainer_of(run: Run, data: DataSet) -> Trainer:
    """Return the trainer of a run with its teachers, which are trained if their weights do not exist.

    Raises CloudEdgeError for weights to start from that do not fit, before any teacher is trained. The first teacher
    has the seed of the run, so that its own recipe alone yields the same network.
    """
    build(run.recipe.architecture, run.recipe.weights)
    teachers = [
        build(teacher.recipe.architecture, str(trained(teacher, data.for_recipe(teacher.recipe))))
        for teacher in teachers_of(run)
    ]
    return Trainer(replace(run.recipe, seed=run.seed), run.folder, teachers)


def teachers_of(run: Run) -> list[Run]:
    """Return the runs of the teachers of a run, in its folder, on its folds."""
    return [
        Run(
            _on_folds_of(run.recipe, load_recipe(Path(path))),
            run.seed + 100 * number,
            run.folder / f"teacher-{number + 1}",
        )
        for number, path in enumerate(run.recipe.teachers)
    ]


def teaching(plan: Sequence[Run]) -> list[list[Run]]:
    """Return the runs that must end before those of the plan can begin: teachers, and before them their own teachers.

    A run that has its weights needs no teacher any more.
    """
    stages: list[list[Run]] = []
    while plan := [teacher for run in plan if not run.weights.exists() for teacher in teachers_of(run)]:
        stages.insert(0, list(plan))
    return stages


def side_by_side(jobs: int, do: Callable[[Run], object], plan: Sequence[Run], what: str) -> None:
    """Call `do` for each run, `jobs` at a time; if several, each in a process with its share of the threads."""
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
        except BaseException:  # running trainings finish, and no other begins
            pool.shutdown(cancel_futures=True)
            raise


def _on_folds_of(recipe: Recipe, teacher: Recipe) -> Recipe:
    """Return the recipe of a teacher for the folds of its student."""
    return replace(
        teacher,
        seed=recipe.seed,
        folds=recipe.folds,
        test_fold=recipe.test_fold,
        validation_fold=recipe.validation_fold,
    )


def _begin_worker(threads: int) -> None:
    """Use `threads` threads, and end with the parent process: one that is killed cannot end its workers."""
    torch.set_num_threads(threads)
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # as if killed too: its checkpoint holds what it had done
