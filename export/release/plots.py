"""Pictures of how right a model is, as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cloudedge.genera import GENERA
from export.release.evaluation import CALIBRATION_BINS, REASONS, Answers, Array, calibration_bins
from export.training.curves import save

ABBREVIATIONS = [genus.abbreviation for genus in GENERA]
GENUS_NUMBERS = np.arange(len(GENERA))[:, None]
FATE_COLOURS = ("#1b7837", "#b2182b", "#c7c7c7", "#e6ab02", "#404040", "#74add1")  # right, wrong, then the reasons


def confusion_matrix(counts: npt.NDArray[np.int64], title: str, path: Path) -> None:
    """Draw counts (label, prediction); the shade is the share of the label's photos."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=shade, fontsize=9)
    axes.set_xticks(range(len(ABBREVIATIONS)), ABBREVIATIONS)
    axes.set_yticks(range(len(ABBREVIATIONS)), ABBREVIATIONS)
    axes.set(xlabel="predicted", ylabel="label", title=title)
    save(figure, path)


def genera(answers: Answers, labels: npt.NDArray[np.int64], title: str, path: Path) -> None:
    """Draw what share of each genus' photos is named for certain, rightly or wrongly, and why the rest is not."""
    right = answers.first == labels
    fates = {"certain, right": answers.certain & right, "certain, wrong": answers.certain & ~right}
    fates |= {reason.replace("_", " "): answers.reasons == reason for reason in REASONS}
    counts = np.array([[(mine & fate).sum() for fate in fates.values()] for mine in labels == GENUS_NUMBERS])
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = figure.subplots()
    for k, (fate, colour) in enumerate(zip(fates, FATE_COLOURS, strict=True)):
        axes.barh(ABBREVIATIONS, shares[:, k], left=shares[:, :k].sum(axis=1), color=colour, label=fate)
    axes.set_yticks(ABBREVIATIONS, [f"{a} ({n})" for a, n in zip(ABBREVIATIONS, counts.sum(axis=1), strict=True)])
    axes.invert_yaxis()
    axes.set(xlabel="% of the photos of a genus (their number)", title=title, xlim=(0, 100))
    figure.legend(loc="outside right upper", frameon=False)
    save(figure, path)


def reliability(probabilities: Array, labels: npt.NDArray[np.int64], title: str, path: Path) -> None:
    """Draw how often the first choice is right against how sure it is, and how many photos stand behind each point."""
    bins = calibration_bins(probabilities, labels)
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    upper.plot([b.confidence for b in bins], [b.right for b in bins], marker="o")
    upper.set(ylabel="share right", title=title, xlim=(0, 1), ylim=(0, 1))
    places = [(b.number + 0.5) / CALIBRATION_BINS for b in bins]
    lower.bar(places, [b.photos for b in bins], width=0.9 / CALIBRATION_BINS)
    lower.set(xlabel="probability of the first choice", ylabel="photos")
    save(figure, path)
