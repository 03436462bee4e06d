"""Pictures of a training, as PNG."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from cloudedge.files import replacing
from export.training.learning_rate import Curve, Suggestions

mpl.use("Agg")


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
    save(figure, path)


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
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")
