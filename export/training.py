"""Training by a recipe: phases of one-cycle AdamW with averaged weights, resumable at any step."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from export import augment
from export.distillation import HintLoss, verdict_loss
from export.network import CloudNetwork, build
from export.recipe import Phase, Recipe
from export.schedule import one_cycle

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The photos a phase may see: uint8 (N, S, S, 3), and soft targets float32 (N, 10), NaN where a photo has none."""

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]

    def subset(self, keep: npt.NDArray[np.bool_]) -> TrainingSet:
        """Keep the photos where `keep` is true."""
        return TrainingSet(self.pixels[keep], self.targets[keep])


class _Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The crops of one phase in order; crop k is the same in every run, so that a run can be resumed exactly."""

    def __init__(self, data: TrainingSet, phase: Phase, seed: int) -> None:
        self.data = data
        self.seed = seed
        self.transform = augment.training_transform(phase.size, phase.min_scale)
        self.order = _draw(data.targets, phase, seed)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(self.seed * 1_000_003 + position)
        index = self.order[position]
        image = torch.from_numpy(self.data.pixels[index]).permute(2, 0, 1)
        return self.transform(image), torch.from_numpy(self.data.targets[index])


def _draw(targets: npt.NDArray[np.float32], phase: Phase, seed: int) -> npt.NDArray[np.int64]:
    """Draw the order of photos, int64 (images,): the rarer a genus, the more often, to the power `balance`."""
    rng = np.random.default_rng(seed)
    if phase.unlabelled:
        epochs = -(-phase.images // len(targets))
        return np.concatenate([rng.permutation(len(targets)) for _ in range(epochs)])[: phase.images]
    mass = np.maximum(targets.sum(axis=0), 1e-9) ** -phase.balance  # a genus may be missing
    weights = (targets * mass).sum(axis=1)
    return rng.choice(len(targets), size=phase.images, p=weights / weights.sum())


class Trainer:
    """One run in one folder: `checkpoint.pt` to go on from, `log.csv` to plot."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        self.folder = folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(recipe.seed)
        self.network = self._place(build(recipe.name, recipe.weights))
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
        self.pretrained = self._teacher("imagenet") if any(phase.hint for phase in recipe.phases) else None
        self.trained = self._teacher(recipe.verdict_weights) if any(phase.verdict for phase in recipe.phases) else None
        self.hints = HintLoss(self.network, self.pretrained).to(self.device) if self.pretrained else None
        # Only where the processor multiplies bfloat16 itself: elsewhere it is emulated, ten times slower than float32.
        self.bfloat16 = self.device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        self.phase_index = 0
        self.step = 0
        self._saved = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    def _place(self, network: CloudNetwork) -> CloudNetwork:
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _teacher(self, weights: str) -> CloudNetwork:
        return self._place(build("lite0", weights)).requires_grad_(False).eval()

    @property
    def checkpoint(self) -> Path:
        """Where the state of the run lies."""
        return self.folder / "checkpoint.pt"

    def run(self, all_photos: TrainingSet, labelled: TrainingSet) -> CloudNetwork:
        """Train through all phases, from the checkpoint where there is one; gives the averaged network on the CPU."""
        optimiser_state = self._restore() if self.checkpoint.exists() else {}
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
        parameters = [*self.network.parameters(), *(self.hints.parameters() if self.hints else ())]
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=phase.lr, weight_decay=phase.weight_decay)

    def _run_phase(self, phase: Phase, data: TrainingSet, optimiser: torch.optim.AdamW) -> None:
        seed = self.recipe.seed * 100 + self.phase_index
        crops = _Crops(data, phase, seed)
        steps = len(crops) // phase.batch
        positions = range(self.step * phase.batch, steps * phase.batch)
        workers = (
            torch.get_num_threads() - 1 if self.device.type == "cuda" else 0
        )  # on a CPU the training wants every core
        loader = DataLoader(crops, batch_size=phase.batch, sampler=positions, num_workers=workers)
        self.network.train()
        for images, targets in tqdm(loader, desc=phase.name, initial=self.step, total=steps, mininterval=5):
            rate = one_cycle(self.step / steps, phase.lr, warmup=phase.warmup)
            for group in optimiser.param_groups:
                group["lr"] = rate
            losses = self._train_step(phase, images, targets, optimiser, seed)
            self.step += 1
            if self.step % 10 == 0:
                self._log(phase, rate, losses)
            if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._save(optimiser)

    def _train_step(
        self, phase: Phase, images: torch.Tensor, targets: torch.Tensor, optimiser: torch.optim.AdamW, seed: int
    ) -> dict[str, float]:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + self.step)
        batch = augment.normalise(images.to(self.device, memory_format=torch.channels_last))
        targets = targets.to(self.device)
        if torch.rand((), generator=generator).item() < phase.mixup:
            batch, targets = augment.mixup(batch, targets, 1.0, generator)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            losses = self._losses(phase, batch, targets)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        self.average.update_parameters(self.network)
        return {name: loss.item() for name, loss in losses.items()}

    def _losses(self, phase: Phase, batch: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.network.maps(batch)
        logits = self.network.judge(maps).float()
        losses: dict[str, torch.Tensor] = {}
        if phase.hint and self.pretrained and self.hints:
            with torch.no_grad():
                theirs = self.pretrained.maps(batch)
            losses["hint"] = phase.hint * self.hints(maps, theirs).float()
        if phase.verdict and self.trained:
            with torch.no_grad():
                verdict = self.trained(batch).float()
            losses["verdict"] = phase.verdict * verdict_loss(logits, verdict)
        if phase.label:
            losses["label"] = phase.label * F.cross_entropy(logits, targets)
        return losses

    def _log(self, phase: Phase, rate: float, losses: dict[str, float]) -> None:
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if fresh:
                writer.writerow(["phase", "step", "lr", "hint", "verdict", "label"])
            columns = [f"{losses[name]:.5f}" if name in losses else "" for name in ("hint", "verdict", "label")]
            writer.writerow([phase.name, self.step, f"{rate:.3e}", *columns])

    def _save(self, optimiser: torch.optim.AdamW) -> None:
        state = {
            "phase": self.phase_index,
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "hints": self.hints.state_dict() if self.hints else None,
            "optimiser": optimiser.state_dict(),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)
        self._saved = time.monotonic()

    def _restore(self) -> dict[str, Any]:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.phase_index, self.step = state["phase"], state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        if self.hints:
            self.hints.load_state_dict(state["hints"])
        optimiser: dict[str, Any] = state["optimiser"]
        return optimiser
