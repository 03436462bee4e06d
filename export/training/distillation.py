"""What a student is compared with: the maps of a frozen ImageNet network, and the verdict of trained ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from export.training.network import CloudNetwork, Maps


class HintLoss(nn.Module):
    """The distance between linear maps of the student's features and a teacher's, at every stride.

    Both sides are centred and scaled per channel over the batch, then compared by cosine, at each position and, for the
    last stride, once more after pooling (after FitNets, Romero et al. 2015, arXiv:1412.6550). The teacher's maps may be
    larger: they are averaged down to the student's.
    """

    def __init__(self, student: CloudNetwork, teacher: CloudNetwork) -> None:
        super().__init__()
        self.project = nn.ModuleDict(
            {
                str(stride): nn.Conv2d(student.channels[stride], teacher.channels[stride], 1)
                for stride in teacher.channels
            }
        )

    def forward(self, student: Maps, teacher: Maps) -> torch.Tensor:
        """Return the mean of the cosine distances, a scalar in 0..2."""
        pairs = [
            (self.project[str(stride)](ours), F.adaptive_avg_pool2d(teacher[stride], (ours.shape[2], ours.shape[3])))
            for stride, ours in student.items()
        ]
        last = pairs[-1]
        pairs.append((last[0].mean(dim=(2, 3), keepdim=True), last[1].mean(dim=(2, 3), keepdim=True)))
        distances = [1 - F.cosine_similarity(_standardise(ours), _standardise(theirs)).mean() for ours, theirs in pairs]
        return torch.stack(distances).mean()


def _standardise(maps: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(maps, None, None, training=True)


def verdict_loss(logits: torch.Tensor, verdicts: Sequence[torch.Tensor], temperature: float = 2.0) -> torch.Tensor:
    """Return KL(teachers, student) of logits (N, 10) at `temperature`, times its square (arXiv:1503.02531).

    The teachers' verdict is the mean of their probabilities.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = torch.stack([F.softmax(verdict / temperature, dim=1) for verdict in verdicts]).mean(dim=0)
    return F.kl_div(student, teacher, reduction="batchmean") * temperature**2
