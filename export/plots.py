"""Pictures of a run, as PNG."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cloudedge.files import replacing
from cloudedge.genera import GENERA
from export.evaluation import CALIBRATION_BINS, REASONS, Answers, Array, calibration_bins
from export.learning_rate import Curve, Suggestions

ABBREVIATIONS = [genus.abbreviation for genus in GENERA]
GENUS_NUMBERS = np.arange(len(GENERA))[:, None]
FATE_COLOURS = ("#1b7837", "#b2182b", "#c7c7c7", "#e6ab02", "#404040", "#74add1")  # right, wrong, then the reasons
mpl.use("Agg")


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
    _save(figure, path)


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
    _save(figure, path)


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
    _save(figure, path)


def loss_curves(log: Path, path: Path) -> None:
    """Draw the losses of a run's `log.csv`, one line for each, with the phases marked."""
    with log.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("hint", "verdict", "label"):
        points = [(k, float(row[name])) for k, row in enumerate(rows) if row[name]]
        if points:
            marker = "o" if len(points) == 1 else ""  # a single point makes no line
            axes.plot(*zip(*points, strict=True), label=name, linewidth=0.8, marker=marker)
    for k in range(1, len(rows)):
        if rows[k]["phase"] != rows[k - 1]["phase"]:
            axes.axvline(k, color="0.7", linewidth=0.8)
            axes.text(k, axes.get_ylim()[1], rows[k]["phase"], va="top", fontsize=8)
    axes.set(xlabel="logged steps", ylabel="weighted loss")
    axes.legend()
    _save(figure, path)


def learning_rates(curve: Curve, suggestions: Suggestions, title: str, path: Path) -> None:
    """Draw the smoothed loss against the learning rate, with the suggestions marked."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.rates, curve.losses)
    for (name, rate), colour in zip(asdict(suggestions).items(), ("C1", "C2", "C3"), strict=True):
        loss = np.interp(rate, curve.rates, curve.losses)
        axes.plot(rate, loss, marker="o", color=colour, linestyle="", label=f"{name} {rate:.1e}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss", title=title)
    # Where the loss has gone away nothing is to be seen, and at its height the rest would be a flat line.
    axes.set_ylim(0.97 * curve.losses.min(), 1.2 * curve.losses[0])
    axes.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")
