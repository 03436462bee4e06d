"""Training by a recipe: phases of one-cycle AdamW with averaged weights, resumable at any step."""

from __future__ import annotations

import copy
import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from cloudedge.errors import CloudEdgeError
from cloudedge.files import replacing
from export.files import read_csv, write_csv
from export.training.batches import Batch, Batches, phase_seed
from export.training.batches import TrainingSet as TrainingSet  # a part of the trainer's own interface
from export.training.distillation import HintLoss, verdict_loss
from export.training.learning_rate import STEPS, Curve, sweep
from export.training.network import CloudNetwork, build
from export.training.recipe import Phase, Recipe
from export.training.schedule import discriminative, one_cycle

CHECKPOINT_SECONDS = 60.0
LOG_HEADER = ("phase", "step", "lr", "hint", "verdict", "label")


class Trainer:
    """One run in one folder: `checkpoint.pt` to resume from, `log.csv` to plot.

    `teachers` are trained networks, for the phases with a verdict.
    """

    def __init__(self, recipe: Recipe, folder: Path, teachers: Sequence[CloudNetwork] = ()) -> None:
        self.recipe = recipe
        self.folder = folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(recipe.seed)
        self.network = self._place(build(recipe.architecture, recipe.weights))
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
        hinted = any(phase.hint for phase in recipe.phases)
        self.pretrained = self._frozen(build("lite0", "imagenet")) if hinted else None
        self.trained = [self._frozen(teacher) for teacher in teachers]
        self.hints = HintLoss(self.network, self.pretrained).to(self.device) if self.pretrained else None
        # Depthwise convolutions train at half the speed of float32 on a CPU even where it multiplies bfloat16.
        self.multiplies_bfloat16 = self.device.type == "cuda" or _multiplies_bfloat16()
        self.bfloat16 = self.multiplies_bfloat16 and (self.device.type == "cuda" or not self.network.depthwise)
        self.phase_index = 0
        self.step = 0
        self._saved = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    def _place(self, network: CloudNetwork) -> CloudNetwork:
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _frozen(self, teacher: CloudNetwork) -> CloudNetwork:
        return self._place(teacher).requires_grad_(False).eval()

    @property
    def checkpoint(self) -> Path:
        """The file with the state of the run."""
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """The file with the rate and the losses of every tenth step, and of the last of each phase."""
        return self.folder / "log.csv"

    def run(self, all_photos: TrainingSet, labelled: TrainingSet) -> CloudNetwork:
        """Train through all phases, from the checkpoint if there is one; return the averaged network on the CPU."""
        optimiser_state = self._restore() if self.checkpoint.exists() else {}
        self._cut_log()
        while self.phase_index < len(self.recipe.phases):
            phase = self.recipe.phases[self.phase_index]
            optimiser = self._optimiser(phase)
            if self.step:
                optimiser.load_state_dict(optimiser_state)
            self._run_phase(phase, all_photos if phase.unlabelled else labelled, optimiser)
            self.network.load_state_dict(self.average.module.state_dict())
            self.phase_index, self.step = self.phase_index + 1, 0
            self._save(optimiser)
        network: CloudNetwork = self.average.module  # type: ignore[assignment]
        return network.cpu().eval()

    def _optimiser(self, phase: Phase) -> torch.optim.AdamW:
        early, late = self.network.body_groups()
        head = [self.network.head, *([self.hints] if self.hints else [])]
        rates = discriminative(phase.lr_first or phase.lr, phase.lr, groups=3)
        groups: list[dict[str, Any]] = []
        for modules, rate in zip((early, late, head), rates, strict=True):
            parameters = [p for module in modules for p in module.parameters()]
            matrices = [p for p in parameters if p.ndim > 1]
            vectors = [p for p in parameters if p.ndim <= 1]
            for matrix in matrices:
                matrix.requires_grad_(modules is head or not phase.frozen)
            share = rate / phase.lr
            groups += [{"params": matrices, "share": share}, {"params": vectors, "share": share, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=phase.lr, weight_decay=phase.weight_decay, fused=True)

    def _run_phase(self, phase: Phase, data: TrainingSet, optimiser: torch.optim.AdamW) -> None:
        batches = self._batches(phase, data)
        steps = len(batches)
        self._set_mode(phase)
        for step in tqdm(range(self.step, steps), desc=phase.name, initial=self.step, total=steps, mininterval=5):
            rate = one_cycle(step / steps, phase.lr, warmup=phase.warmup)
            _set_rate(optimiser, rate)
            losses = self._train_step(phase, batches[step], optimiser)
            self.step += 1
            if self.step % 10 == 0 or self.step == steps:
                self._log(phase, rate, losses)
            if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._save(optimiser)

    def _set_mode(self, phase: Phase) -> None:
        self.network.train()
        for module in self.network.modules():
            if phase.keep_statistics and isinstance(module, torch.nn.BatchNorm2d):
                module.eval()

    def _batches(self, phase: Phase, data: TrainingSet) -> Batches:
        return Batches(data, phase, phase_seed(self.recipe, self.phase_index), self.device)

    def sweep_rates(self, all_photos: TrainingSet, labelled: TrainingSet) -> Curve:
        """Train at ever higher rates in the phase that comes next, then put every weight back.

        Starts from the checkpoint if there is one. Raises CloudEdgeError for a finished run.
        """
        if self.checkpoint.exists():
            self._restore()
        if self.phase_index == len(self.recipe.phases):
            raise CloudEdgeError("holds a finished run; give another folder with --run", str(self.folder))
        phase = self.recipe.phases[self.phase_index]
        phase = replace(phase, images=STEPS * phase.batch)
        optimiser = self._optimiser(phase)
        batches = iter(self._batches(phase, all_photos if phase.unlabelled else labelled))
        before = copy.deepcopy(self._state(optimiser))

        def step(rate: float) -> float:
            _set_rate(optimiser, rate)
            losses = self._train_step(phase, next(batches), optimiser)
            self.step += 1
            return float(sum(losses.values()))

        self._set_mode(phase)
        curve = sweep(step)
        self._load(before)
        return curve

    def _train_step(self, phase: Phase, batch: Batch, optimiser: torch.optim.AdamW) -> dict[str, torch.Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            losses = self._losses(phase, batch)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        self.average.update_parameters(self.network)
        return {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, phase: Phase, batch: Batch) -> dict[str, torch.Tensor]:
        maps = self.network.maps(batch.seen.contiguous(memory_format=torch.channels_last))
        logits = self.network.classify(maps).float()
        losses: dict[str, torch.Tensor] = {}
        teachers = self.trained if phase.verdict else [self.pretrained] if phase.hint and self.pretrained else []
        if teachers:
            images = batch.images.contiguous(memory_format=torch.channels_last)
            # bfloat16 pays for the teachers even where it does not for the training: they only run forward.
            with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.multiplies_bfloat16):
                theirs = [teacher.maps(images) for teacher in teachers]
                verdicts = [
                    teacher.classify(of_one) for teacher, of_one in zip(teachers, theirs, strict=True) if phase.verdict
                ]
            if phase.hint and self.hints:
                losses["hint"] = phase.hint * self.hints(maps, theirs[0]).float()
            if phase.verdict:
                losses["verdict"] = phase.verdict * verdict_loss(logits, [verdict.float() for verdict in verdicts])
        if phase.label:
            losses["label"] = phase.label * F.cross_entropy(logits, batch.targets)
        return losses

    def _log(self, phase: Phase, rate: float, losses: dict[str, torch.Tensor]) -> None:
        with self.log.open("a", newline="", encoding="utf-8") as stream:
            columns = [f"{losses[name]:.5f}" if name in losses else "" for name in LOG_HEADER[3:]]
            csv.writer(stream, lineterminator="\n").writerow([phase.name, self.step, f"{rate:.3e}", *columns])

    def _cut_log(self) -> None:
        """Drop the rows past the step from which the run resumes: it logged them after its checkpoint."""
        rows = read_csv(self.log, LOG_HEADER) if self.log.exists() else []
        places = {phase.name: index for index, phase in enumerate(self.recipe.phases)}
        reached = (self.phase_index, self.step)
        whole = (row for row in rows if row["step"].isdecimal())
        kept = [row for row in whole if (places.get(row["phase"], -1), int(row["step"])) <= reached]
        write_csv(self.log, LOG_HEADER, ([row[name] for name in LOG_HEADER] for row in kept))

    def _state(self, optimiser: torch.optim.AdamW) -> dict[str, Any]:
        return {
            "phase": self.phase_index,
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "hints": self.hints.state_dict() if self.hints else None,
            "optimiser": optimiser.state_dict(),
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.phase_index, self.step = state["phase"], state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        if self.hints:
            self.hints.load_state_dict(state["hints"])

    def _save(self, optimiser: torch.optim.AdamW) -> None:
        with replacing(self.checkpoint) as partial, partial.open("wb") as stream:
            torch.save(self._state(optimiser), stream)  # not to the path: torch would not report a full disk
        self._saved = time.monotonic()

    def _restore(self) -> dict[str, Any]:
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self._load(state)
        except (OSError, RuntimeError, KeyError, TypeError, EOFError, UnpicklingError) as error:
            problem = "is damaged, or belongs to another network; give another folder with --run"
            raise CloudEdgeError(problem, str(self.checkpoint)) from error
        optimiser: dict[str, Any] = state["optimiser"]
        return optimiser


def _multiplies_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16; otherwise torch emulates it, at half the speed or less."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # the last one is Arm's


def _set_rate(optimiser: torch.optim.AdamW, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]
